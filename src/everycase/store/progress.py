"""How far each run is: one row for each run, to watch or cancel it by."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from psycopg.rows import class_row

from everycase.domain.orders import RunProgress
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("progress")

SILENT_FOR = timedelta(minutes=15)
"""A run that has written no progress for so long is taken for dead."""


def begin(conn: Connection, run_id: UUID, *, kind: str, phase: str) -> None:
    conn.execute(SQL["begin"], {"run_id": run_id, "kind": kind, "phase": phase})


def report(conn: Connection, run_id: UUID, *, phase: str, done: int, total: int | None, failed: int) -> bool:
    """Write down how far a run is; True when somebody has asked for its end."""
    given = {"run_id": run_id, "phase": phase, "done": done, "total": total, "failed": failed}
    row = conn.execute(SQL["report"], given).fetchone()
    return bool(row and row[0])


def end(conn: Connection, run_id: UUID) -> None:
    conn.execute(SQL["end"], {"run_id": run_id})


def cancel(conn: Connection, run_id: UUID, *, by: str) -> bool:
    """Ask a run to end at its next batch; False where it is not at work."""
    return conn.execute(SQL["cancel"], {"run_id": run_id, "by": by}).fetchone() is not None


def one(conn: Connection, run_id: UUID) -> RunProgress | None:
    with conn.cursor(row_factory=class_row(RunProgress)) as cursor:
        return cursor.execute(SQL["one"], {"run_id": run_id}).fetchone()


def live(conn: Connection) -> list[RunProgress]:
    """The runs that are at work, newest first."""
    with conn.cursor(row_factory=class_row(RunProgress)) as cursor:
        return cursor.execute(SQL["live"], {"silent_for": SILENT_FOR}).fetchall()
