"""One read of a file of an export, with the proof of what it came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

from everycase.domain.cases import Record
from everycase.domain.errors import SourceCutShort
from everycase.domain.rows import BadRow, RowVersion, Tombstone, TombstoneReason
from everycase.ports import ReadProof

T = TypeVar("T")
Row = Record | Tombstone | BadRow


class FileReading(Generic[T]):
    """Rows of a file, each turned into what the reader wants. Implements `ports.Reading`."""

    def __init__(
        self,
        rows: Callable[[], Iterator[Row]],
        turn: Callable[[Row], T],
        *,
        window: str,
        mark: Callable[[], str],
        since: str = "",
    ) -> None:
        """`rows` opens the file and may raise `SourceCutShort`; `mark` is asked when it was read whole.

        A file whose mark is `since` is not read.
        """
        self._rows, self._turn, self._window, self._mark = rows, turn, window, mark
        self._since = since
        self._is_unchanged = False
        self._read = 0
        self._is_whole = False
        self._problem = ""

    def __iter__(self) -> Iterator[T]:
        are_named = True
        self._is_unchanged = bool(self._since) and self._since == self._mark()
        if self._is_unchanged:
            return
        try:
            for row in self._rows():
                self._read += 1
                are_named = are_named and (not isinstance(row, BadRow) or row.record_id is not None)
                yield self._turn(row)
            self._is_whole = are_named
        except SourceCutShort as e:
            self._problem = str(e)

    expected = None

    def note_stored(self) -> None:
        """A file is read from its beginning, whatever was stored of it."""

    def proof(self) -> ReadProof:
        if self._is_unchanged:
            return ReadProof(is_whole=True, names_everything=False, mark=self._since, window=self._window)
        return ReadProof(
            read=self._read,
            is_whole=self._is_whole,
            names_everything=True,
            mark=self._mark() if self._is_whole else "",
            window=self._window,
            problem=self._problem,
        )


def as_it_is(row: Row) -> Row:
    return row


def as_version(row: Row) -> RowVersion | BadRow:
    """What an inventory says of a row."""
    if isinstance(row, BadRow):
        return row
    if isinstance(row, Tombstone):
        return RowVersion(id=row.id, version="", is_deleted=True)
    return RowVersion(id=row.id, version=row.row_hash)


def as_change(row: Record | BadRow) -> Row:
    """A row that is marked as deleted is a tombstone: nothing of its content is taken."""
    if isinstance(row, Record) and row.is_deleted:
        return Tombstone(object=row.object, id=row.id, reason=TombstoneReason.DELETED, at=row.system_modstamp)
    return row


def pick(reading: FileReading[Row], obj: str, ids: AbstractSet[str]) -> Iterator[Row]:
    """The rows of these ids; a tombstone for each that a whole read does not name."""
    missing = set(ids)
    for row in reading:
        record_id = row.record_id if isinstance(row, BadRow) else row.id
        if record_id in ids:
            missing.discard(record_id)
            yield row
    if reading.proof().proves_absence:
        for record_id in sorted(missing):
            yield Tombstone(object=obj, id=record_id, reason=TombstoneReason.ABSENT)
