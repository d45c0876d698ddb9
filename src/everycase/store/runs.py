"""The books of each run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("runs")


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
    """The last sync run, running or not."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["last"]).fetchone()
