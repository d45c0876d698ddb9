"""One read of a source object: good rows are passed on, rows that cannot be read are put aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Generic, TypeVar

from everycase.domain.cases import Record
from everycase.domain.catalogue import SourceObject
from everycase.domain.rows import BadRow, Tombstone
from everycase.ports import Reading, ReadProof, Source

MOST_BAD_ROWS = 10_000
"""Reading an object stops after so many bad rows."""

OnRows = Callable[[str, int, int | None], None]
"""Told of an object how many rows were read, and how many are expected; None where nobody has counted."""

_REPORT_EVERY = 1000

T = TypeVar("T")


class ObjectRows(Generic[T]):
    """The rows of one reading. `bad` and `proof` are complete when the iteration has ended."""

    def __init__(self, reading: Reading[T | BadRow], name: str, on_rows: OnRows) -> None:
        self._reading, self._name, self._on_rows = reading, name, on_rows
        self._too_many = ""
        self.count = 0
        """Good rows."""
        self.bad: list[BadRow] = []

    def __iter__(self) -> Iterator[T]:
        for row in self._reading:
            if isinstance(row, BadRow):
                self.bad.append(row)
                if len(self.bad) >= MOST_BAD_ROWS:
                    self._too_many = (
                        f"{row.place}: {MOST_BAD_ROWS:,} rows of {self._name} cannot be read, so reading "
                        "stopped there and nothing was deleted: is this the right file?"
                    )
                    break
            else:
                self.count += 1
                if self.count % _REPORT_EVERY == 0:
                    self._on_rows(self._name, self.count, self._reading.expected)
                yield row
        self._on_rows(self._name, self.count, self._reading.expected)

    @property
    def spared(self) -> list[str]:
        """The ids of rows that are there, though they cannot be read."""
        return [b.record_id for b in self.bad if b.record_id]

    @property
    def expected(self) -> int | None:
        """Rows that are to come; None before the read has begun, and where nobody has counted them."""
        return self._reading.expected

    def note_stored(self) -> None:
        self._reading.note_stored()

    def proof(self) -> ReadProof:
        found = self._reading.proof()
        if not found.is_whole:  # a read that was cut short has no figures of its own
            found = replace(found, read=max(found.read, self.count + len(self.bad)))
        return replace(found, is_whole=False, mark="", problem=self._too_many) if self._too_many else found


ChangedRows = ObjectRows[Record | Tombstone]
"""The good rows of `Source.changes` or `Source.fetch`."""


class Fetched:
    """Rows by id, as a reading: whole where every id was answered. Implements `ports.Reading`."""

    def __init__(self, source: Source, obj: SourceObject, ids: AbstractSet[str]) -> None:
        self._source, self._object, self._ids = source, obj, ids
        self._answered: set[str] = set()
        self._read = 0

    def __iter__(self) -> Iterator[Record | Tombstone | BadRow]:
        for row in self._source.fetch(self._object, self._ids):
            self._read += 1
            record_id = row.record_id if isinstance(row, BadRow) else row.id
            self._answered |= {record_id} if record_id else set()
            yield row

    @property
    def expected(self) -> int:
        return len(self._ids)

    def begin(self) -> None:
        """A fetch is short: it is made when its rows are asked for."""

    def stop(self) -> None:
        """Does nothing: `begin` has started nothing."""

    def note_stored(self) -> None:
        """A fetch is short: it begins anew."""

    def proof(self) -> ReadProof:
        lacking = len(self._ids - self._answered)
        return ReadProof(
            announced=len(self._ids),
            read=self._read,
            is_whole=not lacking,
            names_everything=False,
            window=f"{len(self._ids):,} ids",
            problem=f"the source did not answer for {lacking:,} of {len(self._ids):,} {self._object.name} "
            "rows: nothing of them was deleted"
            if lacking
            else "",
        )
