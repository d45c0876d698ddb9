"""Before a large load, the index puts off work that is cheaper at the end; after it, that work is done.

A run that is killed leaves that to the next one. Of several shards at work the last one does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from everycase.ports import VectorIndex
from everycase.store import locks
from everycase.store.db import Connection

_ENDING = "everycase.loading.ending"


@contextmanager
def putting_off(conn: Connection, index: VectorIndex, space: str, objects: int) -> Iterator[None]:
    """Tell the index that about `objects` objects are written within the block; call `make_up` after it."""
    locks.share(conn, locks.LOADING)
    try:
        index.begin_load(space, objects)
        yield
    finally:
        locks.release_shared(conn, locks.LOADING)


def make_up(conn: Connection, index: VectorIndex) -> None:
    """Do the work that was put off, unless another shard is still loading: that shard will do it."""
    with locks.alone(conn, _ENDING):
        if not locks.is_held_by_others(conn, locks.LOADING):
            index.end_load()
