"""A lock on ids of index objects: one holder at a time, on any machine.

For an index that cannot write "only if newer" by itself. It is held until the end of the transaction
that took it, so a process that dies releases it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from everycase.store.db import Pool
from everycase.store.queries import queries

SQL = queries("fence")


class ObjectFence:
    """Holds a batch of object ids; whoever asks for one of them later waits."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @contextmanager
    def __call__(self, object_ids: Sequence[UUID]) -> Iterator[None]:
        """Lock these ids in the order of their keys, so that two batches that share ids cannot deadlock."""
        with self._pool.connection() as conn, conn.transaction():
            conn.execute(SQL["hold"], {"ids": list(object_ids)})
            yield
