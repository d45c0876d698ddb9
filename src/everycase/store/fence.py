"""A fence round index objects: whoever is inside with an id is there alone, on any machine.

For an index that cannot write "only if newer" by itself. It stands as long as the transaction that it
was raised in, so a process that dies lets go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from everycase.store.db import Pool
from everycase.store.queries import queries

SQL = queries("fence")


class ObjectFence:
    """Raised round a batch of object ids; those who come later wait."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @contextmanager
    def __call__(self, object_ids: Sequence[UUID]) -> Iterator[None]:
        """Hold these ids. In the order of their keys, so that two that share some never block each other."""
        with self._pool.connection() as conn, conn.transaction():
            conn.execute(SQL["hold"], {"ids": list(object_ids)})
            yield
