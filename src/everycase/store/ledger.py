"""What embedding has cost, by run and provider (contract §7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from everycase.domain.usage import Prices, Usage, cost
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("ledger")


def book(conn: Connection, run_id: UUID, usage: Mapping[str, Usage], prices: Prices) -> None:
    """Add the usage of a batch to its run."""
    if not usage:
        return
    rows = list(usage.items())
    given = {
        "run_id": run_id,
        "providers": [name for name, _ in rows],
        "texts": [u.texts for _, u in rows],
        "embedded": [u.embedded for _, u in rows],
        "reused": [u.reused for _, u in rows],
        "calls": [u.calls for _, u in rows],
        "tokens": [u.tokens for _, u in rows],
        "timeouts": [u.timeouts for _, u in rows],
        "seconds": [u.seconds for _, u in rows],
        "costs": [cost({name: u}, prices) for name, u in rows],
    }
    conn.execute(SQL["book"], given)


def spent(conn: Connection, *, since: datetime) -> list[dict[str, Any]]:
    """Calls, tokens, reuse and money by provider since then."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["spent"], {"since": since}).fetchall()
