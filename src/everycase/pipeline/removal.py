"""Objects that have to leave the index: of cases that are gone, and of cases that may not be served."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from everycase.domain.lineage import Owned
from everycase.ports import VectorIndex
from everycase.store import failures, lineage
from everycase.store.db import Connection
from everycase.store.lineage import Gone

BATCH = 1000


def delete_gone(
    conn: Connection, index: VectorIndex, *, run_id: UUID, now: datetime, absent: bool = False
) -> int:
    """Take what the source has no longer out of the index, then say so in the lineage; how many cases.

    `absent`: also cases that staging does not know at all. Raises `LoadFailure`.
    """
    deleted, after = 0, ""
    while gone := lineage.gone(conn, after=after, limit=BATCH, absent=absent):
        after = gone[-1].record_id
        index.release(_owned(gone))
        ids = [g.record_id for g in gone]
        with conn.transaction():
            lineage.record_deleted(conn, ids, run_id=run_id)
            failures.resolve(conn, ids, method="deleted_at_source", now=now)
        deleted += len(ids)
    return deleted


def remove_quarantined(
    conn: Connection, index: VectorIndex, *, run_id: UUID, only: Sequence[str] | None = None
) -> int:
    """Take the objects of quarantined cases (of `only` these) out of the index. Raises `LoadFailure`."""
    removed, after = 0, ""
    while found := lineage.to_remove(conn, after=after, limit=BATCH, only=only):
        after = found[-1].record_id
        index.release(_owned(found))
        lineage.record_removed(conn, [g.record_id for g in found], run_id=run_id)
        removed += len(found)
    return removed


def _owned(cases: Sequence[Gone]) -> list[Owned]:
    return [Owned(object_id=c.object_id, case_id=c.record_id) for c in cases if c.object_id]
