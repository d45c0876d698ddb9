"""One read of an object's files, with the proof of what it came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

from everycase.domain.errors import SourceCutShort
from everycase.domain.rows import BadRow, Passed, RowVersion, Tombstone, TombstoneReason
from everycase.ports import ReadProof
from everycase.sources.export.records import Row, Rows

T = TypeVar("T")

OpenedRows = Callable[[], Iterator[Rows]]
"""Opens the files one after the other; may raise `SourceCutShort`, also after the last row of one."""


class FileReading(Generic[T]):
    """Rows of files, each turned into what the reader wants. Implements `ports.Reading`."""

    def __init__(
        self,
        files: OpenedRows,
        turn: Callable[[Row], T],
        *,
        window: str,
        mark: Callable[[], str],
        since: str = "",
    ) -> None:
        """Files whose mark is `since` are not read."""
        self._files, self._turn, self._window, self._mark, self._since = files, turn, window, mark, since
        self._is_unchanged = self._is_whole = False
        self._announced: int | None = None
        self._read = 0
        self._passed: Counter[str] = Counter()
        self._problem = ""

    def __iter__(self) -> Iterator[T]:
        try:
            self._is_unchanged = bool(self._since) and self._since == self._mark()
            if not self._is_unchanged:
                yield from self._rows()
        except SourceCutShort as e:
            self._is_whole, self._problem = False, str(e)

    def _rows(self) -> Iterator[T]:
        are_named = True
        for rows in self._files():
            for row in rows.read():
                self._read += 1
                if isinstance(row, Passed):
                    self._passed[row.value] += 1
                    continue
                are_named = are_named and (not isinstance(row, BadRow) or row.record_id is not None)
                yield self._turn(row)
            if rows.announced is not None:
                self._announced = (self._announced or 0) + rows.announced
        self._is_whole = are_named

    expected = None

    def begin(self) -> None:
        """Does nothing: a file is read when its rows are asked for."""

    def stop(self) -> None:
        """Does nothing: `begin` has started nothing."""

    def note_stored(self) -> None:
        """A file is read from its beginning, whatever was stored of it."""

    def proof(self) -> ReadProof:
        if self._is_unchanged:
            return ReadProof(is_whole=True, names_everything=False, mark=self._since, window=self._window)
        return ReadProof(
            announced=self._announced,
            read=self._read,
            is_whole=self._is_whole,
            names_everything=True,
            mark=self._mark() if self._is_whole else "",
            window=self._window,
            passed_over=dict(self._passed),
            problem=self._problem,
        )


def as_it_is(row: Row) -> Row:
    return row


def as_version(row: Row) -> RowVersion | BadRow:
    """What an inventory says of a row."""
    if isinstance(row, BadRow):
        return row
    if isinstance(row, Tombstone):
        return RowVersion(id=row.id, version="", is_deleted=True, at=row.at)
    return RowVersion(id=row.id, version=row.row_hash, at=row.system_modstamp)


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


def names(files: Sequence[str]) -> str:
    """Some files by name, for people."""
    return ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
