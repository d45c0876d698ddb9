"""The service as an ASGI application, and the process that serves it beside the schedule."""

from __future__ import annotations

import threading
from importlib import metadata
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from everycase.app import App
from everycase.domain.errors import EverycaseError
from everycase.operations import health
from everycase.web import api, auth, live, metrics, pages
from everycase.web.guard import Guard
from everycase.web.pages import frame
from everycase.web.problems import explain, is_api, problem, status_of, validation_sentence


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
    service.add_middleware(Guard, needs_sign_in=needs_sign_in, is_secure=is_secure)
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
    service.add_exception_handler(UnicodeEncodeError, _on_surrogate)
    service.add_exception_handler(EverycaseError, _on_error)  # type: ignore[arg-type]


async def _on_http(request: Request, error: HTTPException) -> Response:
    if error.status_code == 401 and not is_api(request):
        return frame.to_sign_in(request)
    told = explain(request, error)
    return frame.answer_error(request, told.status_code, str(told.detail), headers=told.headers)


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    return frame.answer_error(request, 422, validation_sentence(error))


async def _on_surrogate(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """JSON can name half a character (a lone surrogate), which no text can hold."""
    return frame.answer_error(request, 422, "a text of the request is not Unicode")


async def _on_error(request: Request, error: EverycaseError) -> Response:
    return frame.answer_error(request, status_of(error), str(error))


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
