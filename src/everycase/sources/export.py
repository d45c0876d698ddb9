"""A Salesforce data export as a source: a folder or zip of CSV or JSON, one file an object.

Streamed in constant memory. A row that cannot be read is a `BadRow` that names file and line; the rest
of the file is read all the same (contract §3).
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import ijson

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import SourceCutShort, WrongUse
from everycase.domain.rows import BadRow, MalformedRow, RowParser
from everycase.ports import ObjectState
from everycase.sources.archive import ExportFile, find_files

READER_VERSION = "1"
"""Raised when the same bytes are read differently, so that unchanged files are read again."""

LONGEST_FIELD = 64 * 1024 * 1024
"""Characters; a field that is longer is a quote that was never closed."""

_STREAM_ERRORS = (EOFError, zlib.error, zipfile.BadZipFile, OSError)
_MOST_HEADERS = 64
csv.field_size_limit(LONGEST_FIELD)


class ExportSource:
    """Every object's file of one export. Implements `ports.Source`."""

    name = "export"
    is_complete = True

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        """Raises `WrongUse` where `path` is no export, in one sentence."""
        self._path, self._catalogue = path, catalogue
        self._files = find_files(path)

    def state(self, obj: SourceObject) -> ObjectState:
        file = self._files.get(obj.name.lower())
        if file is None:
            problem = f"{self._path} has no {obj.name} file: what is staged of {obj.name} was left as it is"
            return ObjectState(object=obj.name, is_present=False, problem=problem)
        try:
            missing = self._missing(file, obj)
            version = f"{READER_VERSION}:{self._meaning(obj)}:{file.digest()}"
        except MalformedRow as e:
            problem = f"{file.name} {e}: what is staged of {obj.name} was left as it is"
            if obj is self._catalogue.case:
                raise WrongUse(problem) from None
            return ObjectState(object=obj.name, is_present=False, problem=problem)
        except _STREAM_ERRORS:
            return ObjectState(object=obj.name, is_present=True)
        return ObjectState(object=obj.name, is_present=True, version=version, missing_fields=missing)

    def read(self, obj: SourceObject) -> Iterator[Record | BadRow]:
        file = self._files[obj.name.lower()]
        reader = _JsonRows if file.is_json else _CsvRows
        with file.open() as raw:
            yield from reader(file, obj, self._catalogue).read(raw)

    def _missing(self, file: ExportFile, obj: SourceObject) -> tuple[str, ...]:
        """The catalogue fields that the file lacks. Raises `MalformedRow` for a file that is no table."""
        with file.open() as raw:
            if file.is_json:
                return ()
            rows = _CsvRows(file, obj, self._catalogue)
            return rows.header(rows.lines(raw)).missing

    def _meaning(self, obj: SourceObject) -> str:
        """What the settings make of the file: with other names the same bytes are other records."""
        aliases = sorted((k, v) for k, v in self._catalogue.aliases.items() if k.startswith(f"{obj.name}."))
        parts = (aliases, self._catalogue.task_types, [(c.name, c.kind) for c in obj.identity])
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@dataclass(slots=True)
class _Counted:
    """Physical lines with their number, decoded one by one so that a bad byte spoils one row only."""

    raw: io.BufferedIOBase
    number: int = 0

    def __iter__(self) -> Iterator[str]:
        for line in self.raw:
            self.number += 1
            yield line.decode("utf-8", "surrogateescape")


class _CsvRows:
    def __init__(self, file: ExportFile, obj: SourceObject, catalogue: Catalogue) -> None:
        self._file, self._object, self._catalogue = file, obj, catalogue
        self._delimiter = ","

    def lines(self, raw: io.BufferedIOBase) -> _Counted:
        return _Counted(raw)

    def header(self, lines: _Counted) -> RowParser:
        """Raises `MalformedRow` when there is none, or it lacks a key column."""
        first = next(iter(lines), "").lstrip("\ufeff")
        if not first.strip():
            raise MalformedRow("is empty, without so much as a header")
        if "\x00" in first or first.startswith("\udcff\udcfe"):
            raise MalformedRow("is not UTF-8 (UTF-16 perhaps): export it as UTF-8")
        self._delimiter = max(",;\t", key=first.count)
        return RowParser(self._object, self._catalogue, next(csv.reader([first], delimiter=self._delimiter)))

    def read(self, raw: io.BufferedIOBase) -> Iterator[Record | BadRow]:
        lines = _Counted(raw)
        parser = self.header(lines)
        rows = csv.reader(iter(lines), delimiter=self._delimiter, strict=True)
        while True:
            start = lines.number + 1
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as e:
                if "unexpected end" in str(e):
                    raise SourceCutShort(self._cut_short(start)) from None
                yield self._bad(parser, start, "its quotes are not closed as they were opened", ())
                continue
            except _STREAM_ERRORS:
                raise SourceCutShort(self._cut_short(start)) from None
            if cells:
                record = self._parse(parser, start, cells)
                if record is not None:
                    yield record

    def _parse(self, parser: RowParser, start: int, cells: Sequence[str]) -> Record | BadRow | None:
        if reason := _unreadable(cells):
            return self._bad(parser, start, reason, cells)
        try:
            return parser.parse(cells)
        except MalformedRow as e:
            return self._bad(parser, start, str(e), cells)

    def _bad(self, parser: RowParser, line: int, reason: str, cells: Sequence[str]) -> BadRow:
        return BadRow(
            object=self._object.name,
            place=f"{self._file.name} line {line}",
            reason=reason,
            record_id=parser.record_id(cells),
            digest=_digest(cells),
        )

    def _cut_short(self, line: int) -> str:
        return (
            f"{self._file.name} ends in the middle of the row that begins on line {line}: what came before "
            "it was loaded, nothing was deleted; copy the export again"
        )


class _JsonRows:
    """`[…]` or `{"records": […]}`; a record's number takes the place of the line."""

    def __init__(self, file: ExportFile, obj: SourceObject, catalogue: Catalogue) -> None:
        self._file, self._object, self._catalogue = file, obj, catalogue
        self._parsers: dict[tuple[str, ...], RowParser] = {}

    def read(self, raw: io.BufferedIOBase) -> Iterator[Record | BadRow]:
        number = 0
        try:
            for found in ijson.items(*self._items(raw), use_float=False):
                number += 1
                record = self._parse(number, found)
                if record is not None:
                    yield record
        except (ijson.JSONError, UnicodeDecodeError, *_STREAM_ERRORS):
            raise SourceCutShort(
                f"{self._file.name} cannot be read past record {number}: what came before it was loaded, "
                "nothing was deleted; copy the export again"
            ) from None

    def _items(self, raw: io.BufferedIOBase) -> tuple[io.BufferedIOBase, str]:
        buffered = io.BufferedReader(raw)
        first = buffered.peek(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if first == b"":
            raise EOFError
        return buffered, "item" if first == b"[" else "records.item"

    def _parse(self, number: int, found: object) -> Record | BadRow | None:
        if not isinstance(found, Mapping):
            return self._bad(number, "is not an object", {}, None)
        flat = dict(_flatten(found))
        try:
            parser = self._parser(tuple(flat))
        except MalformedRow as e:
            return self._bad(number, str(e), flat, None)
        cells = list(flat.values())
        if reason := _unreadable(cells):
            return self._bad(number, reason, flat, parser)
        try:
            return parser.parse(cells)
        except MalformedRow as e:
            return self._bad(number, str(e), flat, parser)

    def _parser(self, header: tuple[str, ...]) -> RowParser:
        if header not in self._parsers:
            if len(self._parsers) >= _MOST_HEADERS:
                self._parsers.clear()
            self._parsers[header] = RowParser(self._object, self._catalogue, header)
        return self._parsers[header]

    def _bad(self, number: int, reason: str, flat: Mapping[str, str], parser: RowParser | None) -> BadRow:
        return BadRow(
            object=self._object.name,
            place=f"{self._file.name} record {number}",
            reason=reason,
            record_id=parser.record_id(list(flat.values())) if parser else None,
            digest=_digest(flat.values()),
        )


def _flatten(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """`{"Owner": {"Name": "x"}}` is the column `Owner.Name`; every value becomes the text of a CSV cell."""
    for name, value in found.items():
        if isinstance(value, Mapping):
            if name != "attributes":
                yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, _cell(value)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return str(int(value))
    if isinstance(value, list):
        return "; ".join(_cell(v) for v in value)
    return str(value)


def _unreadable(cells: Sequence[str]) -> str:
    """Why these cells cannot be staged, whatever they are; blank when they can."""
    text = "".join(cells)
    if "\x00" in text:
        return "has a NUL byte"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "has bytes that are not UTF-8"
    return ""


def _digest(cells: Iterable[str]) -> str:
    return hashlib.sha256("\x1f".join(cells).encode("utf-8", "surrogatepass")).hexdigest()
