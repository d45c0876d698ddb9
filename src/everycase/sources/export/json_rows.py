"""The records of a JSON document: a list, or pages with `records` as the REST API and `sf` write them.

A record's number takes the place of the line. JSON that is broken cannot be read past the break. A page
that is not the last one, or fewer records than `totalSize`, is an incomplete read, wherever it says so.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

import ijson

from everycase.domain.errors import SourceCutShort
from everycase.domain.rows import Passed
from everycase.sources.export.archive import STREAM_ERRORS, Bytes
from everycase.sources.export.records import NOT_UTF8, RecordReader, Row

LONGEST_RECORD = 64 * 1024 * 1024
"""Bytes; a record that is longer is a text that was never closed."""

_CHUNK = 64 * 1024

codecs.register_error("everycase.mark", lambda e: (NOT_UTF8, getattr(e, "end", 0)))


class _Collector:
    """What stands at some place of the document, as it comes by; each place has a parser of its own."""

    def __init__(self, path: str) -> None:
        self.found: Any = ijson.sendable_list()
        self.parser = ijson.items_coro(self.found, path, use_float=False)

    def take(self) -> list[Any]:
        some = list(self.found)
        self.found.clear()
        return some


class JsonRows:
    """Reads one JSON document of one object."""

    def __init__(self, raw: Bytes, path: str, name: str, records: RecordReader) -> None:
        """`path`: where the records stand, as ijson writes it; `name`: of the file, for messages."""
        self._raw, self._name, self._records = raw, name, records
        base = path.removesuffix(".item").rpartition(".")[0]
        self._items = _Collector(path)
        has_pages = path != "item"
        about = {n: f"{base}.{n}".lstrip(".") for n in ("done", "totalSize", "nextRecordsUrl")}
        self._about = {n: _Collector(p) for n, p in about.items()} if has_pages else {}
        self._number = 0
        self.announced: int | None = None

    def read(self) -> Iterator[Row | Passed]:
        """Every record. Raises `SourceCutShort` where the document or its query ends too early."""
        try:
            for found in self._documents():
                self._number += 1
                yield from self._records.read_all(found, self._number)
        except (ijson.JSONError, UnicodeDecodeError, *STREAM_ERRORS):
            raise SourceCutShort(
                f"{self._name} cannot be read past record {self._number}: what came before it was loaded, "
                "nothing was deleted; copy the export again"
            ) from None
        self._judge_pages()
        if self._records.relation:
            self.announced = None  # of the parents

    def _documents(self) -> Iterator[object]:
        """The records, as soon as they are complete."""
        decoder = codecs.getincrementaldecoder("utf-8")("everycase.mark")
        since_last = 0
        while data := self._raw.read1(_CHUNK):
            try:
                self._feed(decoder.decode(data).encode())
            except ijson.JSONError:
                yield from self._items.take()
                raise
            some = self._items.take()
            since_last = 0 if some else since_last + len(data)
            if since_last > LONGEST_RECORD:
                raise SourceCutShort(
                    f"{self._name} record {self._number + 1} is longer than {LONGEST_RECORD >> 20} MB: "
                    "nothing behind it was read and nothing was deleted; is a text not closed?"
                )
            yield from some
        self._feed(decoder.decode(b"", final=True).encode())
        for collector in (self._items, *self._about.values()):
            collector.parser.close()
        yield from self._items.take()

    def _feed(self, data: bytes) -> None:
        if data:
            for collector in (self._items, *self._about.values()):
                collector.parser.send(data)

    def _judge_pages(self) -> None:
        """Raises `SourceCutShort` where the document says that there is more than it has."""
        if not self._about:
            return
        said = {name: collector.take() for name, collector in self._about.items()}
        totals = [int(t) for t in said["totalSize"] if isinstance(t, int) and not isinstance(t, bool)]
        if totals:
            self.announced = totals[0] if len(set(totals)) == 1 else sum(totals)
        has_next = said["nextRecordsUrl"][-1:] not in ([], [None])
        is_page = said["done"][-1:] == [False] or (not said["done"] and has_next)
        if is_page:
            raise SourceCutShort(
                f'{self._name} ends with record {self._number} and says that it is not "done": it is one '
                "page of several; nothing was deleted; export all of them into one file"
            )
        if self.announced is not None and self._number < self.announced:
            raise SourceCutShort(
                f"{self._name} has {self._number} records and says that there are {self.announced} "
                "(totalSize): nothing was deleted; export all of them into one file"
            )
