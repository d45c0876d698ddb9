"""What all pages have: the frame with navigation, and the rights of whoever looks."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from everycase.domain.access import Caller, Role
from everycase.operations import inbox
from everycase.web import templating
from everycase.web.problems import is_api, problem

_TITLES = {
    400: "This request cannot be read",
    403: "You may not do this",
    404: "There is no such page",
    405: "This page does not take that",
    409: "Not now",
    422: "This address cannot be used",
    500: "Something went wrong here",
    503: "Something that is needed does not answer",
}


def show(
    request: Request, name: str, caller: Caller, place: str = "", *, waiting: int | None = None, **values: Any
) -> HTMLResponse:
    """The page `name` for this caller.

    `place`: which entry of the navigation is the current one; `waiting`: open failures, where the page has
    counted them already.
    """
    if waiting is None:
        waiting = inbox.count_waiting(request.app.state.everycase)
    return HTMLResponse(_render(name, caller, place, waiting, values))


def show_alone(name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for somebody who has not signed in."""
    return HTMLResponse(_render(name, None, "", 0, values), status_code=status)


def answer_error(
    request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """An error: as problem+json for programs, as a page for people."""
    if is_api(request):
        return problem(status, detail, headers=headers)
    return HTMLResponse(message(status, detail), status, headers=headers)


def message(status: int, detail: str) -> str:
    """An error as a page."""
    title = _TITLES.get(status, HTTPStatus(status).phrase)
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
