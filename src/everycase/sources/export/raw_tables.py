"""Raw tables of Airbyte as CSV: each row has its record as JSON in one column."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator

from everycase.domain.errors import SourceCutShort
from everycase.domain.rows import BadRow, Passed
from everycase.sources.export.archive import STREAM_ERRORS, Bytes
from everycase.sources.export.records import RecordReader, Row
from everycase.sources.export.sniff import FileLook


class RawTableRows:
    """Reads one such file."""

    announced: int | None = None

    def __init__(self, raw: Bytes, look: FileLook, obj_name: str, name: str, records: RecordReader) -> None:
        self._raw, self._look, self._object, self._name, self._records = raw, look, obj_name, name, records

    def read(self) -> Iterator[Row | Passed]:
        """Every record. Raises `SourceCutShort` where the file ends before its end."""
        text = io.TextIOWrapper(self._raw, encoding="utf-8", errors="replace", newline="")
        rows = csv.reader(text, delimiter=self._look.delimiter, strict=True)
        try:
            for _ in range(self._look.skip + 1):
                next(rows, None)
            for cells in rows:
                row = self._read(cells, rows.line_num)
                if row is not None:
                    yield row
        except (csv.Error, *STREAM_ERRORS):
            raise SourceCutShort(
                f"{self._name} cannot be read past line {rows.line_num}: what came before it was loaded, "
                "nothing was deleted; copy the export again"
            ) from None
        finally:
            text.detach()

    def _read(self, cells: list[str], number: int) -> Row | Passed | None:
        try:
            found = json.loads(cells[self._look.raw_column or 0])
        except (ValueError, IndexError, RecursionError):
            return BadRow(
                object=self._object,
                place=f"{self._name} line {number}",
                reason="has no JSON in its column _airbyte_data",
                digest=hashlib.sha256("\x1f".join(cells).encode("utf-8", "replace")).hexdigest(),
            )
        return self._records.read(found, number, "line")
