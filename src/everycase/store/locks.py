"""Advisory locks: one sync, one migration at a time, whoever runs them and wherever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from everycase.domain.errors import AnotherRunAtWork
from everycase.store.db import Connection

MIGRATE = "everycase.migrate"
PIPELINE = "everycase.pipeline"
"""Held by whatever changes cases: a sync, a reconciliation. A lock ends with its connection, so with
its process: that nobody holds it is the proof that no worker of a dead run is alive."""
BUILD = "everycase.build"
"""Held by whatever builds an index beside the served one. A sync may run meanwhile."""

_WAIT_S = 0.2


@contextmanager
def wait_for(conn: Connection, name: str, *, seconds: float) -> Iterator[None]:
    """Hold the lock `name` on `conn`. Raises `AnotherRunAtWork` when another holds it longer.

    The wait is for the backend of a killed run, which may need a moment to notice.
    """
    deadline = time.monotonic() + seconds
    while not _try(conn, name):
        if time.monotonic() > deadline:
            raise AnotherRunAtWork(
                "another everycase run is at work on this database: wait for it to end, or look with "
                "`everycase status`"
            )
        time.sleep(_WAIT_S)
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))


@contextmanager
def try_for(conn: Connection, name: str) -> Iterator[bool]:
    """Hold the lock `name` on `conn` where nobody else does; whether it is held."""
    is_held = _try(conn, name)
    try:
        yield is_held
    finally:
        if is_held and not conn.closed:
            conn.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))


def is_held(conn: Connection, name: str) -> bool:
    """Whether anybody holds the lock `name` now."""
    if not _try(conn, name):
        return True
    conn.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))
    return False


def _try(conn: Connection, name: str) -> bool:
    row = conn.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
    return bool(row and row[0])
