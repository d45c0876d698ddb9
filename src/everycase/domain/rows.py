"""Rows as exports and APIs give them, made canonical: the one door through which source text comes in.

The same value differs by API (`…000Z` and `…+0000`, `""` and `null`, 15 and 18 characters of one id);
what leaves here is equal when the meaning is equal, so that hashes agree (facts/salesforce.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from everycase.domain.cases import Record
from everycase.domain.catalogue import RECORD_KEEPING, Catalogue, Kind, SourceObject
from everycase.domain.errors import EverycaseError
from everycase.domain.fingerprint import canonical, digest

T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\Z")
_EPOCH_MS = re.compile(r"-?\d{11,14}\Z")
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no", ""})
CASE_PREFIX = "500"
"""The key prefix of Case ids: a Task's WhatId may point at anything."""


class MalformedRow(EverycaseError):
    """A row cannot be read as a record. The message names the column, never the value."""

    def __init__(self, message: str, *, record_id: str | None = None) -> None:
        super().__init__(message)
        self.record_id = record_id


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that could not be read: where it stands, and why."""

    object: str
    place: str
    """`Case.csv line 17`."""
    reason: str
    record_id: str | None = None
    digest: str = ""
    """Of the row's raw bytes, so that the same bad row is known again."""


def long_id(value: str) -> str:
    """An 18-character id of a 15- or 18-character one. Raises `MalformedRow` for anything else."""
    if not _ID.match(value):
        raise MalformedRow("is not a 15- or 18-character Salesforce id")
    if len(value) == 18:
        return value
    chunks = (value[i : i + 5] for i in (0, 5, 10))
    return value + "".join(
        _SUFFIX[sum(1 << n for n, c in enumerate(chunk) if c.isupper())] for chunk in chunks
    )


@lru_cache(maxsize=4096)
def moment(value: str) -> datetime:
    """A Salesforce date in any of its forms, in UTC; without a zone it is GMT.

    `2017-12-31`, `2017-12-31 23:59:59`, `2017-12-31T23:59:59.000Z`, `….000+0000`, `…+00:00`, epoch ms.
    Raises `MalformedRow` for anything else, impossible dates included.
    """
    try:
        if _EPOCH_MS.match(value):
            return datetime.fromtimestamp(int(value) / 1000, tz=UTC)
        found = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        raise MalformedRow("is not a date that Salesforce writes") from None
    if not 1900 <= found.year <= 9000:
        raise MalformedRow("is not a date that Salesforce writes")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


@lru_cache(maxsize=4096)
def iso(when: datetime) -> str:
    """The one text form of a moment: `2017-12-31T23:59:59Z`, with milliseconds only where there are any."""
    spec = "milliseconds" if when.microsecond else "seconds"
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def flag(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise MalformedRow("is neither true nor false")


class RowParser:
    """Reads the rows of one file: built once for its header, called once for each row."""

    def __init__(self, obj: SourceObject, catalogue: Catalogue, header: Sequence[str]) -> None:
        """`header`: the column names of the file, in order; case does not matter.

        Raises `MalformedRow` when a key column is missing (Id, the parent's id, CaseNumber of Case).
        """
        self.object = obj
        self.width = len(header)
        place = {name.strip().lstrip("\ufeff").lower(): i for i, name in enumerate(header)}

        def find(name: str, *aliases: str) -> int | None:
            names = (catalogue.source_name(obj, name), name, *aliases)
            return next((place[n.lower()] for n in names if n.lower() in place), None)

        self._id = find("Id")
        self._parents = [i for n in (obj.parent, obj.parent_fallback) if n and (i := find(n)) is not None]
        self._keeping = {n: find(n) for n in RECORD_KEEPING[1:]}
        self._fields = [(f.name, f.kind, i) for f in obj.fields if (i := find(f.name)) is not None]
        self._identity = [(c.name, i) for c in obj.identity if (i := find(c.name, *c.aliases)) is not None]
        self._task_type = find("Type") if obj.name == "Task" else None
        self._task_types = {t.lower() for t in catalogue.task_types}
        self.missing = tuple(f.name for f in obj.fields if find(f.name) is None)
        """Catalogue fields that this file does not have: never populated, worth a word."""
        keys = ["Id"] if self._id is None else []
        if obj.parent and not self._parents:
            keys.append(obj.parent)
        if obj.name == "Case" and "CaseNumber" in self.missing:
            keys.append("CaseNumber")
        if keys:
            raise MalformedRow(f"has no column {' and no column '.join(keys)}")

    def record_id(self, cells: Sequence[str]) -> str | None:
        """The id of a row if it can be read at all, else None."""
        try:
            return long_id(cells[self._id].strip()) if self._id is not None else None
        except (IndexError, MalformedRow):
            return None

    def parse(self, cells: Sequence[str]) -> Record | None:
        """One row as a record, or None for a row that does not belong to any case (a Task of another type).

        Raises `MalformedRow` naming the column.
        """
        if len(cells) != self.width:
            raise MalformedRow(f"has {len(cells)} columns where the header has {self.width}")
        assert self._id is not None
        record_id = self._read("Id", long_id, cells[self._id].strip())
        if self._task_type is not None and cells[self._task_type].strip().lower() not in self._task_types:
            return None
        parent = self._parent(cells)
        if self.object.parent_object == "Case" and (parent is None or not parent.startswith(CASE_PREFIX)):
            if self.object.name in ("Task", "EmailMessage"):
                return None
            raise MalformedRow(f"column {self.object.parent} does not hold the id of a Case")
        if self.object.parent and parent is None:
            raise MalformedRow(f"column {self.object.parent} is blank: it belongs to nothing")
        values = {
            name: self._value(name, kind, text)
            for name, kind, i in self._fields
            if (text := cells[i]) and not text.isspace()
        }
        identity = {n: t for n, i in self._identity if (t := cells[i].strip())}
        stamps = {n: self._stamp(n, cells) for n in ("CreatedDate", "LastModifiedDate", "SystemModstamp")}
        deleted_at = self._keeping["IsDeleted"]
        deleted = deleted_at is not None and self._read("IsDeleted", flag, cells[deleted_at])
        return Record(
            object=self.object.name,
            id=record_id,
            parent_id=parent,
            values=values,
            identity=identity,
            when=self._when(values, stamps["CreatedDate"]),
            created_date=stamps["CreatedDate"],
            last_modified_date=stamps["LastModifiedDate"],
            system_modstamp=stamps["SystemModstamp"],
            is_deleted=deleted,
            row_hash=_row_hash(record_id, parent, values, identity, stamps, deleted),
        )

    def _parent(self, cells: Sequence[str]) -> str | None:
        if not self.object.parent:
            return None
        found = [c for i in self._parents if (c := cells[i].strip())]
        if self.object.parent_object == "Case":
            found = [c for c in found if c.startswith(CASE_PREFIX)] or found
        if not found:
            return None
        return self._read(self.object.parent, long_id, found[0])

    def _value(self, name: str, kind: Kind, text: str) -> str:
        if kind is Kind.MOMENT:
            return iso(self._read(name, moment, text.strip()))
        if kind is Kind.FLAG:
            return "true" if self._read(name, flag, text) else "false"
        if kind is Kind.CODE:
            text = text.strip()
            return long_id(text) if name in ("Id", "ParentId", "CreatedById") and _ID.match(text) else text
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    def _stamp(self, name: str, cells: Sequence[str]) -> datetime | None:
        i = self._keeping[name]
        text = cells[i].strip() if i is not None else ""
        return self._read(name, moment, text) if text else None

    def _when(self, values: Mapping[str, str], created: datetime | None) -> datetime | None:
        own = values.get(self.object.order_by)
        return moment(own) if own else created

    @staticmethod
    def _read(name: str, reader: Callable[[str], T], text: str) -> T:
        try:
            return reader(text)
        except MalformedRow as e:
            raise MalformedRow(f"column {name} {e}") from None


def _row_hash(
    record_id: str,
    parent: str | None,
    values: dict[str, str],
    identity: dict[str, str],
    stamps: dict[str, datetime | None],
    deleted: bool,
) -> str:
    """Over everything that is staged of a row: equal rows have equal hashes, whatever API they came by."""
    parts: list[str | None] = [record_id, parent, "deleted" if deleted else None]
    for mapping in (values, identity):
        for name, text in mapping.items():
            parts += (name, text)
        parts.append(None)
    parts += (iso(s) if s else None for s in stamps.values())
    return digest(canonical(parts))
