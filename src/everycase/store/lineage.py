"""The lineage of every case: where it is, what it was made of, and the trail of how it came there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from everycase.domain.cases import FieldCounts, Stamps
from everycase.domain.catalogue import FEW_FIELDS
from everycase.domain.lineage import EventKind, IndexState, Stage
from everycase.domain.shards import WHOLE, Shard
from everycase.store.db import Connection, scalar
from everycase.store.queries import queries
from everycase.store.staging import MANY

SQL = queries("lineage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What lineage says of a case before it is worked on: the fingerprints of what was loaded."""

    checksum: str | None
    children_checksum: str | None
    row_hash: str | None
    recipe: str | None
    space: str | None
    generation: int
    object_id: UUID | None
    index_state: IndexState
    has_failed: bool
    """Its last try failed."""

    @property
    def is_loaded(self) -> bool:
        return self.index_state is IndexState.LOADED

    @property
    def is_new_to_index(self) -> bool:
        """The index holds nothing of it."""
        return self.index_state in (IndexState.NEVER, IndexState.REMOVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned:
    """A case at a staging generation: what every lineage write is fenced by."""

    record_id: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRow:
    """What the join found of one case."""

    record_id: str
    generation: int
    children: Mapping[str, int]
    fields: FieldCounts
    is_limited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRow:
    """A case that the index has confirmed."""

    stamps: Stamps
    row_hash: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    record_id: str
    generation: int | None
    """None when it failed before it was read."""
    stage: Stage
    message: str
    doubtful: UUID | None = None
    """An object that may or may not have been written."""
    removes_object: bool = False
    """What the index has of the case may not be served any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the audit trail."""

    record_id: str
    stage: Stage
    event: EventKind
    at: datetime
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A case that the source has no longer, and the object that the index may still have of it."""

    record_id: str
    object_id: UUID | None


def track(
    conn: Connection,
    *,
    run_id: UUID,
    source: str,
    recipe: str,
    now: datetime,
    only: Sequence[str] | None = None,
    shard: Shard | None = None,
) -> int:
    """Let every case that has to be looked at (of these) enter the pipeline; how many there are."""
    given = {
        "run_id": run_id,
        "source": source,
        "recipe": recipe,
        "now": now,
        "only": list(only) if only is not None else None,
        **(shard.as_given() if shard else WHOLE),
    }
    row = conn.execute(SQL["track"], given).fetchone()
    assert row is not None
    if row[0] >= MANY:
        conn.execute("analyze recon.data_lineage")
    return int(row[0])


def batches(conn: Connection, *, run_id: UUID, size: int) -> Iterator[list[str]]:
    """The ids of a run's unfinished cases, `size` at a time, in the order of the ids."""
    after = ""
    while True:
        page = conn.execute(SQL["page"], {"run_id": run_id, "after": after, "limit": size})
        ids = [r[0] for r in page]
        if not ids:
            return
        yield ids
        after = ids[-1]


def known(conn: Connection, ids: Sequence[str]) -> dict[str, Known]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL["known"], {"ids": list(ids)}).fetchall()
    return {
        r["record_id"]: Known(
            checksum=r["checksum"],
            children_checksum=r["children_checksum"],
            row_hash=r["row_hash"],
            recipe=r["recipe"],
            space=r["space"],
            generation=r["generation"],
            object_id=r["object_id"],
            index_state=IndexState(r["index_state"]),
            has_failed=r["retry_count"] > 0,
        )
        for r in rows
    }


def record_join(conn: Connection, rows: Sequence[JoinRow]) -> None:
    """Write what the join found; nothing where newer content has been worked on since."""

    def counts(name: str) -> list[int]:
        return [r.children.get(name, 0) for r in rows]

    conn.execute(
        SQL["joined"],
        {
            "ids": [r.record_id for r in rows],
            "generations": [r.generation for r in rows],
            "tasks": counts("Task"),
            "workorders": counts("WorkOrder"),
            "comments": counts("CaseComment"),
            "emails": counts("EmailMessage"),
            "feeds": counts("WorkOrderFeed"),
            "total": [r.fields.total for r in rows],
            "issue": [r.fields.issue for r in rows],
            "resolution": [r.fields.resolution for r in rows],
            "limited": [r.is_limited for r in rows],
        },
    )


def advance(conn: Connection, rows: Sequence[Versioned], *, stage: Stage, at: datetime) -> None:
    """These cases have passed `stage`."""
    conn.execute(SQL["advance"], {"stage": stage, "at": at, **_versions(rows)})


def fence(conn: Connection, rows: Sequence[Versioned]) -> set[str]:
    """Lock the cases that may still be written with this content; call inside the transaction that loads."""
    return {r[0] for r in conn.execute(SQL["fence"], _versions(rows))}


def overtake(conn: Connection, rows: Sequence[Versioned], *, highest: int) -> dict[str, int]:
    """New generations, above `highest`, for those of these cases that are still staged with this content."""
    return dict(conn.execute(SQL["overtake"], {"highest": highest, **_versions(rows)}).fetchall())


def record_loaded(conn: Connection, rows: Sequence[LoadedRow], *, recipe: str, at: datetime) -> None:
    stamps = [r.stamps for r in rows]
    conn.execute(
        SQL["loaded"],
        {
            "at": at,
            "recipe": recipe,
            "ids": [s.case_id for s in stamps],
            "generations": [s.generation for s in stamps],
            "checksums": [s.checksum for s in stamps],
            "children_checksums": [s.children_checksum for s in stamps],
            "row_hashes": [r.row_hash for r in rows],
            "text_hashes": [s.text_hash for s in stamps],
            "spaces": [s.space for s in stamps],
            "case_numbers": [s.case_number for s in stamps],
            "object_ids": [s.object_id for s in stamps],
            "object_hashes": [s.object_hash for s in stamps],
            "vector_hashes": [s.vector_hash for s in stamps],
            "notes": [r.note for r in rows],
        },
    )


def disown(conn: Connection, owners: Sequence[Stamps]) -> None:
    """Clear the object id of other cases that held one of these objects: each belongs to its case alone."""
    ids, object_ids = [s.case_id for s in owners], [s.object_id for s in owners]
    conn.execute(SQL["disown"], {"ids": ids, "object_ids": object_ids})


def unowned(conn: Connection, object_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these objects that no live case owns."""
    return {r[0] for r in conn.execute(SQL["unowned"], {"ids": list(object_ids)})}


def record_unchanged(conn: Connection, rows: Sequence[Versioned], *, at: datetime) -> None:
    conn.execute(SQL["unchanged"], {"at": at, **_versions(rows)})


def record_failed(conn: Connection, rows: Sequence[FailedRow], *, recipe: str, at: datetime) -> None:
    given = {
        "at": at,
        "recipe": recipe,
        "ids": [r.record_id for r in rows],
        "generations": [r.generation for r in rows],
        "stages": [r.stage for r in rows],
        "messages": [r.message for r in rows],
        "doubtful": [r.doubtful for r in rows],
        "removes": [r.removes_object for r in rows],
    }
    conn.execute(SQL["failed"], given)


def append_events(conn: Connection, events: Sequence[Event], *, run_id: UUID) -> None:
    """Append to the audit trail, in the order given."""
    if not events:
        return
    given = {
        "run_id": run_id,
        "ids": [e.record_id for e in events],
        "stages": [e.stage for e in events],
        "events": [e.event for e in events],
        "at": [e.at for e in events],
        "details": [e.detail for e in events],
    }
    conn.execute(SQL["add_events"], given)


def gone(conn: Connection, *, after: str, limit: int, absent: bool = False) -> list[Gone]:
    """Cases to be taken out of the index; `absent`: also those that staging does not know at all."""
    given = {"after": after, "limit": limit, "absent": absent}
    return [Gone(record_id=i, object_id=o) for i, o in conn.execute(SQL["gone"], given)]


def to_remove(conn: Connection, *, after: str, limit: int, only: Sequence[str] | None = None) -> list[Gone]:
    """Live cases (of `only` these) whose object may not be served any more."""
    given = {"after": after, "limit": limit, "only": list(only) if only is not None else None}
    return [Gone(record_id=i, object_id=o) for i, o in conn.execute(SQL["to_remove"], given)]


def record_removed(conn: Connection, ids: Sequence[str], *, run_id: UUID) -> None:
    """The objects of these live cases were taken out of the index."""
    conn.execute(SQL["removed"], {"ids": list(ids), "run_id": run_id})


def numbers(conn: Connection, ids: Sequence[str]) -> dict[str, str]:
    """The case numbers of these cases, where they have one."""
    return dict(conn.execute(SQL["numbers"], {"ids": list(ids)}).fetchall())


def record_deleted(conn: Connection, ids: Sequence[str], *, run_id: UUID) -> None:
    conn.execute(SQL["deleted"], {"ids": list(ids), "run_id": run_id})


def note_limited(conn: Connection) -> int:
    """Note the cases of few fields, of which the source has no more, as complete; how many were new."""
    return conn.execute(SQL["note_limited"], {"few": FEW_FIELDS}).rowcount


def census(conn: Connection) -> dict[str, Any]:
    """How many cases stand where, and the coverage of each child table as a share of the cases."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL["census"], {"few": FEW_FIELDS}).fetchone()
    assert row is not None
    return {"source": at_source(conn), **row}


def at_source(conn: Connection) -> int:
    """The number of cases at the source, as far as it has been read: staged ones and refused ones."""
    return int(scalar(conn, SQL["at_source"]))


def spaces(conn: Connection) -> dict[str, int]:
    return {r[0]: r[1] for r in conn.execute(SQL["spaces"])}


def find(conn: Connection, key: str) -> dict[str, Any] | None:
    """The lineage row of a case by record id or case number."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["find"], {"key": key}).fetchone()


def find_staged(conn: Connection, key: str) -> dict[str, Any] | None:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["staged"], {"key": key}).fetchone()


def journey(conn: Connection, record_id: str) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["events"], {"id": record_id}).fetchall()


def last_join(conn: Connection, record_id: str) -> dict[str, Any] | None:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["joins"], {"id": record_id}).fetchone()


def example(conn: Connection) -> str | None:
    """The number of a loaded case with many children, to try commands with."""
    row = conn.execute(SQL["example"]).fetchone()
    return row[0] if row else None


def _versions(rows: Sequence[Versioned]) -> dict[str, list[object]]:
    return {"ids": [r.record_id for r in rows], "generations": [r.generation for r in rows]}
