"""The overview: where every case is, at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from everycase.operations.overview import FunnelStep, OverviewPage, coverage_limits, read_overview
from everycase.web.auth import Everycase, Viewer
from everycase.web.pages import charts
from everycase.web.pages.frame import show

router = APIRouter()

_LINKS = {
    "lineage": "/cases?status=in_progress",
    "pii_removed": "/failures?stage=pii_removal",
    "embedding_generated": "/failures?stage=embedding_generation",
    "weaviate_loaded": "/failures?stage=weaviate_load",
    "index": "/runs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRow:
    """The share of cases with rows of one table, beside the share below which that is an alert."""

    name: str
    share: float
    limit: float | None

    @property
    def is_low(self) -> bool:
        return self.limit is not None and self.share < self.limit


class _Shown:
    """The overview with what only the page needs."""

    def __init__(self, found: OverviewPage, limits: Mapping[str, float]) -> None:
        self._found, self._limits = found, limits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)

    @property
    def source_name(self) -> str:
        """The last part of the source's path: where a home directory lies is nobody's business."""
        return PurePath(self._found.source).name or self._found.source

    @property
    def funnel(self) -> list[dict[str, Any]]:
        return [_step(s) for s in self._found.funnel]

    @property
    def coverage_rows(self) -> list[CoverageRow]:
        shares: Mapping[str, float] = self._found.figures.get("coverage", {})
        return [CoverageRow(name=t, share=s, limit=self._limits.get(t)) for t, s in shares.items()]


def _step(s: FunnelStep) -> dict[str, Any]:
    return {
        "key": s.key,
        "name": s.name,
        "count": s.count,
        "lacking": s.lacking,
        "link": _LINKS.get(s.key, "/cases"),
    }


@router.get("/")
def overview(request: Request, app: Everycase, caller: Viewer) -> HTMLResponse:
    found = read_overview(app)
    shown = _Shown(found, coverage_limits(app))
    return show(
        request, "overview", caller, "/", waiting=found.waiting, o=shown, chart=_completeness(found.days)
    )


def _completeness(days: Sequence[dict[str, Any]]) -> charts.Chart | None:
    return next(iter(charts.of_days(days)), None)
