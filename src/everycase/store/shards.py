"""Shards of one work side by side, everything else kept out.

The first one leads: alone, it reads the source and prepares the index. Then it lets the others in, and each
works off its own part. Those that come while any of them is at work join the round. A part that is done with
the round waits until all are, and leads the next one. A part is never at work twice, nor beside another
number of parts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import UUID

from everycase.domain.errors import AnotherRunAtWork
from everycase.domain.shards import MOST, Shard, ShardedWork
from everycase.store import locks
from everycase.store.db import Connection, scalar
from everycase.store.queries import queries

SQL = queries("shards")

_PREPARING = "everycase.preparing"
_WAIT_S = 0.2
_OTHERS = (
    "shards of another kind or number are at work on this database: wait for them to end, and start all "
    "shards with the same number"
)


class Round:
    """This shard's part in a round. `leads`: it prepares for all, then calls `open`."""

    def __init__(self, conn: Connection, shard: Shard, *, leads: bool) -> None:
        self._conn, self.shard, self.leads = conn, shard, leads
        self._is_open = not leads

    @property
    def token(self) -> UUID | None:
        """The run that led it."""
        row = self._conn.execute(SQL["round"]).fetchone()
        return row[0] if row else None

    def open(self) -> None:
        """Everything is prepared: let the other shards in."""
        if not self._is_open:
            locks.share(self._conn, locks.PIPELINE)
            self._end_preparing()

    def _end_preparing(self) -> None:
        locks.release(self._conn, _PREPARING)
        locks.release(self._conn, locks.PIPELINE)
        self._is_open = True

    def close(self) -> None:
        if self._is_open:
            locks.release_shared(self._conn, locks.PIPELINE)
        else:
            self._end_preparing()


@contextmanager
def joined(
    conn: Connection, work: ShardedWork, shard: Shard, *, seconds: float, check: Callable[[], None]
) -> Iterator[Round]:
    """Take part in a round for as long as the block lasts.

    `check` is called while it waits, and may raise. Raises `AnotherRunAtWork` after `seconds` for any other
    run, for the same shard, and at once for shards that do not go with this one.
    """
    with ExitStack() as stack:
        stack.enter_context(locks.wait_for(conn, f"everycase.shard {work} {shard}", seconds=seconds))
        stack.enter_context(locks.at_work(conn, _family(work, shard.count)))
        leads = _enter(conn, work, shard, seconds, check)
        found = Round(conn, shard, leads=leads)
        stack.callback(found.close)
        _refuse_others(conn, work, shard)
        deadline = time.monotonic() + seconds
        if leads:
            locks.wait_for_workers(conn, locks.PIPELINE, deadline)
        for (run_id,) in conn.execute(SQL["left_behind"], shard.as_given()).fetchall():
            locks.wait_for_workers(conn, locks.of_run(run_id), deadline)
        yield found


def _enter(
    conn: Connection, work: ShardedWork, shard: Shard, seconds: float, check: Callable[[], None]
) -> bool:
    """Hold the lock of the pipeline, alone (to lead) or with the other shards; whether alone."""
    deadline = time.monotonic() + seconds
    while True:
        if locks.take(conn, locks.PIPELINE):
            locks.take(conn, _PREPARING)
            return True
        is_done = _is_done(conn, work, shard)
        if not is_done and locks.take_shared(conn, locks.PIPELINE):
            return False
        is_awaited = is_done or locks.is_held(conn, _PREPARING)
        if not is_awaited and time.monotonic() > deadline:
            raise AnotherRunAtWork(locks.BUSY)
        check()
        time.sleep(_WAIT_S)


def _is_done(conn: Connection, work: ShardedWork, shard: Shard) -> bool:
    """Whether this shard has finished its part of a round that others are still working on."""
    is_ours = locks.is_held_by_others(conn, locks.workers_of(_family(work, shard.count)))
    row = conn.execute(SQL["is_done"], {"work": work, "shard": str(shard)}).fetchone()
    return bool(is_ours and row and row[0])


def _refuse_others(conn: Connection, work: ShardedWork, shard: Shard) -> None:
    own = _family(work, shard.count)
    every = [_family(w, n) for w in ShardedWork for n in range(1, MOST + 1)]
    row = conn.execute(
        SQL["families"], {"names": [locks.workers_of(f) for f in every if f != own]}
    ).fetchone()
    if row and row[0]:
        raise AnotherRunAtWork(_OTHERS)


def _family(work: ShardedWork, count: int) -> str:
    return f"everycase.shards {work} {count}"


def count_completed(conn: Connection, shard: Shard) -> int:
    """Completed cases of this part."""
    return int(scalar(conn, SQL["completed"], shard.as_given()))
