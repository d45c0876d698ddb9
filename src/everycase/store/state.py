"""Whether the pipeline may run: stopped when too many cases fail, until a person lets it go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from everycase.domain.errors import PipelineStopped
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why and since when nothing runs."""

    reason: str
    since: datetime


def stopped(conn: Connection) -> Stop | None:
    row = conn.execute(SQL["read"]).fetchone()
    return Stop(reason=row[1], since=row[2]) if row and row[0] else None


def check(conn: Connection) -> None:
    """Raises `PipelineStopped`, with the reason and what to do, where the pipeline was stopped."""
    if found := stopped(conn):
        raise PipelineStopped(
            f"the pipeline was stopped at {found.since:%Y-%m-%d %H:%M} UTC: {found.reason}. Look at "
            "`everycase failures --group`, mend the cause, then let it go on with `everycase resume`"
        )


def stop(conn: Connection, *, reason: str, run_id: UUID, now: datetime) -> None:
    conn.execute(SQL["stop"], {"reason": reason, "run_id": run_id, "now": now})


def resume(conn: Connection) -> str | None:
    """Let the pipeline go on; the reason it had been stopped for, None where it was not."""
    row = conn.execute(SQL["resume"]).fetchone()
    return row[0] if row else None
