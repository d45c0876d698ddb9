"""The books of each run, and the row of each day that outlives them (contract §9, §14)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from everycase.domain.errors import WrongUse
from everycase.domain.runs import RunFigures, RunStatus
from everycase.store import locks
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("runs")

# ── syncs ────────────────────────────────────────────────────────────────────────────────────────


def begin(conn: Connection, *, run_id: UUID, source: str, now: datetime) -> None:
    conn.execute(SQL["begin"], {"run_id": run_id, "source": source, "now": now})


def finish(
    conn: Connection,
    *,
    run_id: UUID,
    status: str,
    duration_s: float,
    report: Mapping[str, Any],
    now: datetime,
) -> None:
    given = {
        "run_id": run_id,
        "status": status,
        "duration": duration_s,
        "report": Jsonb(dict(report)),
        "now": now,
    }
    conn.execute(SQL["finish"], given)


def last(conn: Connection) -> dict[str, Any] | None:
    """The last sync, running or not."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(SQL["last"]).fetchall()
    return next(iter(_with_true_status(conn, found)), None)


def unfinished(conn: Connection) -> list[str]:
    """A sentence for the last sync and the last reconciliation, where they did not come to their end."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(SQL["unfinished"]).fetchall()
    return [_say_unfinished(r) for r in _with_true_status(conn, found) if r["status"] != RunStatus.RUNNING]


def _say_unfinished(run: Mapping[str, Any]) -> str:
    began = run["start_time"].astimezone(UTC)
    how = "failed" if run["status"] == RunStatus.FAILED else "was interrupted"
    why = f" ({run['error'].rstrip('.')})" if run["error"] else ""
    command = "sync" if run["kind"] == "sync" else "reconcile"
    return f"the last {run['kind']}, {began:%Y-%m-%d %H:%M} UTC, {how}{why}: run everycase {command} again"


def withheld(conn: Connection) -> dict[str, int]:
    """Deletions that wait for approval, by source object or kind of gap, since the source was last read."""
    return {r[0]: r[1] for r in conn.execute(SQL["withheld"])}


# ── reconciliations ──────────────────────────────────────────────────────────────────────────────


def begin_reconciliation(conn: Connection, *, run_id: UUID, run_type: str, now: datetime) -> None:
    conn.execute(SQL["begin_reconciliation"], {"run_id": run_id, "run_type": run_type, "now": now})


def finish_reconciliation(
    conn: Connection, *, run_id: UUID, report: Mapping[str, Any], now: datetime
) -> None:
    """Keep the report of a run, and its numbers in the columns of contract §9: null where not known."""
    r = report
    worked = sum(s["seconds"] for s in r["stages"].values())
    cases = r["stages"].get("join", {}).get("read", 0)
    conn.execute(
        SQL["finish_reconciliation"],
        {
            "run_id": run_id,
            "now": now,
            "status": r["status"],
            "duration": r["duration_s"],
            **r["counts"],
            "discrepancies": r["discrepancies"],
            **_recovery(r),
            "per_case": worked / cases if cases else None,
            "slowest": r["slowest_stage"],
            "report": Jsonb(dict(r)),
        },
    )


def _recovery(r: Mapping[str, Any]) -> dict[str, Any]:
    """How much a run recovered; null for a run that did not look again at what it had repaired."""
    if r["recovered"] is None:
        return dict.fromkeys(("recovered", "success_rate", "errors"))
    recovered, left = sum(r["recovered"].values()), sum(r["gaps_left"].values())
    troubles = recovered + left + sum(r["still_failed"].values())
    return {
        "recovered": recovered,
        "success_rate": recovered / troubles if troubles else 1.0,
        "errors": Jsonb(r["still_failed"]),
    }


def last_look(conn: Connection) -> datetime | None:
    """When the last finished reconciliation that compared every object with the index began."""
    row = conn.execute(SQL["last_look"]).fetchone()
    return row[0] if row else None


def reconciliations(conn: Connection, *, limit: int) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(SQL["reconciliations"], {"limit": limit}).fetchall()
    return _with_true_status(conn, found)


def _with_true_status(conn: Connection, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Show a run that is recorded as running, but holds no lock, as interrupted."""
    for run in found:
        if run["status"] == RunStatus.RUNNING and not locks.is_alive(conn, run["run_id"]):
            run["status"] = RunStatus.INTERRUPTED.value
    return found


def report(conn: Connection, key: str | None = None) -> dict[str, Any]:
    """The report of the run whose id begins so; without a key the last one. Raises `WrongUse`."""
    rows = conn.execute(SQL["reconciliation"], {"key": key}).fetchall()
    if not rows:
        raise WrongUse(
            f"no reconciliation's id begins with {key!r}: look with `everycase runs`"
            if key
            else "there is no report yet: run `everycase reconcile`"
        )
    if key and len(rows) > 1:
        raise WrongUse(f"several runs begin with {key!r}: give more of the id")
    run_id, kept = rows[0]
    if kept is None:
        raise WrongUse(f"run {run_id} is at work, or was killed: it left no report. See `everycase runs`")
    found: dict[str, Any] = kept
    return found


# ── days ─────────────────────────────────────────────────────────────────────────────────────────


def roll_up(conn: Connection, report: Mapping[str, Any], *, now: datetime) -> None:
    """Add a finished reconciliation to the row of its day, which outlives the run's own row."""
    r = report
    conn.execute(
        SQL["roll_up"],
        {
            "day": now.date(),
            "cases": r["records_checked"],
            "completeness": r["completeness"],
            "gaps": sum(r["gaps"].values()),
            "recovered": sum(r["recovered"].values()),
            "failures": Jsonb(r["still_failed"]),
            "coverage": Jsonb(r["coverage"]),
            "duration": r["duration_s"],
            "calls": r["embedding_calls"],
            "tokens": r["tokens"],
            "cost": r["cost"],
        },
    )


def roll_up_spending(
    conn: Connection,
    figures: RunFigures,
    *,
    cases: int,
    completeness: float,
    now: datetime,
) -> None:
    """Add the embedding calls, tokens and cost of a sync or an unfinished reconciliation to their day.

    `cases` and `completeness` count where it is the first run of the day.
    """
    given = {
        "day": now.date(),
        "cases": cases,
        "completeness": completeness,
        "calls": figures.totals.embedding_calls,
        "tokens": figures.totals.tokens,
        "cost": figures.cost,
    }
    conn.execute(SQL["roll_up_spending"], given)


def trends(conn: Connection, *, days: int = 400) -> list[dict[str, Any]]:
    """The last days that had a run, oldest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["trends"], {"days": days}).fetchall()


def prune(conn: Connection, *, before: datetime) -> int:
    """Remove runs that began before then; how many reconciliations."""
    conn.execute(SQL["prune_syncs"], {"before": before})
    return conn.execute(SQL["prune_reconciliations"], {"before": before}).rowcount
