"""One file of an export as a thing to read: inspected once, its rows as often as they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.headers import normal
from everycase.domain.rows import CellReading, Lookup, MalformedRow, RowParser
from everycase.domain.values import DateOrder
from everycase.sources.export.archive import Bytes, ExportFile
from everycase.sources.export.csv_rows import CsvRows
from everycase.sources.export.encoding import Inspection, as_utf8, inspect
from everycase.sources.export.json_rows import JsonRows
from everycase.sources.export.line_rows import LineRows
from everycase.sources.export.raw_tables import RawTableRows
from everycase.sources.export.records import RecordReader, Rows
from everycase.sources.export.sniff import FileForm, FileLook, clues, look_at
from everycase.sources.export.subqueries import RELATIONS

NO_RECORDS = "is JSON, and neither a list of records, nor an object with records, nor one object a line"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellHabits:
    """What settings say of an export that does not say it itself."""

    encoding: str = ""
    """Of files that are not Unicode."""
    dates: DateOrder = DateOrder.UNKNOWN


class WrongEncoding(MalformedRow):
    """A file is text in an encoding that no setting names."""


class Document:
    """A file, and what one look at it showed. Raises `MalformedRow` where it cannot be used."""

    def __init__(self, file: ExportFile, name: str, habits: CellHabits) -> None:
        """`name`: of the object that it holds. Any of `archive.STREAM_ERRORS` may come."""
        self.file, self._habits = file, habits
        self._relation = RELATIONS[name] if file.is_nested else None
        self.signature = file.signature()
        self.inspection: Inspection = inspect(file)
        self.encoding = self._encoding()
        with self.open() as raw:
            self.look: FileLook = look_at(raw, name, self._relation)

    def _encoding(self) -> str:
        found = self.inspection.encoding
        if self.inspection.is_foreign and self._habits.encoding:
            return self._habits.encoding
        if self.inspection.is_unicode:
            return found
        raise WrongEncoding(
            f"is not UTF-8, it looks like {found}: set EVERYCASE_ENCODING={found}, or export it as UTF-8"
        )

    @contextmanager
    def open(self) -> Iterator[Bytes]:
        """Its bytes as UTF-8."""
        with self.file.open() as raw:
            yield as_utf8(raw, self.encoding, is_old_mac=self.inspection.is_old_mac)

    @property
    def is_sparse(self) -> bool:
        """Its rows are JSON, which leaves out what is blank."""
        return self.look.form is not FileForm.CSV or self.look.raw_column is not None

    @property
    def form(self) -> str:
        """How it is written, for people."""
        delimiter = {"\t": "tab"}.get(self.look.delimiter, self.look.delimiter)
        mark = f", delimited by {delimiter}" if self.look.form is FileForm.CSV else ""
        return f"{self.look.form}, {self.encoding}{mark}"

    @property
    def counted_in(self) -> str:
        """What the number of a row means."""
        return f"{self.file.name} {'record' if self.look.form is FileForm.JSON else 'line'}"

    def how(self, obj: SourceObject, catalogue: Catalogue, lookup: Lookup | None) -> CellReading:
        """How its cells are meant. Raises `MalformedRow` where the dates do not say what they mean."""
        found = clues(self.look, obj, catalogue)
        if found.problem and not self._habits.dates:
            raise MalformedRow(found.problem)
        return CellReading(
            dates=self._habits.dates or found.dates,
            blanks=found.blanks,
            is_sparse=self.is_sparse,
            lookup=lookup,
        )

    def parser(self, obj: SourceObject, catalogue: Catalogue, how: CellReading) -> RowParser:
        """A parser for its header. Raises `MalformedRow` where it lacks a key column."""
        look = self.look
        if self.is_sparse and not look.rows:
            if look.form is FileForm.LINES and not look.others:
                raise MalformedRow(NO_RECORDS)
            return RowParser(obj, catalogue, ["Id"], how)
        if (
            look.form is FileForm.LINES
            and len(look.rows) == 1
            and not any(normal(h) == "id" for h in look.header)
        ):
            raise MalformedRow(NO_RECORDS)
        return RowParser(obj, catalogue, look.header, how)

    def rows(self, raw: Bytes, obj: SourceObject, catalogue: Catalogue, how: CellReading) -> Rows:
        """Its rows, from its bytes as `open` gives them. Raises `MalformedRow`."""
        name = self.file.name
        parser = self.parser(obj, catalogue, how)
        if self.look.form is FileForm.CSV and self.look.raw_column is None:
            return CsvRows(raw, self.look, name, parser)
        records = RecordReader(obj, catalogue, replace(how, is_sparse=True), name, self._relation)
        if self.look.form is FileForm.CSV:
            return RawTableRows(raw, self.look, obj.name, name, records)
        if self.look.form is FileForm.JSON:
            return JsonRows(raw, self.look.path, name, records)
        return LineRows(raw, obj.name, name, records)
