"""One object's rows on their way into staging, committed chunk by chunk (contract §3).

No transaction is open between two calls, so that a source may take its time. Deletions come last, when
the read has ended and the guard has spoken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from everycase.domain.cases import Record
from everycase.domain.catalogue import SourceObject
from everycase.domain.rows import Tombstone
from everycase.store.db import Connection, again
from everycase.store.staging import MANY, StagingTable

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Double:
    """An id that came in more than one row, with different contents."""

    record_id: str
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanishing:
    """What a read says is gone, before anything is done about it."""

    seen: int
    """Different ids that the read named alive."""
    live: int
    """Rows staged and not marked as deleted; not counted where nothing is gone."""
    gone: int


class Target(Protocol):
    """Where a merge writes what differs. Called inside a transaction."""

    def write(self, table: StagingTable) -> None:
        """Take over the rows of `newest` that stand in `changed`."""

    def bury(self, table: StagingTable) -> None:
        """Mark the rows of `gone`."""


class Merge:
    """Compares the rows of one read with staging; what differs goes to the target."""

    def __init__(self, conn: Connection, obj: SourceObject, target: Target) -> None:
        self._conn, self._target = conn, target
        self.table = StagingTable(obj)
        self.changed = 0
        self._is_mostly_same = False
        """Most rows of the last chunk were as they are staged, so of the next one hashes are sent first."""
        self._run("create")

    def add(self, records: Sequence[Record]) -> None:
        """Merge one chunk, in one transaction; after a deadlock the chunk is merged again."""
        self.changed += again(lambda: self._add(records))

    def _add(self, records: Sequence[Record]) -> int:
        """How many rows of the chunk differ from what is staged."""
        newest, doubles = _newest(records)
        with self._conn.transaction():
            self._run("do_not_wait", "begin_chunk")
            self._note_doubles(doubles)
            differing = self._differing(newest) if self._is_mostly_same else newest
            changed = self._write(differing) if differing else 0
        self._is_mostly_same = 2 * changed < len(newest)
        return changed

    def _differing(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records that differ from staging by their hash. Only their content is sent then."""
        self._run("begin_names")
        with self._conn.cursor() as cursor, cursor.copy(self.table.statement("copy_names")) as copy:
            for r in records:
                copy.write_row(
                    (r.id, r.row_hash, r.source_version, r.system_modstamp, r.last_modified_date, r.line)
                )
        ids = {i for (i,) in self._conn.execute(self.table.statement("differing"))}
        return [r for r in records if r.id in ids]

    def _write(self, records: Sequence[Record]) -> int:
        """Write the records that differ from what is staged, and return their number."""
        self._copy(records)
        new, changed = self._run("note_new", "changed")
        if new < len(records):
            *_, changed = self._run("note_doubles", "drop_older", "note_again", "begin_again", "changed")
        self._target.write(self.table)
        return changed

    def _note_doubles(self, doubles: Sequence[Double]) -> None:
        if doubles:
            given = {
                "ids": [d.record_id for d in doubles],
                "first": [d.first_line for d in doubles],
                "last": [d.last_line for d in doubles],
            }
            self._conn.execute(self.table.statement("add_doubles"), given)

    def add_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        given = {"ids": [t.id for t in tombstones], "at": [t.at for t in tombstones]}
        self._conn.execute(self.table.statement("add_tombstones"), given)

    def doubles(self, *, limit: int) -> list[Double]:
        rows = self._conn.execute(self.table.statement("doubles"), {"limit": limit}).fetchall()
        return [Double(record_id=i, first_line=a, last_line=b) for i, a, b in rows]

    def named_failures(self) -> list[str]:
        """The ids of rows that could not be read once, and that this read has named well."""
        given = {"object": self.table.object.name}
        return [r[0] for r in self._conn.execute(self.table.statement("named_failures"), given)]

    def find_gone(self, *, absent: bool, spared: Sequence[str]) -> Vanishing:
        """What has a tombstone and, if `absent` counts, what was not named. Nothing is marked yet."""
        self._run("begin_chunk")
        for name in ("find_buried", "find_absent") if absent else ("find_buried",):
            self._conn.execute(self.table.statement(name), {"spared": list(spared)})
        row = self._conn.execute(self.table.statement("count_gone")).fetchone()
        assert row is not None
        return Vanishing(seen=row[0], live=row[1] or 0, gone=row[2])

    def mark_gone(self) -> None:
        """Call inside a transaction."""
        self._target.bury(self.table)

    def refresh_statistics(self) -> None:
        """After many changes the planner must not go by what was there before."""
        if self.changed >= MANY:
            self._run("refresh_statistics")

    def _copy(self, records: Sequence[Record]) -> None:
        with self._conn.cursor() as cursor, cursor.copy(self.table.statement("copy")) as copy:
            for record in records:
                copy.write_row((*self.table.row(record), record.line))

    def _run(self, *names: str) -> list[int]:
        """Execute these statements in one message to the server; how many rows each of them changed."""
        cursor = self._conn.execute(self.table.statements(*names))
        counts = [cursor.rowcount]
        while cursor.nextset():
            counts.append(cursor.rowcount)
        return counts


def _newest(records: Sequence[Record]) -> tuple[Sequence[Record], list[Double]]:
    """The newest row of each id (of equally new ones the last), and the ids with several different rows."""
    found: dict[str, Record] = {r.id: r for r in records}
    if len(found) == len(records):
        return records, []
    of_one_id: dict[str, list[Record]] = {}
    for record in records:
        of_one_id.setdefault(record.id, []).append(record)
    doubles = [
        Double(record_id=i, first_line=min(r.line for r in rows), last_line=max(r.line for r in rows))
        for i, rows in of_one_id.items()
        if len({r.row_hash for r in rows}) > 1
    ]
    return [max(reversed(rows), key=_age) for rows in of_one_id.values()], doubles


def _age(record: Record) -> tuple[datetime, datetime]:
    return record.system_modstamp or _NEVER, record.last_modified_date or _NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class StagingTarget:
    """The staging tables themselves.

    `follows`: the identity of a source whose mark stays right while staging runs ahead of it, so that the
    digest beside the mark is moved along.
    """

    conn: Connection
    follows: str = ""

    def write(self, table: StagingTable) -> None:
        self._move_digest(table, -1)
        if not self.follows:
            self.conn.execute(table.statements("upsert", _touching(table)))
            return
        self.conn.execute(table.statement("upsert"))
        self._move_digest(table, +1)
        self.conn.execute(table.statement(_touching(table)))

    def bury(self, table: StagingTable) -> None:
        self._move_digest(table, -1)
        said_why = () if table.object.parent_object else ("note_gone",)
        self.conn.execute(table.statements("mark_gone", *said_why, _touching(table)))

    def _move_digest(self, table: StagingTable, sign: int) -> None:
        if not self.follows:
            return
        row = self.conn.execute(table.statement("digest_of_changed")).fetchone()
        assert row is not None
        given = {"rows": sign * row[0], "sum": sign * row[1]}
        names = {"source": self.follows, "object": table.object.name}
        self.conn.execute(table.statement("move_digest"), {**names, **given})


def _touching(table: StagingTable) -> str:
    """The block by which cases are looked at again when they, or a child of theirs, changed."""
    name = {"": "namesakes", "Case": "children"}.get(table.object.parent_object, "feed")
    return f"touched_by_{name}"
