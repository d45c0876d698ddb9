"""The rows of a CSV file, each with the physical line on which it begins.

A row that cannot be read spoils itself only. A quote that is never closed swallows the rows behind it:
they are given back and read again from where the next one begins.
"""

from __future__ import annotations

import csv
import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import SourceCutShort
from everycase.domain.rows import BadRow, MalformedRow, RowParser, WrongWidth
from everycase.sources.export.archive import STREAM_ERRORS, Bytes, ExportFile

LONGEST_FIELD = 64 * 1024 * 1024
"""Characters; a field that is longer is a quote that was never closed."""

csv.field_size_limit(LONGEST_FIELD)


@dataclass(slots=True)
class _Lines:
    """Physical lines, counted and decoded one by one, so that a bad byte spoils one row only."""

    raw: Bytes
    number: int = 0
    """Of the line that was given last, from 1."""
    row: list[str] = field(default_factory=list)
    """The lines that were given since the row under way began."""
    flaw: str = ""
    """What is wrong with one of them, whatever it says."""
    again: deque[str] = field(default_factory=deque)
    """Lines to be given before the file goes on."""

    def __iter__(self) -> Iterator[str]:
        while self.again:
            line = self.again.popleft()
            yield self._give(line, is_utf8=_is_unicode(line))
        for data in self.raw:
            try:
                yield self._give(data.decode(), is_utf8=True)
            except UnicodeDecodeError:
                yield self._give(data.decode("utf-8", "surrogateescape"), is_utf8=False)

    def _give(self, line: str, *, is_utf8: bool) -> str:
        self.number += 1
        self.row.append(line)
        if "\x00" in line:
            self.flaw = "has a NUL byte"
        elif not is_utf8:
            self.flaw = "has bytes that are not UTF-8"
        return line

    def begin_row(self) -> None:
        self.row.clear()
        self.flaw = ""

    def give_back(self, first: int) -> None:
        """The lines of the row under way from its `first` on will be given again."""
        self.again.extendleft(reversed(self.row[first:]))
        self.number -= len(self.row) - first
        del self.row[first:]


def _is_unicode(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


class CsvRows:
    """Reads one CSV file of one object."""

    def __init__(self, file: ExportFile, obj: SourceObject, catalogue: Catalogue, raw: Bytes) -> None:
        """Reads the header. Raises `MalformedRow` when there is none, or it lacks a key column."""
        self._file, self._object = file, obj
        self._lines = _Lines(raw)
        first = next(iter(self._lines), "").lstrip("\ufeff")
        if not first.strip():
            raise MalformedRow("is empty, without so much as a header")
        if self._lines.flaw:
            raise MalformedRow("is not UTF-8 (UTF-16 perhaps): export it as UTF-8")
        self._delimiter = max(",;\t", key=first.count)
        try:
            header = next(csv.reader([first], delimiter=self._delimiter))
        except csv.Error:
            raise MalformedRow("has no header that can be read as CSV") from None
        self.parser = RowParser(obj, catalogue, header)

    def read(self) -> Iterator[Record | BadRow]:
        """Every row behind the header. Raises `SourceCutShort` where the file ends before its end."""
        lines, parse = self._lines, self.parser.parse
        rows = self._reader()
        while True:
            lines.begin_row()
            try:
                cells = next(rows)
                if lines.flaw:
                    raise MalformedRow(lines.flaw)
                record = parse(cells, self._first_line) if cells else None
            except StopIteration:
                return
            except STREAM_ERRORS:
                raise self._cut_short() from None
            except (csv.Error, MalformedRow) as e:
                yield self._bad(e)
                rows = self._reader()
                continue
            if record is not None:
                yield record

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(iter(self._lines), delimiter=self._delimiter, strict=True)

    def _bad(self, error: csv.Error | MalformedRow) -> BadRow:
        """The row under way as a bad one, after giving back what it swallowed.

        It has a record id only where it is certain that no other row is lost in it. Raises
        `SourceCutShort` when the row is bad because the file ends in it.
        """
        lines, is_quoting = self._lines, isinstance(error, csv.Error)
        if is_quoting or isinstance(error, WrongWidth):
            next_row = self._next_row()
            if next_row is not None:
                lines.give_back(next_row)
            elif "end of data" in str(error) or not lines.row[-1].endswith("\n"):
                raise self._cut_short() from None
        is_alone = len(lines.row) == 1 or not is_quoting
        raw = "".join(lines.row).encode("utf-8", "surrogateescape")
        return BadRow(
            object=self._object.name,
            place=f"{self._file.name} line {self._first_line}",
            reason="its quotes are not closed as they were opened" if is_quoting else str(error),
            record_id=self.parser.record_id(self._cells(lines.row[0])) if is_alone else None,
            digest=hashlib.sha256(raw).hexdigest(),
        )

    @property
    def _first_line(self) -> int:
        return self._lines.number - len(self._lines.row) + 1

    def _next_row(self) -> int | None:
        """The first line inside the row under way that looks like the beginning of another one."""
        for i, line in enumerate(self._lines.row[1:], start=1):
            if self.parser.record_id(self._cells(line)):
                return i
        return None

    def _cells(self, line: str) -> list[str]:
        """The cells that begin on a line, whatever its quotes are worth."""
        try:
            return next(csv.reader([line], delimiter=self._delimiter), [])
        except csv.Error:
            return []

    def _cut_short(self) -> SourceCutShort:
        return SourceCutShort(
            f"{self._file.name} ends in the middle of the row that begins on line {self._first_line}: "
            "what came before it was loaded, nothing was deleted; copy the export again"
        )
