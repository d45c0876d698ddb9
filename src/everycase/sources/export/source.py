"""A Salesforce data export as a source: a folder or zip of CSV or JSON, one file an object.

Streamed in constant memory. A row that cannot be read is a `BadRow` that names file and line; the rest
of the file is read all the same (contract §3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TypeVar

from everycase.domain import catalogue as catalogues
from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import SourceCutShort, WrongUse
from everycase.domain.rows import BadRow, MalformedRow, RowVersion, Tombstone
from everycase.ports import ObjectState, Reading, VersionKind
from everycase.sources.export.archive import STREAM_ERRORS, Bytes, ExportFile, find_files
from everycase.sources.export.csv_rows import CsvRows
from everycase.sources.export.json_rows import JsonRows
from everycase.sources.export.reading import (
    FileReading,
    Row,
    as_change,
    as_it_is,
    as_version,
    pick,
)

T = TypeVar("T")

READER_VERSION = "2"
"""Raised when the same bytes are read differently, so that unchanged files are read again."""


class ExportSource:
    """Every object's file of one export. Implements `ports.Source`."""

    kind = "export"
    identity = "export"
    versions = VersionKind.ROW_HASH
    is_incremental = False

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        """Raises `WrongUse` where `path` is no export, in one sentence."""
        self._path, self._catalogue = path, catalogue
        self._files = find_files(path, [o.name for o in catalogue.objects])

    def state(self, obj: SourceObject) -> ObjectState:
        """Reads the header, and the bytes for their digest, which is empty where they have no end.

        Raises `WrongUse` where the Case file cannot be used at all.
        """
        file = self._files.get(obj.name.lower())
        if file is None:
            return self._absent(obj, f"{self._path} has no {obj.name} file")
        try:
            missing = self._missing(file, obj)
        except MalformedRow as e:
            return self._absent(obj, f"{file.name} {e}")
        except STREAM_ERRORS as e:
            return self._absent(obj, f"{file.name} {_trouble(e)}")
        place = f"{file.name} {'record' if file.is_json else 'line'}"
        return ObjectState(object=obj.name, is_present=True, missing_fields=missing, place=place)

    def changes(self, obj: SourceObject, since: str = "") -> Reading[Record | Tombstone | BadRow]:
        """All rows, or none where the file is the one that was read last."""
        return self._reading(obj, as_it_is, since)

    def inventory(self, obj: SourceObject, since: str = "") -> Reading[RowVersion | BadRow]:
        return self._reading(obj, as_version, since)

    def fetch(self, obj: SourceObject, ids: AbstractSet[str]) -> Iterator[Record | Tombstone | BadRow]:
        """Reads the file once, so that a caller does well to ask for all ids together."""
        return pick(self._reading(obj, as_it_is), obj.name, ids)

    def _reading(self, obj: SourceObject, turn: Callable[[Row], T], since: str = "") -> FileReading[T]:
        file = self._files.get(obj.name.lower())
        return FileReading(
            lambda: map(as_change, self._read(obj)),
            turn,
            window=file.name if file else "",
            mark=lambda: self._mark(file, obj) if file else "",
            since=since,
        )

    def _mark(self, file: ExportFile, obj: SourceObject) -> str:
        """Equal for equal bytes that are read the same way; empty where they have no end."""
        try:
            return f"{READER_VERSION}:{self._meaning(obj)}:{file.digest()}"
        except STREAM_ERRORS:
            return ""

    def _read(self, obj: SourceObject) -> Iterator[Record | BadRow]:
        file = self._files.get(obj.name.lower())
        if file is None:
            raise SourceCutShort(f"{self._path} has no {obj.name} file: nothing was deleted")
        try:
            with file.open() as raw:
                yield from self._rows(file, obj, raw).read()
        except MalformedRow as e:
            raise SourceCutShort(f"{file.name} {e}: nothing was deleted") from None
        except STREAM_ERRORS as e:
            raise SourceCutShort(f"{file.name} {_trouble(e)}: nothing was deleted") from None

    def _rows(self, file: ExportFile, obj: SourceObject, raw: Bytes) -> CsvRows | JsonRows:
        rows = JsonRows if file.is_json else CsvRows
        return rows(file, obj, self._catalogue, raw)

    def _missing(self, file: ExportFile, obj: SourceObject) -> tuple[str, ...]:
        """The catalogue fields that the file lacks; of JSON it is not known before all is read."""
        with file.open() as raw:
            rows = self._rows(file, obj, raw)
            return rows.parser.missing if isinstance(rows, CsvRows) else ()

    def _absent(self, obj: SourceObject, problem: str) -> ObjectState:
        sentence = f"{problem}: what is staged of {obj.name} was left as it is"
        if obj is self._catalogue.case:
            raise WrongUse(sentence)
        return ObjectState(object=obj.name, is_present=False, problem=sentence)

    def _meaning(self, obj: SourceObject) -> str:
        """What the catalogue makes of the file: with other names the same bytes are other records."""
        aliases = sorted((k, v) for k, v in self._catalogue.aliases.items() if k.startswith(f"{obj.name}."))
        columns = [(f.name, f.kind) for f in obj.fields] + [(c.name, c.kind) for c in obj.identity]
        parts = (catalogues.VERSION, aliases, columns, self._catalogue.task_types)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _trouble(error: Exception) -> str:
    reason = getattr(error, "strerror", None)
    if reason:
        return f"cannot be read ({reason})"
    return "is damaged and cannot be unpacked; copy the export again"
