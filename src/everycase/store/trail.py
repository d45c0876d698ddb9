"""Thin the audit trail of cases to what an audit needs."""

from __future__ import annotations

from datetime import datetime

from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("trail")

_PAGE = 10_000
"""Cases at a time: a statement each, so that neither its memory nor its locks grow with the cases."""


def thin(conn: Connection, *, before: datetime, page: int = _PAGE) -> int:
    """Remove the events of tries that were over `before` and between first and last load; how many."""
    after: str | None = ""
    removed = 0
    while after is not None:
        given = {"before": before, "after": after, "limit": page}
        ((after, count),) = conn.execute(SQL["thin"], given)
        removed += count
    return removed
