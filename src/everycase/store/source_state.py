"""What a source keeps from one process to the next: its jobs at Salesforce, places in them, descriptions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from everycase.store.db import Pool
from everycase.store.queries import queries

SQL = queries("source_state")


class StoredReadState:
    """Implements `ports.ReadState` on a table; each call is a transaction of its own."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def get(self, key: str) -> Mapping[str, Any] | None:
        with self._pool.connection() as conn:
            row = conn.execute(SQL["get"], {"key": key}).fetchone()
        return row[0] if row else None

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        with self._pool.connection() as conn:
            conn.execute(SQL["put"], {"key": key, "value": json.dumps(value)})

    def delete(self, key: str) -> None:
        with self._pool.connection() as conn:
            conn.execute(SQL["delete"], {"key": key})
