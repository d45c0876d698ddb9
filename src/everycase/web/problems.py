"""Errors as `application/problem+json` (RFC 9457) for programs, and as a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

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
    """An error as a program reads it."""
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


def validation_sentence(error: RequestValidationError) -> str:
    """Which parameter is wrong and why, without its value."""
    found = [f"{'.'.join(str(p) for p in e['loc'][1:]) or e['loc'][0]}: {e['msg']}" for e in error.errors()]
    return "; ".join(found)


def is_api(request: Request) -> bool:
    return request.url.path.startswith(("/api", "/metrics", "/healthz", "/readyz"))
