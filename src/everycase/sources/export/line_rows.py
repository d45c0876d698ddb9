"""JSON lines: one object a line, as `sf`, Singer, Airbyte, BigQuery and jq write them.

A line that cannot be read spoils itself only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal

from everycase.domain.errors import SourceCutShort
from everycase.domain.rows import BadRow, Passed
from everycase.sources.export.archive import STREAM_ERRORS, Bytes
from everycase.sources.export.json_rows import LONGEST_RECORD
from everycase.sources.export.records import RecordReader, Row


class LineRows:
    """Reads one file of JSON lines."""

    announced: int | None = None

    def __init__(self, raw: Bytes, obj_name: str, name: str, records: RecordReader) -> None:
        self._raw, self._object, self._name, self._records = raw, obj_name, name, records

    def read(self) -> Iterator[Row | Passed]:
        """Every record. Raises `SourceCutShort` where the file ends in the middle of a line."""
        number = 0
        try:
            while line := self._raw.readline(LONGEST_RECORD):
                number += 1
                yield from self._read(line, number)
        except STREAM_ERRORS:
            raise self._cut_short(number + 1) from None

    def _read(self, line: bytes, number: int) -> Iterator[Row | Passed]:
        if len(line) == LONGEST_RECORD:
            raise SourceCutShort(
                f"{self._name} line {number} is longer than {LONGEST_RECORD >> 20} MB: nothing behind it was "
                "read and nothing was deleted"
            )
        text = line.decode("utf-8", "everycase.mark").strip().rstrip(",")
        if not text or text in ("[", "]"):
            return
        try:
            found = json.loads(text, parse_float=Decimal, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            if not line.endswith(b"\n"):
                raise self._cut_short(number) from None
            yield self._bad(line, number)
            return
        if isinstance(found, Mapping):
            yield from self._records.read_all(found, number, "line")
        else:
            yield self._bad(line, number)

    def _bad(self, line: bytes, number: int) -> BadRow:
        return BadRow(
            object=self._object,
            place=f"{self._name} line {number}",
            reason="is not one JSON object",
            digest=hashlib.sha256(line).hexdigest(),
        )

    def _cut_short(self, number: int) -> SourceCutShort:
        return SourceCutShort(
            f"{self._name} ends in the middle of line {number}: what came before it was loaded, nothing was "
            "deleted; copy the export again"
        )
