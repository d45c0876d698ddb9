"""Rows of both APIs as cells of text that are equal when the meaning is equal: the APIs differ.

`null` and `""` are blank, `23.0` and `23` are one number; what dates and ids are is the row parser's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue
from everycase.domain.row_columns import ColumnParser
from everycase.domain.row_hash import version_hash
from everycase.domain.rows import (
    BadRow,
    MalformedRow,
    RowParser,
    Tombstone,
    TombstoneReason,
    iso,
    long_id,
    moment,
)
from everycase.sources.salesforce.answers import UnexpectedAnswer
from everycase.sources.salesforce.columns import MASTER, Column, Columns

Cells = list[str]
Turn = Callable[[Cells], Record | Tombstone | BadRow]


def number(value: str) -> str:
    """`23.0` is `23`; what is no number stays as it is."""
    try:
        found = float(value)
    except ValueError:
        return value
    return str(int(found)) if found.is_integer() and abs(found) < 1e15 else repr(found)


def cell(value: Any) -> str:
    """A JSON value as text. Raises `TypeError` for a list or an object, which no field holds."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        raise TypeError("no value of a field")
    return value if isinstance(value, str) else number(str(value))


def from_records(columns: Sequence[Column], records: Sequence[Mapping[str, Any]], what: str) -> list[Cells]:
    """The cells of REST records. Raises `UnexpectedAnswer` where a field is missing or holds no value."""
    return list(map(list, zip(*(_column(c, records, what) for c in columns), strict=True)))


def _column(column: Column, records: Sequence[Mapping[str, Any]], what: str) -> list[str]:
    """The cells of one column; related fields are nested, and null where there is nothing related."""
    values: Sequence[Any] = records
    try:
        for step in column.path.split("."):
            values = [v if v is None else v[step] for v in values]
        texts = [v if type(v) is str else cell(v) for v in values]
    except (KeyError, TypeError):
        raise UnexpectedAnswer(what, f"{column.path} of a row is missing, or is no value") from None
    return [number(t) if t else "" for t in texts] if column.is_number else texts


def arrange(columns: Sequence[Column], header: Sequence[str]) -> Callable[[Cells], Cells]:
    """What brings the cells of a CSV row into the order of `columns`. Raises `KeyError` where one lacks."""
    place = {name.lower(): i for i, name in enumerate(header)}
    order = [place[c.path.lower()] for c in columns]
    numbers = [n for n, c in enumerate(columns) if c.is_number]
    if order == list(range(len(header))) and not numbers:
        return lambda cells: cells

    def arranged(cells: Cells) -> Cells:
        found = [cells[i] for i in order]
        for n in numbers:
            found[n] = number(found[n]) if found[n] else ""
        return found

    return arranged


def version_of(record: Record, volatile: Sequence[str]) -> str:
    """Equal where stamp, parent and all that can change without a stamp are equal."""
    stamp = record.system_modstamp
    parts = [iso(stamp) if stamp else "", record.parent_id or ""]
    parts += [record.values.get(h) or record.identity.get(h) or "" for h in volatile]
    return version_hash(parts)


class RowReader:
    """Turns cells into records, tombstones, and rows that cannot be read."""

    def __init__(self, columns: Columns, catalogue: Catalogue) -> None:
        self._name = columns.object.name
        self._parser = RowParser(columns.object, catalogue, columns.headers)
        place = {h: i for i, h in enumerate(columns.headers)}
        self._id, self._deleted = place["Id"], place.get("IsDeleted")
        self._master, self._stamp = place.get(MASTER), place.get("SystemModstamp")
        parents = (columns.object.parent, columns.object.parent_fallback)
        self._parents = [place[p] for p in parents if p in place]
        self._volatile = sorted(c.header for c in columns.selected if c.is_volatile)
        layout = self._parser.layout()
        self._by_columns = ColumnParser(layout, self._volatile) if layout else None
        self.passed_over = 0
        """Rows that belong to no case."""

    def read(self, cells: Cells) -> Record | Tombstone | BadRow:
        """A row that belongs to no case is a tombstone: it may have belonged to one before."""
        if self._deleted is not None and cells[self._deleted].strip().lower() == "true":
            return self._tombstone(cells)
        try:
            if self._parents and not any(cells[i].strip() for i in self._parents):
                return self._strange(cells)
            record = self._parser.parse(cells)
        except MalformedRow as e:
            return self._bad(cells, str(e))
        if record is None:
            return self._strange(cells)
        return replace(record, source_version=version_of(record, self._volatile))

    def read_page(self, rows: Sequence[Cells]) -> list[Record | Tombstone | BadRow]:
        """The same of many rows at once; in another order, and much quicker."""
        if self._by_columns is None:
            return [self.read(r) for r in rows]
        plain, others = self._by_columns.part(rows)
        try:
            records = self._by_columns.read(plain)
        except (MalformedRow, UnicodeEncodeError):
            return [self.read(r) for r in rows]
        return [*records, *(self.read(list(r)) for r in others)]

    def _tombstone(self, cells: Cells) -> Tombstone | BadRow:
        is_merged = self._master is not None and bool(cells[self._master].strip())
        reason = TombstoneReason.MERGED if is_merged else TombstoneReason.DELETED
        try:
            at = moment(cells[self._stamp].strip()) if self._stamp is not None else None
            return Tombstone(object=self._name, id=long_id(cells[self._id].strip()), reason=reason, at=at)
        except MalformedRow as e:
            return self._bad(cells, str(e))

    def _strange(self, cells: Cells) -> Tombstone | BadRow:
        self.passed_over += 1
        try:
            record_id = long_id(cells[self._id].strip())
        except MalformedRow as e:
            return self._bad(cells, f"column Id {e}")
        return Tombstone(object=self._name, id=record_id, reason=TombstoneReason.ABSENT)

    def _bad(self, cells: Cells, reason: str) -> BadRow:
        record_id = self._parser.record_id(cells)
        return BadRow(
            object=self._name,
            place=f"{self._name} {record_id or 'without an id'}",
            reason=reason,
            record_id=record_id,
        )
