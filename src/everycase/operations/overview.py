"""The state of the whole for a page: from the counts that the last run kept, so that it costs no scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from everycase.app import App
from everycase.domain.completeness import completeness, coverage, unresolved
from everycase.domain.errors import DependencyUnreachable
from everycase.domain.failures import LoadFailure
from everycase.domain.orders import RunProgress
from everycase.reconcile.alerts import say_standing
from everycase.reconcile.report import coverage_thresholds
from everycase.store import alerts, census, lineage, progress, runs, schedule, state
from everycase.store.db import Connection
from everycase.store.orders import FailureSelection
from everycase.store.schedule import LastRun

FRESH_WITHIN = timedelta(days=7)
"""Freshness is told of what was loaded in these days."""

_STAGES = (
    ("source", "Source"),
    ("staging", "Staged"),
    ("lineage", "Tracked"),
    ("pii_removed", "Redacted"),
    ("embedding_generated", "Embedded"),
    ("weaviate_loaded", "Loaded"),
    ("index", "In the index"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    """One step of the way from the source to the index. `lacking`: fewer than at the step before."""

    key: str
    name: str
    count: int | None
    lacking: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    """What the first page shows."""

    taken_at: datetime | None
    """When the counts were taken; None: no run has ended yet."""
    census_age_s: float | None
    """How long ago that was, by the database's clock."""
    figures: Mapping[str, Any]
    open_failures: Mapping[str, int]
    groups: Sequence[dict[str, Any]]
    """Open failures by stage, type and disposition, most first."""
    last_runs: Sequence[dict[str, Any]]
    days: Sequence[dict[str, Any]]
    live: Sequence[RunProgress]
    jobs: Sequence[LastRun]
    alerts: tuple[str, ...]
    alert_lines: tuple[str, ...]
    """What stands, in sentences."""
    stop_reason: str | None
    source: str
    index: str
    space: str

    @property
    def staged(self) -> int:
        return int(self.figures.get("staging") or 0)

    @property
    def completed(self) -> int:
        return int(self.figures.get("completed") or 0)

    @property
    def cases(self) -> int:
        """Cases of the source, as far as it has been read."""
        return max(int(self.figures.get("source") or 0), self.staged)

    @property
    def completeness(self) -> float:
        """The share of them that are in the index as the source has them."""
        counts = {
            "source": self.cases,
            "staging": self.staged,
            "completed": self.completed,
            "outdated": int(self.figures.get("outdated") or 0),
        }
        return completeness(counts, index=self.figures.get("index"))

    @property
    def lacking(self) -> int:
        """Cases that are not in the index as the source has them."""
        return self.cases - round(self.completeness * self.cases)

    @property
    def waiting(self) -> int:
        """Open failures that wait for a retry or a person."""
        return unresolved(self.open_failures)

    @property
    def debt(self) -> int:
        """Cases whose vector is of another space than the preferred one."""
        spaces = self.figures.get("spaces", {})
        return sum(n for space, n in spaces.items() if space != self.space)

    @property
    def funnel(self) -> list[FunnelStep]:
        steps, before = [], None
        for key, name in _STAGES:
            count = self.figures.get(key)
            lacking = max(before - count, 0) if before is not None and count is not None else 0
            steps.append(FunnelStep(key=key, name=name, count=count, lacking=lacking))
            before = count if count is not None else before
        return steps

    def as_dict(self) -> dict[str, Any]:
        return {
            "taken_at": self.taken_at,
            "counts": {s.key: s.count for s in self.funnel},
            "coverage": self.figures.get("coverage", {}),
            "completed": self.completed,
            "completeness": self.completeness,
            "lacking": self.lacking,
            "open_failures": dict(self.open_failures),
            "spaces": self.figures.get("spaces", {}),
            "debt": self.debt,
            "freshness": self.figures.get("freshness", {}),
            "alerts": list(self.alerts),
            "stop_reason": self.stop_reason,
            "source": self.source,
            "index": self.index,
            "space": self.space,
        }


def read_overview(app: App) -> OverviewPage:
    """The state of the whole. Where no run has kept its counts yet, they are taken now."""
    with app.pool.connection() as conn:
        kept = census.latest(conn)
        figures = kept.figures if kept else take_figures(app, conn)
        stop = state.stopped(conn)
        groups = census.failure_groups(conn, FailureSelection())
        standing = {rule: s for rules in alerts.standing(conn).values() for rule, s in rules.items()}
        return OverviewPage(
            taken_at=kept.taken_at if kept else None,
            census_age_s=kept.age_s if kept else None,
            figures=figures,
            open_failures=_by_disposition(groups),
            groups=groups,
            last_runs=census.runs(conn, limit=6),
            days=runs.trends(conn, days=30),
            live=progress.live(conn),
            jobs=schedule.last_runs(conn),
            alerts=tuple(standing),
            alert_lines=tuple(say_standing(standing, app.thresholds)),
            stop_reason=stop.reason if stop else None,
            source=app.settings.source,
            index=app.settings.index,
            space=app.embedder.space,
        )


def _by_disposition(groups: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What `failures.tally` counts, without a second look at the table."""
    found: Counter[str] = Counter()
    for g in groups:
        found[g["disposition"]] += g["open"]
    return dict(found)


def coverage_limits(app: App) -> Mapping[str, float]:
    """Below which share of cases the coverage of each child table is an alert."""
    return coverage_thresholds(app.thresholds)


def keep_census(app: App, *, run_id: UUID | None = None, source: int | None = None) -> None:
    """Take the counts as they are now and keep them: the last act of a run.

    `source`: how many cases the source has, where the run has counted them.
    """
    with app.pool.connection() as conn:
        figures = take_figures(app, conn)
        if source is not None:
            figures["source"] = max(source, figures["source"])
        census.keep(conn, figures, run_id=run_id)


def take_figures(app: App, conn: Connection) -> dict[str, Any]:
    """Count everything once: scans the lineage."""
    row = lineage.census(conn)
    return {
        **{k: v for k, v in row.items() if isinstance(v, int)},
        "coverage": coverage(row, app.catalogue.without),
        "spaces": lineage.spaces(conn),
        "freshness": census.freshness(conn, within=FRESH_WITHIN),
        "index": _index_count(app),
    }


def _index_count(app: App) -> int | None:
    """None where the index does not answer."""
    try:
        return app.index.count()
    except (LoadFailure, DependencyUnreachable):
        return None
