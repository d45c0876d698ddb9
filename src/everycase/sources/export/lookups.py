"""Names, mail addresses and phones of contacts, accounts and users, by the ids that rows hold.

They are read once, into a private temporary file that is gone when the process ends, so that memory does
not grow with their number. They serve redaction alone and are written nowhere else.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

import ijson

from everycase.domain.catalogue import SourceObject
from everycase.domain.headers import Header
from everycase.domain.rows import MalformedRow
from everycase.domain.values import is_null, optional_id
from everycase.sources.export.archive import Bytes
from everycase.sources.export.envelopes import flatten
from everycase.sources.export.sniff import FileForm, FileLook

COLUMNS = ("Name", "FirstName", "LastName", "Email", "Phone", "MobilePhone")
OBJECTS = ("Contact", "Account", "User")


class People:
    """What is known of each id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode = off")
        self._db.execute("create table person (id primary key, name, email, phone, mobile) without rowid")

    def add(self, rows: Iterator[Mapping[str, str]]) -> int:
        """Take in rows by column; how many had an id."""
        with self._lock:
            self._db.execute("begin")
            count = self._db.executemany(
                "insert or replace into person values (?, ?, ?, ?, ?)", filter(None, map(_person, rows))
            ).rowcount
            self._db.execute("commit")
        return count

    def find(self, obj: SourceObject, ids: Mapping[str, str]) -> dict[str, str]:
        """The identity columns of a row, by the ids in it."""
        found: dict[str, str] = {}
        for column, record_id in ids.items():
            with self._lock:
                row = self._db.execute(
                    "select name, email, phone, mobile from person where id = ?", (record_id,)
                ).fetchone()
            if row is None:
                continue
            known = dict(zip(("Name", "Email", "Phone", "MobilePhone"), row, strict=True))
            for own, other in obj.lookups[column].columns.items():
                if known[other]:
                    found[own] = known[other]
        return found

    def close(self) -> None:
        self._db.close()


def rows(raw: Bytes, look: FileLook) -> Iterator[dict[str, str]]:
    """The rows of a file of people by column. Raises `ValueError` where it is broken."""
    if look.form is FileForm.CSV and look.raw_column is None:
        yield from _csv_rows(raw, look)
    else:
        for header, cells in _records(raw, look):
            yield from by_column(header, [cells])


def by_column(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[dict[str, str]]:
    """The columns that matter here, by their names."""
    places = Header(header)
    wanted = {n: p[0] for n in ("Id", *COLUMNS) if (p := places.find([n]))}
    for cells in rows:
        if len(cells) == places.width:
            yield {n: cells[i] for n, i in wanted.items()}


def _csv_rows(raw: Bytes, look: FileLook) -> Iterator[dict[str, str]]:
    text = io.TextIOWrapper(raw, encoding="utf-8", errors="replace", newline="")
    try:
        reader = csv.reader((line.replace("\x00", "") for line in text), delimiter=look.delimiter)
        for _ in range(look.skip + 1):
            next(reader, None)
        yield from by_column(look.header, reader)
    except csv.Error as e:
        raise ValueError from e
    finally:
        text.detach()


def _records(raw: Bytes, look: FileLook) -> Iterator[tuple[list[str], list[str]]]:
    """Keys and cells of each JSON record."""
    if look.form is FileForm.JSON:
        found: Iterator[object] = ijson.items(raw, look.path, use_float=False)
    else:
        found = (json.loads(line) for line in raw if line.strip())
    try:
        for record in found:
            if isinstance(record, Mapping):
                flat = dict(flatten(record.get("_airbyte_data", record)))
                yield list(flat), list(flat.values())
    except ijson.JSONError as e:
        raise ValueError from e


def _person(row: Mapping[str, str]) -> tuple[str, ...] | None:
    try:
        record_id = optional_id(row.get("Id", ""))
    except MalformedRow:
        return None
    if record_id is None:
        return None
    said = {c: "" if is_null(t := row.get(c, "").strip()) else t for c in COLUMNS}
    name = said["Name"] or " ".join(filter(None, (said["FirstName"], said["LastName"])))
    return record_id, name, said["Email"], said["Phone"], said["MobilePhone"]
