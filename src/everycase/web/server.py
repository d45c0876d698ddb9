"""The service as an ASGI application, and the process that serves it beside the schedule."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from importlib import metadata
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from everycase.app import App
from everycase.domain.errors import EverycaseError
from everycase.operations import health
from everycase.web import api, auth, live, metrics, pages
from everycase.web.pages import frame
from everycase.web.problems import is_api, problem, status_of, validation_sentence

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
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

Next = Callable[[Request], Awaitable[Response]]


def create(app: App, *, needs_sign_in: bool, is_secure: bool = False) -> FastAPI:
    """The application over one everycase. `is_secure`: it is reached by https, so cookies are marked so."""
    service = FastAPI(
        title="everycase",
        version=metadata.version("everycase"),
        summary="Every support case, accounted for.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    service.state.everycase = app
    service.state.needs_sign_in = needs_sign_in
    service.state.is_secure = is_secure
    service.state.is_ending = threading.Event()
    service.middleware("http")(_guard)
    _add_routes(service)
    _add_handlers(service)
    return service


def _add_routes(service: FastAPI) -> None:
    service.include_router(live.router, responses=api.PROBLEMS)
    service.include_router(api.router)
    service.include_router(pages.router, include_in_schema=False)
    service.add_api_route("/healthz", _alive, methods=["GET"], tags=["health"], operation_id="is_alive")
    service.add_api_route("/readyz", _ready, methods=["GET"], tags=["health"], operation_id="is_ready")
    service.add_api_route(
        "/metrics", _metrics, methods=["GET"], include_in_schema=False, dependencies=auth.VIEWERS
    )
    service.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")


def _add_handlers(service: FastAPI) -> None:
    service.add_exception_handler(HTTPException, _on_http)  # type: ignore[arg-type]
    service.add_exception_handler(RequestValidationError, _on_invalid)  # type: ignore[arg-type]
    service.add_exception_handler(EverycaseError, _on_error)  # type: ignore[arg-type]


async def _guard(request: Request, call: Next) -> Response:
    """Every request: is the host ours, does a change come from our own pages; then the security headers."""
    if not request.app.state.needs_sign_in and (request.url.hostname or "") not in LOOPBACK:
        response: Response = problem(421, "without tokens the service answers on the loopback address only")
    elif request.method not in _SAFE and not auth.is_same_origin(request):
        response = problem(403, "this request comes from another site: nothing was done")
    else:
        response = await call(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app.state.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


async def _on_http(request: Request, error: HTTPException) -> Response:
    if is_api(request):
        return problem(error.status_code, str(error.detail), headers=error.headers)
    if error.status_code == 401:
        return frame.to_sign_in(request)
    return _page(error.status_code, str(error.detail))


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    return _problem_or_page(request, 422, validation_sentence(error))


async def _on_error(request: Request, error: EverycaseError) -> Response:
    return _problem_or_page(request, status_of(error), str(error))


def _problem_or_page(request: Request, status: int, detail: str) -> Response:
    return problem(status, detail) if is_api(request) else _page(status, detail)


def _page(status: int, detail: str) -> Response:
    return HTMLResponse(frame.message(status, detail), status_code=status)


def _alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


def _ready(request: Request) -> Response:
    """The database and the index answer."""
    found = health.check_ready(request.app.state.everycase)
    if found:
        return problem(503, found)
    return Response('{"status":"ready"}', media_type="application/json")


def _metrics(app: auth.Everycase) -> Response:
    """The metrics of docs/metrics.md."""
    return Response(metrics.exposition(app), media_type=metrics.CONTENT_TYPE)
