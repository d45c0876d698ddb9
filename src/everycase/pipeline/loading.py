"""Around a load of many objects: the index puts off what is made faster at the end, and makes up for it then.

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
    """So many objects are written within the block. Call `make_up` after it, unless the run is to end."""
    locks.share(conn, locks.LOADING)
    try:
        index.begin_load(space, objects)
        yield
    finally:
        locks.release_shared(conn, locks.LOADING)


def make_up(conn: Connection, index: VectorIndex) -> None:
    """Make what was put off, unless another shard is still loading: that one will."""
    with locks.alone(conn, _ENDING):
        if not locks.is_held_by_others(conn, locks.LOADING):
            index.end_load()
