"""The far ends of sources: what a test changes there, a `Source` must report here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Protocol

from everycase.domain.catalogue import OBJECTS, Catalogue
from everycase.ports import Source
from everycase.sources.export.source import ExportSource
from tests.support.exports import HEADERS, Row, write_table


class FarEnd(Protocol):
    """A small organisation, by rows as `tests.support.exports` makes them."""

    def source(self) -> Source:
        """A source of what is there now, as a new run would make it."""

    def put(self, name: str, *rows: Row) -> None:
        """Add rows to an object, or replace those of the same Id."""

    def remove(self, name: str, *ids: str) -> None:
        """Delete for good: the rows are nowhere any more."""

    def mark_deleted(self, name: str, *ids: str) -> None:
        """Delete softly: the rows are there and say that they are deleted."""

    def cut(self, name: str) -> None:
        """From now on a read of this object ends before its end."""


class FolderEnd:
    """A folder of CSV or JSON files."""

    def __init__(self, folder: Path, form: str) -> None:
        self._folder, self._form = folder, form
        self._rows: dict[str, dict[str, Row]] = {o.name: {} for o in OBJECTS}
        self._is_cut: set[str] = set()
        self._write()

    def source(self) -> Source:
        return ExportSource(self._folder, Catalogue())

    def put(self, name: str, *rows: Row) -> None:
        self._rows[name].update({r["Id"]: r for r in rows})
        self._write()

    def remove(self, name: str, *ids: str) -> None:
        for i in ids:
            del self._rows[name][i]
        self._write()

    def mark_deleted(self, name: str, *ids: str) -> None:
        self.put(name, *({**self._rows[name][i], "IsDeleted": "true"} for i in ids))

    def cut(self, name: str) -> None:
        self._is_cut.add(name)
        self._write()

    def _write(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        for name, rows in self._rows.items():
            path = self._folder / f"{name}.{self._form}"
            if self._form == "csv":
                write_table(path, HEADERS[name], rows.values())
            else:
                path.write_text(json.dumps({"totalSize": len(rows), "records": list(rows.values())}))
            if name in self._is_cut:
                path.write_bytes(path.read_bytes()[:-10])
