"""What all pages have: the frame with navigation, and the rights of whoever looks."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from everycase.domain.access import Caller, Role
from everycase.operations import inbox
from everycase.web import templating


def show(request: Request, name: str, caller: Caller, place: str = "", **values: Any) -> HTMLResponse:
    """The page `name` for this caller. `place`: which entry of the navigation is the current one."""
    waiting = inbox.count_waiting(request.app.state.everycase)
    return HTMLResponse(_render(name, caller, place, waiting, values))


def show_alone(name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for somebody who has not signed in."""
    return HTMLResponse(_render(name, None, "", 0, values), status_code=status)


def message(status: int, detail: str) -> str:
    """An error as a page."""
    title = {404: "There is no such page", 403: "You may not do this"}.get(status, HTTPStatus(status).phrase)
    return _render("message", None, "", 0, {"title": title, "detail": detail})


def _render(name: str, caller: Caller | None, place: str, waiting: int, values: dict[str, Any]) -> str:
    is_operator = caller is not None and caller.role.covers(Role.OPERATOR)
    shared = {"caller": caller, "place": place, "open_failures": waiting, "is_operator": is_operator}
    return templating.render(name, {**shared, **values})


def to(path: str) -> RedirectResponse:
    """Go on with a GET after a form."""
    return RedirectResponse(path, status_code=HTTPStatus.SEE_OTHER)


def to_sign_in(request: Request) -> Response:
    """Sign in first, then come back."""
    where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return to(f"/sign-in?next={quote(where if request.method == 'GET' else '/')}")


def is_local_path(path: str) -> bool:
    """Whether a path leads to a page of ours and to nobody else's."""
    return path.startswith("/") and not path.startswith(("//", "/\\"))
