"""Records with keys, as JSON has them, on their way to the row parser."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.rows import BadRow, CellReading, MalformedRow, Passed, RowParser, Tombstone
from everycase.sources.export.envelopes import flatten, unwrap
from everycase.sources.export.subqueries import Relation, children

Row = Record | Tombstone | BadRow
"""What a reader of the export wants to know of."""

NOT_UTF8 = "\ufdd0"
"""Stands for bytes that are not UTF-8: a code point that is promised never to be a character."""

_MOST_HEADERS = 64


class Rows(Protocol):
    """The rows of one file."""

    announced: int | None
    """How many the file says it has, known at the end."""

    def read(self) -> Iterator[Row | Passed]:
        """Every row. Raises `SourceCutShort` where the file ends before its end."""


class RecordReader:
    """Parses records; one parser for each tuple of keys."""

    def __init__(
        self,
        obj: SourceObject,
        catalogue: Catalogue,
        how: CellReading,
        file_name: str,
        relation: Relation | None = None,
    ) -> None:
        """`relation`: where the rows of the object stand inside the records, if they do."""
        self._object, self._catalogue, self._how, self._file_name = obj, catalogue, how, file_name
        self.relation = relation
        self._parsers: dict[tuple[str, ...], RowParser] = {}

    def read_all(self, found: object, number: int, counted_in: str = "record") -> Iterator[Row | Passed]:
        """The rows that a record is, or holds. Raises `SourceCutShort` where it holds a part of them."""
        place = f"{self._file_name} {counted_in} {number}"
        own = children(found, self.relation, place) if self.relation else (found,)
        for one in own:
            if (row := self.read(one, number, counted_in)) is not None:
                yield row

    def read(self, found: object, number: int, counted_in: str = "record") -> Row | Passed | None:
        """What a record is; None for a message about something else."""
        place = f"{self._file_name} {counted_in} {number}"
        if not isinstance(found, Mapping):
            return self._bad(place, "is not an object", [type(found).__name__], None)
        try:
            inner = unwrap(found, self._object.name)
        except (ValueError, RecursionError):
            return self._bad(place, "has _airbyte_data that is not JSON", [str(len(found))], None)
        return None if inner is None else self._parse(inner, number, place)

    def _parse(self, found: Mapping[str, Any], number: int, place: str) -> Row | Passed:
        flat = dict(flatten(found))
        cells = list(flat.values())
        try:
            parser = self._parser(tuple(flat))
        except MalformedRow as e:
            return self._bad(place, str(e), cells, None)
        try:
            row = parser.read(cells, number)
            if isinstance(row, Record) and NOT_UTF8 in "".join(cells):
                raise MalformedRow("has bytes that are not UTF-8")
            return row
        except MalformedRow as e:
            return self._bad(place, str(e), cells, parser)

    def _parser(self, header: tuple[str, ...]) -> RowParser:
        if header not in self._parsers:
            if len(self._parsers) >= _MOST_HEADERS:
                self._parsers.clear()
            self._parsers[header] = RowParser(self._object, self._catalogue, header, self._how)
        return self._parsers[header]

    def _bad(self, place: str, reason: str, cells: list[str], parser: RowParser | None) -> BadRow:
        raw = "\x1f".join(cells).encode("utf-8", "surrogatepass")
        return BadRow(
            object=self._object.name,
            place=place,
            reason=reason,
            record_id=parser.record_id(cells) if parser else None,
            digest=hashlib.sha256(raw).hexdigest(),
        )
