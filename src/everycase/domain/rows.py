"""Rows as exports and APIs give them, made canonical: the one door through which source text comes in.

What is no id, date or flag where one should be is not let in; a row that belongs to no case is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, Field, IdentityColumn, IdentityKind, SourceObject
from everycase.domain.field_readers import field_reader, optional_moment, read_text
from everycase.domain.headers import DELETED_AT, Header, names_of
from everycase.domain.row_hash import recompute_hash
from everycase.domain.row_hash import row_hash as compute_hash
from everycase.domain.row_kinds import (
    BadRow,
    CellReading,
    Layout,
    Lookup,
    Passed,
    RowVersion,
    Tombstone,
    TombstoneReason,
    WrongWidth,
)
from everycase.domain.values import (
    MalformedRow,
    Moment,
    flag,
    is_null,
    iso,
    long_id,
    moment,
    optional_id,
)

__all__ = [
    "BadRow",
    "CellReading",
    "Layout",
    "Lookup",
    "MalformedRow",
    "Passed",
    "RowParser",
    "RowVersion",
    "Tombstone",
    "TombstoneReason",
    "WrongWidth",
    "flag",
    "iso",
    "long_id",
    "moment",
    "recompute_hash",
]

T = TypeVar("T")


_STAMPS = ("CreatedDate", "LastModifiedDate", "SystemModstamp")
_PREFIXES = {"Case": "500", "WorkOrder": "0WO"}
"""The key prefixes of parents: a Task's WhatId may point at anything, a feed's parent too."""

LONGEST_IDENTITY = 5000
"""Characters; matching a longer name against every text of its case would take too long."""


class RowParser:
    """Reads the rows of one file: built once for its header, called once for each row."""

    def __init__(
        self, obj: SourceObject, catalogue: Catalogue, header: Sequence[str], how: CellReading | None = None
    ) -> None:
        """`header`: the column names of the file, in order.

        Raises `MalformedRow` when a key column is missing (Id, the parent's id, CaseNumber of Case).
        """
        self.object, self.width, self._how = obj, len(header), how or CellReading()
        columns = Header(header)

        def find(name: str, *aliases: str) -> tuple[int, ...]:
            return columns.find(list(names_of(obj, catalogue, name, aliases)))

        self._id = find("Id")
        self._parents = [p for n in (obj.parent, obj.parent_fallback) if n and (p := find(n))]
        self._stamped = [(n, find(n)) for n in _STAMPS]
        self._deleted = find("IsDeleted")
        self._deleted_at = columns.find(DELETED_AT)
        read = partial(field_reader, catalogue=catalogue, dates=self._how.dates)
        self._fields = [(f.name, p, read(f)) for f in obj.fields if (p := find(f.name))]
        self._html = columns.find(["HtmlBody"]) if obj.name == "EmailMessage" else ()
        self._identity = [(c.name, p) for c in obj.identity if (p := find(c.name, *c.aliases))]
        self._names = [
            (c.name, p) for c in obj.identity if (p := _name_parts(columns, c)) and not find(c.name)
        ]
        self._task_type = find("Type") if obj.name == "Task" else ()
        self._task_types = {t.lower() for t in catalogue.task_types}
        self._ids = [(n, p) for n in obj.lookups if (p := columns.find([n]))] if self._how.lookup else []
        self.missing = tuple(f.name for f in obj.fields if not find(f.name) and not self._is_html(f))
        """Catalogue fields that this file does not have: never populated, worth a word."""
        people = {c.name for c in obj.identity if c.kind is IdentityKind.PERSON}
        looked_up = {c for n, _ in self._ids for c in obj.lookups[n].columns}
        self.people = tuple(sorted(people & ({n for n, _ in (*self._identity, *self._names)} | looked_up)))
        """The identity columns of persons that this file has."""
        self.unmapped = tuple(_unmapped(obj, catalogue, columns))
        self.unread = columns.unread
        """The columns that no field and no identity column is read from."""
        if lacking := self._lacking_keys():
            raise MalformedRow(_without(obj, lacking))

    def layout(self) -> Layout | None:
        """The places of the columns for `ColumnParser`; None if a field has several columns or files."""
        how, keys = self._how, [self._id, self._deleted, self._task_type]
        places = [*filter(None, keys), *(p for _, p in self._stamped if p)]
        places += [*(p for _, p, _ in self._fields), *(p for _, p in self._identity)]
        is_mixed = how.blanks or how.is_sparse or how.lookup or self._html or self._names or self._deleted_at
        if is_mixed or any(len(p) != 1 for p in places):
            return None
        first = self._parents[0][0] if self._parents else None
        order = [c.name for c in self.object.identity]
        return Layout(
            object=self.object.name,
            order_by=self.object.order_by,
            id=self._id[0],
            parent=first,
            parent_prefix=_PREFIXES.get(self.object.parent_object, ""),
            other_parents=tuple(p[0] for p in self._parents[1:]),
            stamps=tuple(p[0] if p else None for _, p in self._stamped),
            read_stamp=partial(optional_moment, dates=how.dates),
            deleted=self._deleted[0] if self._deleted else None,
            task_type=self._task_type[0] if self._task_type else None,
            task_types=frozenset(self._task_types),
            fields=tuple((n, p[0], None if r is read_text else r) for n, p, r in self._fields),
            identity=tuple(sorted(((n, p[0]) for n, p in self._identity), key=lambda i: order.index(i[0]))),
        )

    def _lacking_keys(self) -> list[str]:
        keys = [] if self._id else ["Id"]
        if self._how.is_sparse:
            return keys
        if self.object.parent and not self._parents:
            keys.append(self.object.parent)
        if self.object.name == "Case" and "CaseNumber" in self.missing:
            keys.append("CaseNumber")
        return keys

    def _is_html(self, field: Field) -> bool:
        return field.name == "TextBody" and bool(self._html)

    def record_id(self, cells: Sequence[str]) -> str | None:
        """The id of a row if it can be read at all, else None."""
        try:
            return optional_id(_cell(cells, self._id))
        except (IndexError, MalformedRow):
            return None

    def parse(self, cells: Sequence[str], line: int = 0) -> Record | None:
        """One row as a record, or None for a row that does not belong to any case, or to no case any more.

        Raises `MalformedRow` naming the column.
        """
        found = self.read(cells, line)
        return found if isinstance(found, Record) else None

    def read(self, cells: Sequence[str], line: int = 0) -> Record | Tombstone | Passed:
        """One row as what it is. Raises `MalformedRow` naming the column, never a value."""
        if len(cells) != self.width:
            raise WrongWidth(f"has {len(cells)} columns where the header has {self.width}")
        if self._how.blanks:
            cells = ["" if c.strip().lower() in self._how.blanks else c for c in cells]
        record_id = _read("Id", _own_id, _cell(cells, self._id))
        stamps = self._stamps(cells) if not self._is_gone(cells) else None
        if stamps is None:
            return self._tombstone(record_id, cells)
        if self._task_type and _cell(cells, self._task_type).strip().lower() not in self._task_types:
            return Passed.OTHER_TASK_TYPE
        parent = self._parent(cells)
        if isinstance(parent, Passed):
            return parent
        return self._record(record_id, parent, cells, stamps, line)

    def _is_gone(self, cells: Sequence[str]) -> bool:
        is_marked = bool(self._deleted) and _read("IsDeleted", flag, _cell(cells, self._deleted))
        return is_marked or not is_null(_cell(cells, self._deleted_at).strip())

    def _tombstone(self, record_id: str, cells: Sequence[str]) -> Tombstone:
        """Nothing of a deleted row is taken but when it was last touched, if it says so."""
        try:
            at = self._stamps(cells)[2]
        except MalformedRow:
            at = None
        return Tombstone(
            object=self.object.name, id=record_id, reason=TombstoneReason.DELETED, at=at and at.when
        )

    def _record(
        self,
        record_id: str,
        parent: str | None,
        cells: Sequence[str],
        stamps: Sequence[Moment | None],
        line: int,
    ) -> Record:
        values, identity = self._values(cells), self._identities(cells)
        own = values.get(self.object.order_by)
        created, modified, stamp = (s and s.when for s in stamps)
        return Record(
            object=self.object.name,
            id=record_id,
            parent_id=parent,
            values=values,
            identity=identity,
            when=moment(own) if own else created,
            created_date=created,
            last_modified_date=modified,
            system_modstamp=stamp,
            row_hash=compute_hash(record_id, parent, values, identity, stamps),
            line=line,
        )

    def _parent(self, cells: Sequence[str]) -> str | Passed | None:
        """The id of the row's parent, if it is of the object that its parents are of."""
        if not self.object.parent:
            return None
        read = (_read(self.object.parent, optional_id, _cell(cells, p)) for p in self._parents)
        if not (found := [p for p in read if p]):
            return Passed.NO_PARENT
        prefix = _PREFIXES[self.object.parent_object]
        return next((p for p in found if p.startswith(prefix)), Passed.OTHER_PARENT)

    def _values(self, cells: Sequence[str]) -> dict[str, str]:
        """The non-blank fields in canonical form, in the catalogue's order."""
        values = {}
        name = ""
        try:
            for name, places, reader in self._fields:
                text = _cell(cells, places)
                if text and not text.isspace() and (read := reader(text)):
                    values[name] = read
        except MalformedRow as e:
            raise MalformedRow(f"column {name} {e}") from None
        if self._html and "TextBody" not in values and (page := _cell(cells, self._html).strip()):
            values["TextBody"] = _as_page(page)
        return values

    def _identities(self, cells: Sequence[str]) -> dict[str, str]:
        """The non-blank identity columns: as they stand, of parts of a name, and by lookup."""
        found = {n: t for n, places in self._identity if not is_null(t := _cell(cells, places).strip())}
        for name, parts in self._names:
            if name not in found and (whole := " ".join(t for i in parts if (t := cells[i].strip()))):
                found[name] = whole
        if self._ids and self._how.lookup:
            ids = {n: i for n, p in self._ids if (i := _any_id(_cell(cells, p)))}
            found = {**self._how.lookup(self.object, ids), **found}
        for name, text in found.items():
            if len(text) > LONGEST_IDENTITY:
                raise MalformedRow(f"column {name} has more than {LONGEST_IDENTITY:,} characters")
        return {c.name: found[c.name] for c in self.object.identity if c.name in found}

    def _stamps(self, cells: Sequence[str]) -> list[Moment | None]:
        read = partial(optional_moment, dates=self._how.dates)
        return [_read(name, read, _cell(cells, places)) for name, places in self._stamped]


def _unmapped(obj: SourceObject, catalogue: Catalogue, columns: Header) -> Iterator[str]:
    """Catalogue fields that the settings map to a column which is not in the file."""
    for f in obj.fields:
        mapped = catalogue.source_name(obj, f.name)
        if mapped != f.name and not columns.has(mapped):
            yield f.name


def _cell(cells: Sequence[str], places: Sequence[int]) -> str:
    """The cell of a column; of several that are named alike the first that is not blank."""
    if len(places) == 1:
        return cells[places[0]]
    return next((cells[i] for i in places if cells[i].strip()), "")


def _without(obj: SourceObject, lacking: Sequence[str]) -> str:
    """Say which key columns are missing, and which settings line maps a column of another name to one."""
    return (
        f"has no column {' and no column '.join(lacking)} (if it is there under another name, say which in "
        f'the settings file: [fields] "{obj.name}.{lacking[0]}" = "…")'
    )


def _name_parts(columns: Header, identity: IdentityColumn) -> tuple[int, ...]:
    """The places of `Contact.FirstName` and `Contact.LastName`, where `Contact.Name` could stand."""
    if identity.kind is not IdentityKind.PERSON:
        return ()
    for name in (identity.name, *identity.aliases):
        stem = re.sub(r"\.?Name$", "", name)
        parts = columns.find([f"{stem}.FirstName", f"{stem}.MiddleName", f"{stem}.LastName"])
        if stem != name and parts:
            return parts
    return ()


def _read(name: str, reader: Callable[[str], T], text: str) -> T:
    try:
        return reader(text)
    except MalformedRow as e:
        raise MalformedRow(f"column {name} {e}") from None


def _own_id(text: str) -> str:
    if found := optional_id(text):
        return found
    raise MalformedRow("is blank")


def _any_id(text: str) -> str | None:
    """An id to look up; what is none leads nowhere."""
    try:
        return optional_id(text)
    except MalformedRow:
        return None


def _as_page(html: str) -> str:
    """An HTML body as a text that everybody sees is a page: redaction makes plain text of it."""
    return html if re.match(r"<(?:!doctype html|html)\b", html, re.IGNORECASE) else f"<html>{html}</html>"
