"""The graph of nearest neighbours (HNSW) of a space, which many vectors at once are not inserted into.

A graph that is built when all vectors are there costs a third of one that grows with them (docs/scale.md). So
before a large load into a small table the graph goes, and after it it is built. Meanwhile a search compares
the query with every vector: exact, and slower the more there are.
"""

from __future__ import annotations

import os
from typing import Any

import psycopg
from psycopg import sql

from everycase.domain.errors import DatabaseFull
from everycase.domain.sql_blocks import read_blocks

SQL = read_blocks("everycase.indexes.embedded", "embedded.sql")

FEWEST = 2000
"""For a load of fewer objects, the graph is kept."""

SMALL = 0.25
"""A table is small if its vectors are at most this share of those about to be inserted."""

_MOST_MEMORY_MB = 2048
_MEMORY_SHARE = 0.25
"""The share of this machine's memory for building a graph. A graph that does not fit is built more slowly."""


def name_of(table: str) -> str:
    return table[:55] + "_hnsw"


def add(conn: psycopg.Connection[Any], table: str) -> None:
    """Create the graph of a table, if it has none."""
    names = {"index": sql.Identifier(name_of(table)), "table": _qualified(table)}
    conn.execute(sql.SQL(SQL["add_vector_index"]).format(**names))


def rebuild(conn: psycopg.Connection[Any], table: str) -> None:
    conn.execute(sql.SQL(SQL["rebuild_vector_index"]).format(index=_qualified(name_of(table))))


def put_off(conn: psycopg.Connection[Any], table: str, objects: int) -> None:
    """Drop the graph of a small table that `objects` vectors are about to be inserted into."""
    if objects < FEWEST:
        return
    most = int(objects * SMALL)
    counted = conn.execute(sql.SQL(SQL["count_up_to"]).format(table=_qualified(table)), {"most": most + 1})
    row = counted.fetchone()
    if row and row[0] <= most:
        conn.execute(sql.SQL(SQL["drop_vector_index"]).format(index=_qualified(name_of(table))))


def lacking(conn: psycopg.Connection[Any]) -> list[str]:
    """The spaces' tables that have no graph."""
    return [r[0] for r in conn.execute(SQL["without_vector_index"])]


def build(conn: psycopg.Connection[Any], table: str) -> None:
    """Build a graph of all that is there, in parallel where the server has the shared memory for that."""
    try:
        _build(conn, table, is_parallel=True)
    except DatabaseFull:  # also where a container has 64 MB of shared memory
        _build(conn, table, is_parallel=False)


def _build(conn: psycopg.Connection[Any], table: str, *, is_parallel: bool) -> None:
    """Writes to the table wait meanwhile; a build that is killed leaves nothing behind."""
    with conn.transaction():
        conn.execute(SQL["prepare_build"], {"most_mb": _most_memory_mb()})
        if not is_parallel:
            conn.execute("set local max_parallel_maintenance_workers = 0")
        add(conn, table)


def _most_memory_mb() -> int:
    own = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
    return int(min(_MOST_MEMORY_MB, own * _MEMORY_SHARE))


def _qualified(name: str) -> sql.Identifier:
    return sql.Identifier("vector_index", name)
