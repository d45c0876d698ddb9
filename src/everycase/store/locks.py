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
BOOKS = "everycase.books"
"""Held while a run closes its books and tells people."""
BUILD = "everycase.build"
"""Held by whatever builds an index beside the served one. A sync may run meanwhile."""

LOADING = "everycase.loading"
"""Shared by runs while they write into the index; the last one to end makes what all of them put off."""

_WAIT_S = 0.2


BUSY = (
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
    _wait(conn, name, deadline, BUSY)
    try:
        wait_for_workers(conn, name, deadline)
        yield
    finally:
        release(conn, name)


def wait_for_workers(conn: Connection, name: str, deadline: float) -> None:
    """Return once nobody shares the lock of the workers of `name`. Raises `AnotherRunAtWork`."""
    _wait(conn, workers_of(name), deadline, _LEFT_BEHIND)
    release(conn, workers_of(name))


@contextmanager
def at_work(conn: Connection, name: str) -> Iterator[None]:
    """Share the lock of the workers of whoever holds `name`, on `conn`, for as long as the block lasts."""
    share(conn, workers_of(name))
    try:
        yield
    finally:
        release_shared(conn, workers_of(name))


@contextmanager
def alive(conn: Connection, run_id: UUID) -> Iterator[None]:
    """Hold a lock that shows that this run is at work. `is_alive` tests it from any connection."""
    with try_for(conn, of_run(run_id)):
        yield


def is_alive(conn: Connection, run_id: UUID) -> bool:
    """Whether this run is at work on this database."""
    return is_held(conn, of_run(run_id))


@contextmanager
def alone(conn: Connection, name: str) -> Iterator[None]:
    """Hold the lock `name` on `conn`; whoever else holds it is waited for, however long it takes."""
    conn.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (name,))
    try:
        yield
    finally:
        release(conn, name)


@contextmanager
def try_for(conn: Connection, name: str) -> Iterator[bool]:
    """Hold the lock `name` on `conn` where nobody else does; whether it is held."""
    is_ours = take(conn, name)
    try:
        yield is_ours
    finally:
        if is_ours:
            release(conn, name)


def is_held(conn: Connection, name: str) -> bool:
    """Whether anybody holds the lock `name` now. Takes no lock itself."""
    row = conn.execute(_IS_HELD, {"name": name, "but": None}).fetchone()
    return bool(row and row[0])


def is_held_by_others(conn: Connection, name: str) -> bool:
    """Whether a connection other than `conn` holds the lock `name`."""
    row = conn.execute(_IS_HELD, {"name": name, "but": conn.info.backend_pid}).fetchone()
    return bool(row and row[0])


def is_anybody_at_work(conn: Connection) -> bool:
    """Whether a run, a build, or a worker of either is at work."""
    names = (PIPELINE, BUILD)
    return any(is_held(conn, n) or is_held(conn, workers_of(n)) for n in names)


_IS_HELD = """
with wanted as (select hashtextextended(%(name)s, 0) as key)
select exists (
  select from pg_locks l, wanted w
  where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.pid is distinct from %(but)s::int
    and l.database = (select oid from pg_database where datname = current_database())
    and l.classid::bigint = (w.key >> 32) & 4294967295 and l.objid::bigint = w.key & 4294967295)
"""


def of_run(run_id: UUID) -> str:
    return f"everycase.run {run_id}"


def workers_of(name: str) -> str:
    return f"{name}.workers"


def _wait(conn: Connection, name: str, deadline: float, sentence: str) -> None:
    while not take(conn, name):
        if time.monotonic() > deadline:
            raise AnotherRunAtWork(sentence)
        time.sleep(_WAIT_S)


def take(conn: Connection, name: str) -> bool:
    """Take the lock `name` on `conn` where nobody else has it; whether it was taken."""
    row = conn.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
    return bool(row and row[0])


def take_shared(conn: Connection, name: str) -> bool:
    """Take the lock `name` together with others where nobody has it alone; whether it was taken."""
    row = conn.execute("select pg_try_advisory_lock_shared(hashtextextended(%s, 0))", (name,)).fetchone()
    return bool(row and row[0])


def share(conn: Connection, name: str) -> None:
    """Take the lock `name` together with others; whoever has it alone on `conn` may still do so."""
    conn.execute("select pg_advisory_lock_shared(hashtextextended(%s, 0))", (name,))


def release_shared(conn: Connection, name: str) -> None:
    with suppress(DatabaseFault):
        conn.execute("select pg_advisory_unlock_shared(hashtextextended(%s, 0))", (name,))


def release(conn: Connection, name: str) -> None:
    """Release the lock; the end of a connection has released it already."""
    with suppress(DatabaseFault):
        conn.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))
