"""The books of a reconciliation: its report, its gaps, and what it adds to its day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from everycase.domain.alerts import Told
from everycase.domain.completeness import completeness
from everycase.domain.gaps import ReconcileOrder
from everycase.domain.runs import RunStatus
from everycase.pipeline import bad_rows
from everycase.pipeline.run import NOT_OPENED, OpenRun, RunEnd
from everycase.reconcile.count import COUNTED, Sweep
from everycase.reconcile.report import Report
from everycase.store import failures, gaps, lineage, runs
from everycase.store.db import Connection


def close(conn: Connection, report: Report, *, with_gaps: bool, now: datetime) -> None:
    """Keep the report of a run, whether it came to its end or not.

    `with_gaps`: the connection is the one on which the gaps were found.
    """
    kept = report.as_dict()
    with conn.transaction():
        if with_gaps:
            gaps.keep(conn, report.run_id)
        runs.finish_reconciliation(conn, run_id=report.run_id, report=kept, now=now)
        if report.is_finished:
            runs.roll_up(conn, kept, now=now)
        else:
            _add_spending(conn, report, now)


def _add_spending(conn: Connection, report: Report, now: datetime) -> None:
    census = lineage.census(conn)
    runs.roll_up_spending(
        conn,
        report.figures,
        cases=census["staging"],
        completeness=completeness(census, index=None),
        now=now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmadeBooks:
    """The books of a reconciliation that was refused, or could not open its source or index."""

    order: ReconcileOrder

    def keep(self, conn: Connection, run: OpenRun, end: RunEnd, told: Told) -> None:
        report = Report(
            run_id=run.run_id,
            run_type=self.order.run_type,
            is_deep=self.order.deep,
            is_dry_run=False,
            source=NOT_OPENED,
            started_at=run.started_at,
            end=end.status or RunStatus.FAILED,
            error=end.error,
            counts=dict.fromkeys(COUNTED),
            gaps=None,
        ).with_alerts(told)
        runs.begin_reconciliation(conn, run_id=run.run_id, run_type=self.order.run_type, now=run.started_at)
        runs.finish_reconciliation(conn, run_id=run.run_id, report=report.as_dict(), now=run.started_at)


def note_unread(conn: Connection, sweeps: Sequence[Sweep], *, now: datetime) -> None:
    """Open a failure for each object that could not be read, as a sync does; close those that are over."""
    unread = [bad_rows.of_object(s.object.name, s.problem) for s in sweeps if s.problem]
    failures.record(conn, unread, now=now)
    for s in sweeps:
        if not s.problem and (s.is_whole or s.is_proven):
            failures.resolve_unreadable(conn, s.object.name, now=now)


def unread_tables(conn: Connection, sweeps: Sequence[Sweep]) -> list[str]:
    """The objects that could not be read whole, by this run or by the last one that tried."""
    return sorted({s.object.name for s in sweeps if s.problem} | set(failures.unread_tables(conn)))
