"""Signing in with a token, and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from everycase.operations import access
from everycase.web.auth import COOKIE, Everycase
from everycase.web.pages.frame import is_local_path, show_alone, to

router = APIRouter()


@router.get("/sign-in")
def ask(request: Request, next: Annotated[str, Query(max_length=2000)] = "/") -> HTMLResponse:
    return _form(request, next, problem=None)


@router.post("/sign-in")
def sign_in(
    request: Request,
    app: Everycase,
    token: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    address = request.client.host if request.client else "unknown"
    try:
        session = access.sign_in(app, token.strip(), address=address)
    except access.TooManyAttempts as e:
        return _form(request, next, problem=str(e), status=429)
    except access.SignInRefused:
        return _form(request, next, problem="This token is not valid.", status=401)
    response = to(next if is_local_path(next) else "/")
    set_cookie(request, response, session.secret)
    return response


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """A session cookie: not for scripts, not for other sites, over https alone where there is https."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(access.SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.app.state.is_secure,
        path="/",
    )


@router.post("/sign-out")
def sign_out(request: Request, app: Everycase) -> Response:
    if secret := request.cookies.get(COOKIE):
        access.sign_out(app, secret)
    response = to("/sign-in")
    response.delete_cookie(COOKIE, path="/")
    return response


def _form(request: Request, next: str, *, problem: str | None, status: int = 200) -> HTMLResponse:
    has_oidc = bool(getattr(request.app.state, "oidc", None))
    return show_alone("sign_in", status=status, next=next, problem=problem, has_oidc=has_oidc)
