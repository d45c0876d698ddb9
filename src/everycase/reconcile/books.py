"""The books of a reconciliation: its report, its gaps, and what it adds to its day."""

from __future__ import annotations

from datetime import datetime

from everycase.domain.completeness import completeness
from everycase.reconcile.report import Report
from everycase.store import gaps, lineage, runs
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
