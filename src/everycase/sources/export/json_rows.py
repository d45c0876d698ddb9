"""The records of a JSON file: `[…]` or `{"records": […]}`, as the REST API and its tools write them.

A record's number takes the place of the line. JSON that is broken cannot be read past the break.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import ijson

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import SourceCutShort
from everycase.domain.rows import BadRow, MalformedRow, RowParser
from everycase.sources.export.archive import STREAM_ERRORS, Bytes, ExportFile

_HEAD = 64 * 1024
"""Bytes in which `"records"` must begin: what stands before it are counts and a link."""
_RECORDS = re.compile(rb'"records"\s*:\s*\[')
_NOT_DONE = re.compile(rb'"done"\s*:\s*false')
_MOST_HEADERS = 64
_LONGEST_NUMBER = 64
_NOT_UTF8 = "\ufdd0"
"""Stands for bytes that are not UTF-8: a code point that is promised never to be a character."""

codecs.register_error("everycase.mark", lambda e: (_NOT_UTF8, getattr(e, "end", 0)))


class _Utf8:
    """The bytes of `raw` with every byte that is not UTF-8 marked, so that it spoils one record only."""

    def __init__(self, raw: Bytes) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder("utf-8")("everycase.mark")

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        if data and data.isascii() and not self._decoder.getstate()[0]:
            return data
        return self._mark(data)

    def _mark(self, data: bytes) -> bytes:
        return self._decoder.decode(data, final=not data).encode()


class _Reader(NamedTuple):
    """A parser for records of one tuple of keys, and how many blank cells it wants behind theirs."""

    parser: RowParser
    blanks: list[str]


class JsonRows:
    """Reads one JSON file of one object."""

    def __init__(self, file: ExportFile, obj: SourceObject, catalogue: Catalogue, raw: Bytes) -> None:
        """Looks at the beginning. Raises `MalformedRow` when it is no list of records."""
        self._file, self._object, self._catalogue, self._raw = file, obj, catalogue, raw
        self._readers: dict[tuple[str, ...], _Reader] = {}
        if raw.peek(len(codecs.BOM_UTF8)).startswith(codecs.BOM_UTF8):
            raw.read(len(codecs.BOM_UTF8))
        head = raw.peek(_HEAD)[:_HEAD].lstrip()
        if not head:
            raise MalformedRow("is empty, without so much as a list")
        if b"\x00" in head[:8]:
            raise MalformedRow("is not UTF-8 (UTF-16 perhaps): export it as UTF-8")
        before, *_ = _RECORDS.split(head, maxsplit=1)
        self._path = "item" if head.startswith(b"[") else "records.item"
        if not head.startswith((b"[", b"{")) or (head.startswith(b"{") and before == head):
            raise MalformedRow('is neither a list of records nor an object with "records"')
        self._is_page = head.startswith(b"{") and _NOT_DONE.search(before) is not None

    def read(self) -> Iterator[Record | BadRow]:
        """Every record. Raises `SourceCutShort` where the file ends before its end."""
        number = 0
        try:
            for found in ijson.items(_Utf8(self._raw), self._path, use_float=False):
                number += 1
                record = self._parse(number, found)
                if record is not None:
                    yield record
        except (ijson.JSONError, UnicodeDecodeError, *STREAM_ERRORS):
            raise SourceCutShort(
                f"{self._file.name} cannot be read past record {number}: what came before it was loaded, "
                "nothing was deleted; copy the export again"
            ) from None
        if self._is_page:
            raise SourceCutShort(
                f'{self._file.name} ends with record {number} and says that it is not "done": it is one page '
                "of several; nothing was deleted; export all of them into one file"
            )

    def _parse(self, number: int, found: object) -> Record | BadRow | None:
        if not isinstance(found, Mapping):
            return self._bad(number, "is not an object", [str(type(found).__name__)], None)
        flat = dict(_flatten(found))
        cells = list(flat.values())
        try:
            reader = self._reader(tuple(flat))
        except MalformedRow as e:
            return self._bad(number, str(e), cells, None)
        cells += reader.blanks
        try:
            if _NOT_UTF8 in "".join(cells):
                raise MalformedRow("has bytes that are not UTF-8")
            return reader.parser.parse(cells, number)
        except MalformedRow as e:
            return self._bad(number, str(e), cells, reader.parser)

    def _reader(self, header: tuple[str, ...]) -> _Reader:
        """A key that a record lacks is blank, as in APIs that leave null out; but for Id."""
        if header not in self._readers:
            if len(self._readers) >= _MOST_HEADERS:
                self._readers.clear()
            known = {h.lower() for h in header}
            keys = [self._object.parent] if self._object.parent else ["CaseNumber"]
            lacking = [
                k
                for k in keys
                if not {k.lower(), self._catalogue.source_name(self._object, k).lower()} & known
            ]
            parser = RowParser(self._object, self._catalogue, (*header, *lacking))
            self._readers[header] = _Reader(parser, [""] * len(lacking))
        return self._readers[header]

    def _bad(self, number: int, reason: str, cells: list[str], parser: RowParser | None) -> BadRow:
        raw = "\x1f".join(cells).encode("utf-8", "surrogatepass")
        return BadRow(
            object=self._object.name,
            place=f"{self._file.name} record {number}",
            reason=reason,
            record_id=parser.record_id(cells) if parser else None,
            digest=hashlib.sha256(raw).hexdigest(),
        )


def _flatten(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """`{"Owner": {"Name": "x"}}` is the column `Owner.Name`; every value becomes the text of a CSV cell."""
    for name, value in found.items():
        if isinstance(value, Mapping):
            if name != "attributes":
                yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value if type(value) is str else _cell(value)


def _cell(value: object) -> str:
    """`null` is blank, `23.0` is `23`, a list is its entries."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if (
        isinstance(value, Decimal)
        and value.adjusted() < _LONGEST_NUMBER
        and value == value.to_integral_value()
    ):
        return str(int(value))
    if isinstance(value, list):
        return "; ".join(_cell(v) for v in value if not isinstance(v, Mapping))
    return str(value)
