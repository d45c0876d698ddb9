"""Advisory locks: one sync, one migration at a time, whoever runs them and wherever.

A lock ends with its connection, and so with its process. Whoever works for the holder of a lock in other
threads or processes shares a second lock (`at_work`), which the next holder waits for: so it begins only
when no worker of an earlier run is alive, however that run ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from everycase.domain.errors import AnotherRunAtWork, DatabaseFault
from everycase.store.db import Connection

MIGRATE = "everycase.migrate"
PIPELINE = "everycase.pipeline"
"""Held by whatever changes cases: a sync, a reconciliation, a retry, a switch."""
BUILD = "everycase.build"
"""Held by whatever builds an index beside the served one. A sync may run meanwhile."""

_WAIT_S = 0.2


_BUSY = (
    "another everycase run is at work on this database: wait for it to end, or look with `everycase status`"
)
_LEFT_BEHIND = (
    "a worker of an earlier everycase run is still at work on this database: wait for it to end, or end its "
    "process"
)


@contextmanager
def wait_for(conn: Connection, name: str, *, seconds: float) -> Iterator[None]:
    """Hold the lock `name` on `conn`, once no worker of an earlier holder is at work.

    Raises `AnotherRunAtWork` after `seconds`. The wait is for what a killed run has left behind: its backend
    and its workers need a moment to notice.
    """
    deadline = time.monotonic() + seconds
    _wait(conn, name, deadline, _BUSY)
    try:
        _wait(conn, _workers_of(name), deadline, _LEFT_BEHIND)
        _unlock(conn, _workers_of(name))
        yield
    finally:
        _unlock(conn, name)


@contextmanager
def at_work(conn: Connection, name: str) -> Iterator[None]:
    """Share the lock of the workers of whoever holds `name`, on `conn`, for as long as the block lasts."""
    conn.execute("select pg_advisory_lock_shared(hashtextextended(%s, 0))", (_workers_of(name),))
    try:
        yield
    finally:
        with suppress(DatabaseFault):
            conn.execute("select pg_advisory_unlock_shared(hashtextextended(%s, 0))", (_workers_of(name),))


@contextmanager
def alive(conn: Connection, run_id: UUID) -> Iterator[None]:
    """Show for as long as the block lasts that this run is at work; `is_alive` sees it from anywhere."""
    with try_for(conn, _of_run(run_id)):
        yield


def is_alive(conn: Connection, run_id: UUID) -> bool:
    """Whether this run is at work, on this database."""
    return is_held(conn, _of_run(run_id))


@contextmanager
def alone(conn: Connection, name: str) -> Iterator[None]:
    """Hold the lock `name` on `conn`; whoever else holds it is waited for, however long it takes."""
    conn.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (name,))
    try:
        yield
    finally:
        _unlock(conn, name)


@contextmanager
def try_for(conn: Connection, name: str) -> Iterator[bool]:
    """Hold the lock `name` on `conn` where nobody else does; whether it is held."""
    is_ours = _try(conn, name)
    try:
        yield is_ours
    finally:
        if is_ours:
            _unlock(conn, name)


def is_held(conn: Connection, name: str) -> bool:
    """Whether anybody holds the lock `name` now. Takes no lock itself."""
    row = conn.execute(_IS_HELD, {"name": name}).fetchone()
    return bool(row and row[0])


def is_anybody_at_work(conn: Connection) -> bool:
    """Whether a run, a build, or a worker of either is at work."""
    names = (PIPELINE, BUILD)
    return any(is_held(conn, n) or is_held(conn, _workers_of(n)) for n in names)


_IS_HELD = """
with wanted as (select hashtextextended(%(name)s, 0) as key)
select exists (
  select from pg_locks l, wanted w
  where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and l.classid::bigint = (w.key >> 32) & 4294967295 and l.objid::bigint = w.key & 4294967295)
"""


def _of_run(run_id: UUID) -> str:
    return f"everycase.run {run_id}"


def _workers_of(name: str) -> str:
    return f"{name}.workers"


def _wait(conn: Connection, name: str, deadline: float, sentence: str) -> None:
    while not _try(conn, name):
        if time.monotonic() > deadline:
            raise AnotherRunAtWork(sentence)
        time.sleep(_WAIT_S)


def _try(conn: Connection, name: str) -> bool:
    row = conn.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
    return bool(row and row[0])


def _unlock(conn: Connection, name: str) -> None:
    """Give the lock back; a connection that is lost has given it back."""
    with suppress(DatabaseFault):
        conn.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))
