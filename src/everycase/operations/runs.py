"""Runs that are over: their list, their days, their reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from everycase.app import App
from everycase.reconcile.page import as_html
from everycase.reconcile.text import as_text
from everycase.store import gaps, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """Reconciliations, newest first, and a summary of each day, oldest first."""

    runs: Sequence[dict[str, Any]]
    days: Sequence[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return {"runs": self.runs, "days": self.days}


def list_runs(app: App, *, limit: int = 20) -> RunList:
    with app.pool.connection() as conn:
        return RunList(runs=runs.reconciliations(conn, limit=limit), days=runs.trends(conn))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """The report of one reconciliation, as it was kept."""

    report: Mapping[str, Any]
    days: Sequence[dict[str, Any]]
    gaps: Sequence[dict[str, Any]] | None
    """None where they were not asked for."""

    def as_dict(self) -> dict[str, Any]:
        return {**self.report, **({"gap_list": self.gaps} if self.gaps is not None else {})}

    def as_text(self) -> str:
        return as_text(self.report)

    def as_html(self) -> str:
        """One self-contained page, with the trends of the days before."""
        return as_html(self.report, self.days)


def read_report(app: App, run_id: str | None = None, *, gap_limit: int | None = None) -> StoredReport:
    """The report of the run whose id begins so, else of the last one; with up to `gap_limit` gaps."""
    with app.pool.connection() as conn:
        report = runs.report(conn, run_id)
        wants_gaps = gap_limit is not None
        return StoredReport(
            report=report,
            days=runs.trends(conn),
            gaps=gaps.kept(conn, UUID(report["run_id"]), limit=gap_limit or 0) if wants_gaps else None,
        )
