"""Rows as exports and APIs give them, made canonical: the one door through which source text comes in.

The same value differs by API (`…000Z` and `…+0000`, `""` and `null`, 15 and 18 characters of one id);
what leaves here is equal when the meaning is equal, so that hashes agree (facts/salesforce.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from string import ascii_letters, digits
from typing import NamedTuple, TypeVar

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, Field, Kind, SourceObject
from everycase.domain.errors import EverycaseError

T = TypeVar("T")

_EPOCH_MS = re.compile(r"-?[0-9]{11,14}\Z")
_CAPITALS = str.maketrans({c: "1" if c.isupper() else "0" for c in ascii_letters + digits})
_SUFFIX = {f"{n:05b}"[::-1]: c for n, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345")}
"""By which of five letters are capitals, the first one counting least."""

_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no", ""})
_ID_FIELDS = frozenset({"Id", "ParentId", "CreatedById"})
_STAMPS = ("CreatedDate", "LastModifiedDate", "SystemModstamp")
_NUL = "\x00"
CASE_PREFIX = "500"
"""The key prefix of Case ids: a Task's WhatId may point at anything."""


class MalformedRow(EverycaseError):
    """A row cannot be read as a record. The message names the column, never the value."""

    def __init__(self, message: str, *, record_id: str | None = None) -> None:
        super().__init__(message)
        self.record_id = record_id


class WrongWidth(MalformedRow):
    """A row has more or fewer cells than its header: perhaps it is a part of a row, or several."""


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


class TombstoneReason(StrEnum):
    """How a source says that a row is no more."""

    DELETED = "deleted"
    """It is marked as deleted (`IsDeleted`), or stands in a list of deletions."""
    MERGED = "merged"
    """It was merged into another row, which has its children now."""
    ABSENT = "absent"
    """It was asked for by its id, and the source has no such row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A row that is no more. It carries no content: a source may have blanked what it still shows."""

    object: str
    id: str
    reason: TombstoneReason
    at: datetime | None = None
    """When it went, where the source says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowVersion:
    """A row as an inventory names it. Equal versions promise equal content."""

    id: str
    version: str
    is_deleted: bool = False


def long_id(value: str) -> str:
    """An 18-character id of a 15- or 18-character one. Raises `MalformedRow` for anything else."""
    if not _is_id(value):
        raise MalformedRow("is not a 15- or 18-character Salesforce id")
    if len(value) == 18:
        return value
    capitals = value.translate(_CAPITALS)
    return value + _SUFFIX[capitals[:5]] + _SUFFIX[capitals[5:10]] + _SUFFIX[capitals[10:]]


def _is_id(value: str) -> bool:
    return len(value) in (15, 18) and value.isascii() and value.isalnum()


class _Moment(NamedTuple):
    when: datetime
    text: str
    """As `iso` writes it."""


@lru_cache(maxsize=4096)
def _moment(value: str) -> _Moment:
    """Both forms of a date at once: a row has the same few again and again."""
    try:
        if _EPOCH_MS.match(value):
            found = datetime.fromtimestamp(int(value) / 1000, tz=UTC)
        else:
            found = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        raise MalformedRow("is not a date that Salesforce writes") from None
    if not 1900 <= found.year <= 9000:
        raise MalformedRow("is not a date that Salesforce writes")
    when = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return _Moment(when, iso(when))


def moment(value: str) -> datetime:
    """A Salesforce date in any of its forms, in UTC; without a zone it is GMT.

    `2017-12-31`, `2017-12-31 23:59:59`, `2017-12-31T23:59:59.000Z`, `….000+0000`, `…+00:00`, epoch ms.
    Raises `MalformedRow` for anything else, impossible dates included.
    """
    return _moment(value).when


def iso(when: datetime) -> str:
    """The one text form of a moment: `2017-12-31T23:59:59Z`, with milliseconds only where there are any."""
    utc = when if when.tzinfo is UTC else when.astimezone(UTC)
    spec = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=spec).removesuffix("+00:00") + "Z"


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
        self._stamped = [(n, find(n)) for n in _STAMPS]
        self._deleted = find("IsDeleted")
        self._fields = [(f.name, i, _reader(f)) for f in obj.fields if (i := find(f.name)) is not None]
        self._identity = [(c.name, i) for c in obj.identity if (i := find(c.name, *c.aliases)) is not None]
        self._task_type = find("Type") if obj.name == "Task" else None
        self._task_types = {t.lower() for t in catalogue.task_types}
        self._is_child_of_case = obj.parent_object == "Case"
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

    def parse(self, cells: Sequence[str], line: int = 0) -> Record | None:
        """One row as a record, or None for a row that does not belong to any case (a Task of another type).

        Raises `MalformedRow` naming the column.
        """
        if len(cells) != self.width:
            raise WrongWidth(f"has {len(cells)} columns where the header has {self.width}")
        assert self._id is not None
        record_id = _read("Id", long_id, cells[self._id].strip())
        if self._task_type is not None and cells[self._task_type].strip().lower() not in self._task_types:
            return None
        parent = self._parent(cells)
        if self._is_child_of_case and (parent is None or not parent.startswith(CASE_PREFIX)):
            if self.object.name in ("Task", "EmailMessage"):
                return None
            raise MalformedRow(f"column {self.object.parent} does not hold the id of a Case")
        if self.object.parent and parent is None:
            raise MalformedRow(f"column {self.object.parent} is blank: it belongs to nothing")
        values = self._values(cells)
        identity = {n: t for n, i in self._identity if (t := cells[i].strip())}
        created, modified, stamp = self._stamps(cells)
        own = values.get(self.object.order_by)
        is_deleted = self._deleted is not None and _read("IsDeleted", flag, cells[self._deleted])
        return Record(
            object=self.object.name,
            id=record_id,
            parent_id=parent,
            values=values,
            identity=identity,
            when=moment(own) if own else created and created.when,
            created_date=created and created.when,
            last_modified_date=modified and modified.when,
            system_modstamp=stamp and stamp.when,
            is_deleted=is_deleted,
            row_hash=_row_hash(record_id, parent, values, identity, (created, modified, stamp), is_deleted),
            line=line,
        )

    def _parent(self, cells: Sequence[str]) -> str | None:
        found = [c for i in self._parents if (c := cells[i].strip())]
        if len(found) > 1 and self._is_child_of_case:
            found = [c for c in found if c.startswith(CASE_PREFIX)] or found
        return _read(self.object.parent, long_id, found[0]) if found else None

    def _values(self, cells: Sequence[str]) -> dict[str, str]:
        """The non-blank fields in canonical form, in the catalogue's order."""
        values = {}
        name = ""
        try:
            for name, i, reader in self._fields:
                text = cells[i]
                if text and not text.isspace():
                    values[name] = reader(text)
        except MalformedRow as e:
            raise MalformedRow(f"column {name} {e}") from None
        return values

    def _stamps(self, cells: Sequence[str]) -> list[_Moment | None]:
        return [
            _read(name, _moment, text) if i is not None and (text := cells[i].strip()) else None
            for name, i in self._stamped
        ]


def _read(name: str, reader: Callable[[str], T], text: str) -> T:
    try:
        return reader(text)
    except MalformedRow as e:
        raise MalformedRow(f"column {name} {e}") from None


def _reader(field: Field) -> Callable[[str], str]:
    """What makes the text of a field canonical."""
    if field.kind is Kind.CODE:
        return _read_id if field.name in _ID_FIELDS else str.strip
    return {Kind.MOMENT: _read_moment, Kind.FLAG: _read_flag}.get(field.kind, _read_text)


def _read_text(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _read_id(text: str) -> str:
    text = text.strip()
    return long_id(text) if _is_id(text) else text


def _read_moment(text: str) -> str:
    return _moment(text.strip()).text


def _read_flag(text: str) -> str:
    return "true" if flag(text) else "false"


def recompute_hash(obj: SourceObject, record: Record) -> str:
    """The row hash of a staged record, from what is staged: another one than it carries says it was altered.

    Raises `MalformedRow` for text that could not have been read.
    """
    names = [c.name for c in obj.identity if c.name in record.identity]
    names += sorted(n for n in record.identity if n not in names)
    stamps = (record.created_date, record.last_modified_date, record.system_modstamp)
    return _row_hash(
        record.id,
        record.parent_id if obj.parent else None,
        record.values,
        {n: record.identity[n] for n in names},
        [_Moment(when, iso(when)) if when else None for when in stamps],
        record.is_deleted,
    )


def _row_hash(
    record_id: str,
    parent: str | None,
    values: Mapping[str, str],
    identity: Mapping[str, str],
    stamps: Sequence[_Moment | None],
    is_deleted: bool,
) -> str:
    """Over everything that is staged of a row: equal rows have equal hashes, whatever API they came by.

    Unambiguous, as NUL parts the texts and none of them has one. Raises `MalformedRow` where one does,
    and for text that is not Unicode: neither could be staged.
    """
    parts = [record_id, parent or "", "deleted" if is_deleted else ""]
    parts += chain.from_iterable(values.items())
    parts.append("")
    parts += chain.from_iterable(identity.items())
    parts.append("")
    parts += [s.text if s else "" for s in stamps]
    joined = _NUL.join(parts)
    if joined.count(_NUL) != len(parts) - 1:
        raise MalformedRow("has a NUL byte")
    try:
        return hashlib.sha256(joined.encode()).hexdigest()
    except UnicodeEncodeError:
        raise MalformedRow("has bytes that are not UTF-8") from None
