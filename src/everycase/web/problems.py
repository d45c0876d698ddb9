"""Errors as `application/problem+json` (RFC 9457) for programs, and as a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount

from everycase.domain.errors import EverycaseError, ExitCode, NotFound, RowRefused

MEDIA_TYPE = "application/problem+json"

_STATUS: Mapping[ExitCode, HTTPStatus] = {
    ExitCode.WRONG_USE: HTTPStatus.UNPROCESSABLE_ENTITY,
    ExitCode.STOPPED: HTTPStatus.CONFLICT,
    ExitCode.BUSY: HTTPStatus.CONFLICT,
    ExitCode.UNREACHABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = Field(default="about:blank", description="Always `about:blank`: the title says what it is.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One sentence: what is wrong, and what to do.")


class RefusedRequest(HTTPException):
    """The caller may not do this. The detail says what is needed."""


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as a program reads it. A part of the request that is no Unicode is shown as `?`."""
    detail = detail.encode("utf-8", "replace").decode("utf-8")
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(
        body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def status_of(error: EverycaseError) -> HTTPStatus:
    if isinstance(error, NotFound):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, RowRefused):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return _STATUS.get(error.exit_code, HTTPStatus.INTERNAL_SERVER_ERROR)


def explain(request: Request, error: HTTPException) -> HTTPException:
    """The framework's error about an address or a method, with a sentence and the methods that it takes."""
    if error.detail != HTTPStatus(error.status_code).phrase:
        return error
    if error.status_code == HTTPStatus.NOT_FOUND:
        return HTTPException(404, "there is nothing at this address; `/api` lists what the API has")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        takes = ", ".join(m for m in ("GET", "POST") if _takes(request, m)) or "GET"
        sentence = f"this address does not take {request.method}: it takes {takes}"
        return HTTPException(405, sentence, headers={"Allow": takes})
    return error


def _takes(request: Request, method: str) -> bool:
    """Whether some route takes this address with another method. The framework names those of one route."""
    scope = {**request.scope, "method": method}
    routes = (r for r in request.app.routes if not isinstance(r, Mount))
    return any(r.matches(scope)[0] is Match.FULL for r in routes)


def validation_sentence(error: RequestValidationError) -> str:
    """Which parameter is wrong and why, without its value."""
    if any(e["type"] == "json_invalid" for e in error.errors()):
        return "the body of the request is not JSON"
    found = [f"{'.'.join(str(p) for p in e['loc'][1:]) or e['loc'][0]}: {e['msg']}" for e in error.errors()]
    return "; ".join(found)


def is_api(request: Request) -> bool:
    return request.url.path.startswith(("/api", "/metrics", "/healthz", "/readyz"))
