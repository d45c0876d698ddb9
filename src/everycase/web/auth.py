"""Who is asking, and whether they may: loopback, bearer token, or session cookie; and where from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from everycase.app import App
from everycase.domain.access import LOCAL, Caller, Role
from everycase.operations import access
from everycase.web.problems import RefusedRequest

COOKIE = "everycase_session"

bearer = HTTPBearer(
    auto_error=False, description="A token of `everycase token create`. Loopback without tokens needs none."
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def app_of(request: Request) -> App:
    found: App = request.app.state.everycase
    return found


Everycase = Annotated[App, Depends(app_of)]


def identify(request: Request, app: Everycase, credentials: Bearer) -> Caller | None:
    """Who is asking; None where nobody has said so.

    Raises `RefusedRequest` (401) for a bearer token that is not valid: it never falls back to the cookie.
    """
    if not request.app.state.needs_sign_in:
        return LOCAL
    if credentials is not None:
        caller = access.caller_of_token(app, credentials.credentials)
        if caller is None:
            raise RefusedRequest(401, "this token is not valid: `everycase token create` makes one")
        return caller
    cookie = request.cookies.get(COOKIE)
    return access.caller_of_session(app, cookie) if cookie else None


Identified = Annotated[Caller | None, Depends(identify)]


def requires(role: Role) -> Callable[..., Caller]:
    """A dependency that lets a caller with at least this role pass."""

    def check(caller: Identified) -> Caller:
        if caller is None:
            raise RefusedRequest(401, "a token is needed: `everycase token create` makes one")
        if not caller.role.covers(role):
            raise RefusedRequest(
                403, f"this needs the role {role}; the token of {caller.name!r} has {caller.role}"
            )
        return caller

    return check


Viewer = Annotated[Caller, Depends(requires(Role.VIEWER))]
Operator = Annotated[Caller, Depends(requires(Role.OPERATOR))]
VIEWERS = [Depends(requires(Role.VIEWER))]
"""Of a route that does not use the caller."""


def is_same_origin(request: Request) -> bool:
    """Whether a request that changes something comes from our own pages, or from no browser at all.

    `Sec-Fetch-Site` cannot be forged by a page; an `Origin` must be our own host. A program sends neither.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
