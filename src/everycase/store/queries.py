"""The store's SQL: every file under `sql/` holds the named blocks of one module."""

from __future__ import annotations

from typing import LiteralString

from everycase.domain.sql_blocks import read_blocks


def queries(module: str) -> dict[str, LiteralString]:
    """The named blocks of `sql/{module}.sql`."""
    return read_blocks("everycase.store", f"sql/{module}.sql")
