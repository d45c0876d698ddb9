"""What holds for every request, whatever its route: host, origin, security headers, and always an answer."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from everycase.web import auth
from everycase.web.pages import frame
from everycase.web.problems import problem

log = structlog.get_logger()

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Plain ASGI: what it does costs no task and no queue a request."""

    def __init__(self, app: ASGIApp, *, needs_sign_in: bool, is_secure: bool) -> None:
        """`is_secure`: the service is reached by https."""
        self._app, self._needs_sign_in = app, needs_sign_in
        https = {"Strict-Transport-Security": "max-age=31536000"} if is_secure else {}
        self._headers = {**HEADERS, **https}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, has_begun = Request(scope), False
        if scope["method"] == "HEAD":  # the server leaves the body out
            scope = {**scope, "method": "GET"}

        async def send_guarded(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await (self._refusal(request) or self._app)(scope, receive, send_guarded)
        except Exception as e:
            if has_begun:
                raise
            log.error("request_failed", path=scope["path"], error=type(e).__name__, exc_info=True)
            await frame.answer_error(request, 500, _FAILED)(scope, receive, send_guarded)

    def _refusal(self, request: Request) -> Response | None:
        """Why the request is not even looked at."""
        if not self._needs_sign_in and (request.url.hostname or "") not in LOOPBACK:
            return problem(421, "without tokens the service answers on the loopback address only")
        if request.method not in _SAFE and not auth.is_same_origin(request):
            return problem(403, "this request comes from another site: nothing was done")
        return None


_FAILED = "this is a fault of everycase, not of the request: its log says which (`request_failed`)"
