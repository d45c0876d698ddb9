"""Runs that are over: their list, their days, their reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from everycase.app import App
from everycase.domain.errors import NotFound
from everycase.operations.wording import remedy
from everycase.reconcile.page import CHART_SIZE, as_html, charts, templates
from everycase.reconcile.text import GAPS, as_text
from everycase.store import census, failures, gaps, runs
from everycase.store.failures import FailureFilter

__all__ = ["CHART_SIZE", "charts", "templates"]

_MOST_CASES = 100_000


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
    cases: Sequence[dict[str, str]] = ()
    """What the report is about: gaps that it could not close, and failures that are open now."""

    def as_dict(self) -> dict[str, Any]:
        listed = {"gap_list": self.gaps} if self.gaps is not None else {}
        return {**self.report, "cases": list(self.cases), **listed}

    def as_text(self) -> str:
        return as_text(self.report)

    def as_html(self) -> str:
        """One self-contained page, with the trends of the days before."""
        return as_html(self.report, self.days, self.cases or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run of any kind, at work or over, with its report as far as there is one."""

    run_id: UUID
    kind: str
    status: str
    started_at: datetime | None
    duration: float | None
    report: Mapping[str, Any]

    @property
    def is_reconciliation(self) -> bool:
        return self.kind == "reconcile"

    @property
    def reads(self) -> Sequence[Mapping[str, Any]]:
        """What a sync read of each table, and what is to be said of it."""
        return list(self.report.get("rows", {}).values()) if self.kind == "sync" else []

    def as_text(self) -> str | None:
        """The text report of a reconciliation; None for what has none."""
        return as_text(self.report) if self.is_reconciliation and self.report else None


def page(
    app: App, *, before: datetime | None = None, before_id: UUID | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Syncs and reconciliations, newest first; `before` and `before_id`: of the page before."""
    with app.pool.connection() as conn:
        return census.runs(conn, before=before, before_id=before_id, limit=limit)


def days(app: App, *, most: int = 30) -> list[dict[str, Any]]:
    """A summary of each of the last days that had a run, oldest first."""
    with app.pool.connection() as conn:
        return runs.trends(conn, days=most)


def read_run(app: App, run_id: UUID) -> RunView:
    """A sync or reconciliation. Raises `WrongUse` where there is none of this id."""
    with app.pool.connection() as conn:
        row = census.run(conn, run_id)
    if row is None:
        raise NotFound(f"there is no run {run_id}: look with `everycase runs`")
    return RunView(
        run_id=run_id,
        kind=row["kind"],
        status=row["status"],
        started_at=row["start_time"],
        duration=row["duration"],
        report=row["report"] or {},
    )


def list_gaps(app: App, run_id: UUID, *, limit: int = 1000) -> list[dict[str, Any]]:
    """The disagreements that a reconciliation found, and what became of each."""
    with app.pool.connection() as conn:
        return gaps.kept(conn, run_id, limit=limit)


def read_report(app: App, run_id: str | None = None, *, gap_limit: int | None = None) -> StoredReport:
    """The report of the run whose id begins so, else of the last one; with up to `gap_limit` gaps."""
    with app.pool.connection() as conn:
        report = runs.report(conn, run_id)
        wants_gaps = gap_limit is not None
        left = gaps.left(conn, UUID(report["run_id"]))
        waiting = failures.list_failures(conn, FailureFilter(), limit=_MOST_CASES)
        return StoredReport(
            report=report,
            days=runs.trends(conn),
            gaps=gaps.kept(conn, UUID(report["run_id"]), limit=gap_limit or 0) if wants_gaps else None,
            cases=[*map(_of_gap, left), *map(_of_failure, waiting)],
        )


def _of_gap(gap: Mapping[str, Any]) -> dict[str, str]:
    case = gap["case_number"] or gap["record_id"] or str(gap["object_id"] or "")
    return {"case": case, "reason": GAPS.get(gap["kind"], gap["kind"]), "what_to_do": str(gap["outcome"])}


def _of_failure(failure: Mapping[str, Any]) -> dict[str, str]:
    return {
        "case": failure["case_number"] or failure["record_id"],
        "reason": f"{failure['error_type']}: {failure['error_message']}",
        "what_to_do": remedy(failure),
    }
