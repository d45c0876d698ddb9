"""The search page: a query, facets and dates, hits with the redacted passages that match."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup, escape

from everycase.domain.errors import DependencyUnreachable, WrongUse
from everycase.domain.failures import LoadFailure
from everycase.operations import search
from everycase.operations.search import SearchAnswer
from everycase.web import templating
from everycase.web.auth import Everycase, Viewer
from everycase.web.pages.frame import show

router = APIRouter()

PAGE = 20
MOST_VALUES = 8
"""Of one facet; the commonest are shown."""
_NAMES = {
    "product_line": "Product",
    "status": "Status",
    "error_codes": "Error code",
    "resolution_code": "Resolution",
    "year": "Year",
}
_FILTERS = {"year": "created_date"}
_WHY = {"identifier": "holds the identifier", "words": "by words", "meaning": "by meaning"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    """One value to narrow down to, and the address of the page that does, or that lets it go."""

    value: str
    count: int
    link: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the page was asked for: everything that its links have to carry on."""

    q: str
    similar: str
    where: tuple[str, ...]
    since: str
    until: str

    def link(self, where: Sequence[str], page: int = 1) -> str:
        given = [("q", self.q), ("similar", self.similar), ("since", self.since), ("until", self.until)]
        parts = [(k, v) for k, v in given if v] + [("where", w) for w in where]
        return "/search?" + urlencode([*parts, *([("page", str(page))] if page > 1 else [])])

    @property
    def conditions(self) -> list[str]:
        dates = [f"created_date>={self.since}"] if self.since else []
        return [*self.where, *dates, *([f"created_date<={self.until}"] if self.until else [])]


@router.get("/search")
def search_page(
    request: Request,
    app: Everycase,
    caller: Viewer,
    q: Annotated[str, Query(max_length=4000)] = "",
    similar: Annotated[str, Query(max_length=80)] = "",
    where: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006 - FastAPI copies it
    since: Annotated[str, Query(max_length=10)] = "",
    until: Annotated[str, Query(max_length=10)] = "",
    page: Annotated[int, Query(ge=1, le=50)] = 1,
) -> HTMLResponse:
    asked = _Asked(q=q.strip(), similar=similar, where=tuple(where), since=since, until=until)
    started, answer, problem = time.perf_counter(), None, ""
    if asked.q or similar:
        try:
            answer = search.search(
                app, asked.q, where=asked.conditions, limit=PAGE, page=page, similar=similar
            )
        except (WrongUse, DependencyUnreachable, LoadFailure) as e:
            problem = str(e)
    return show(
        request,
        "search",
        caller,
        "/search",
        asked=asked,
        answer=answer,
        hits=[_hit(h) for h in answer.as_dict()["hits"]] if answer else [],
        facets=_facets(asked, answer) if answer else {},
        problem=problem,
        took_ms=int((time.perf_counter() - started) * 1000),
        next=asked.link(where, page + 1) if answer and len(answer.hits) == PAGE else None,
        salesforce=app.settings.salesforce_link.rstrip("/"),
    )


def _facets(asked: _Asked, answer: SearchAnswer) -> dict[str, list[FacetValue]]:
    found = {}
    for name, values in answer.facets.items():
        shown = [_facet(asked, name, v, n) for v, n in list(values.items())[:MOST_VALUES]]
        found[_NAMES.get(name, name)] = shown
    return found


def _facet(asked: _Asked, name: str, value: str, count: int) -> FacetValue:
    condition = f"{_FILTERS.get(name, name)}={value}"
    is_chosen = condition in asked.where
    where = [w for w in asked.where if w != condition] if is_chosen else [*asked.where, condition]
    return FacetValue(value=value, count=count, link=asked.link(where), is_chosen=is_chosen)


def _hit(hit: dict[str, Any]) -> dict[str, Any]:
    why = [_WHY[w] for w in hit["why"]]
    return {**hit, "why": why, "passages": [mark(p["text"], p["marks"]) for p in hit["passages"]]}


def mark(text: str, marks: Sequence[Sequence[int]]) -> Markup:
    """A passage of the redacted text with what matches set apart. `marks`: `[start, end)` in characters."""
    parts, at = [], 0
    for start, end in marks:
        parts += [templating.redacted(text[at:start]), Markup("<mark>"), escape(text[start:end])]
        parts.append(Markup("</mark>"))
        at = end
    return Markup("").join([*parts, templating.redacted(text[at:])])
