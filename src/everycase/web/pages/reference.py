"""The API's own reference page, made from its schema: no script and nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from everycase.web.auth import Viewer
from everycase.web.pages.frame import show

router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API."""

    method: str
    path: str
    summary: str
    parameters: list[str]


@router.get("/api")
def reference(request: Request, caller: Viewer) -> HTMLResponse:
    tags: dict[str, list[Route]] = {}
    for path, methods in request.app.openapi()["paths"].items():
        for method, operation in methods.items():
            route = _route(method, path, operation)
            tags.setdefault(operation["tags"][0], []).append(route)
    return show(request, "reference", caller, "", tags=tags)


def _route(method: str, path: str, operation: dict[str, Any]) -> Route:
    return Route(
        method=method.upper(),
        path=path,
        summary=operation.get("description", operation.get("summary", "")),
        parameters=[p["name"] for p in operation.get("parameters", ())],
    )
