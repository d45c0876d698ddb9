"""What pages show: the counts as the last run left them, and lists page by page, each by an index.

Nothing here scans a table for a page; the counts are taken once, at the end of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from everycase.store.db import Connection
from everycase.store.orders import FailureSelection
from everycase.store.queries import queries

SQL = queries("census")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCensus:
    """The figures of one moment, and how long ago that was by the database's clock."""

    taken_at: datetime
    figures: Mapping[str, Any]
    age_s: float


def keep(conn: Connection, figures: Mapping[str, Any], *, run_id: UUID | None = None) -> None:
    conn.execute(SQL["keep"], {"run_id": run_id, "figures": Jsonb(dict(figures))})


def latest(conn: Connection) -> KeptCensus | None:
    """None where no run has ended yet."""
    row = conn.execute(SQL["latest"]).fetchone()
    return KeptCensus(taken_at=row[0], figures=row[1], age_s=row[2]) if row else None


def freshness(conn: Connection, *, within: timedelta) -> dict[str, Any]:
    """Seconds from a source change to a searchable case (p50, p95, longest), and the oldest unserved one."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL["freshness"], {"within": within}).fetchone()
    assert row is not None
    return dict(row)


def cases(
    conn: Connection,
    *,
    after: str = "",
    status: str | None = None,
    stage: str | None = None,
    space: str | None = None,
    limited: bool = False,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Cases in the order of their ids; `after`: the last id of the page before."""
    given = {
        "after": after,
        "status": status,
        "stage": stage,
        "space": space,
        "limited": limited,
        "limit": limit,
    }
    return _rows(conn, "cases", given, is_planned_anew=True)


def failure_page(
    conn: Connection,
    chosen: FailureSelection,
    *,
    before: datetime | None = None,
    before_id: UUID | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Open failures, newest first; `before` and `before_id`: the last of the page before."""
    given = {**chosen.as_sql(), "before": before, "before_id": before_id, "limit": limit}
    return _rows(conn, "failure_page", given)


def failure_groups(conn: Connection, chosen: FailureSelection) -> list[dict[str, Any]]:
    """Open failures by stage and type, most first."""
    return _rows(conn, "failure_groups", chosen.as_sql())


def runs(
    conn: Connection, *, before: datetime | None = None, before_id: UUID | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Syncs and reconciliations together, newest first."""
    return _rows(conn, "runs", {"before": before, "before_id": before_id, "limit": limit})


def run(conn: Connection, run_id: UUID) -> dict[str, Any] | None:
    """One sync or reconciliation with its report."""
    found = _rows(conn, "run", {"run_id": run_id})
    return found[0] if found else None


def last_ended(conn: Connection) -> list[dict[str, Any]]:
    """When the last run of each kind and status ended: `kind`, `status`, `ended`."""
    return _rows(conn, "last_ended", {})


def last_clean(conn: Connection) -> datetime | None:
    """When a reconciliation last ended with no gap left; None: never."""
    row = conn.execute(SQL["last_clean"]).fetchone()
    return row[0] if row else None


def _rows(
    conn: Connection, name: str, given: Mapping[str, Any], *, is_planned_anew: bool = False
) -> list[dict[str, Any]]:
    """`is_planned_anew`: the best plan depends on the values, so no prepared one will do."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL[name], given, prepare=False if is_planned_anew else None).fetchall()
