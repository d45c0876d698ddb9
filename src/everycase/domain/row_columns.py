"""Parse many rows at once, column by column. The records equal those of `RowParser`, at less cost.

Only plain rows go this way: alive, of a case, and well formed. All others are read one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from everycase.domain.cases import Record
from everycase.domain.field_readers import read_text
from everycase.domain.row_hash import row_hashes, version_hashes
from everycase.domain.row_kinds import Layout
from everycase.domain.rows import LONGEST_IDENTITY
from everycase.domain.values import (
    MalformedRow,
    is_null,
    long_id,
    long_ids,
    moment,
    optional_id,
    plain_moment,
)

T = TypeVar("T")
Row = Sequence[str]
_NOTHING = "0" * 15


class ColumnParser:
    """Reads the plain rows of a source whose columns `Layout` describes."""

    def __init__(self, layout: Layout, volatile: Sequence[str] | None = None) -> None:
        """`volatile`: fields and identity columns that make the version of a row; None: rows have none."""
        self._layout, self._volatile = layout, volatile

    def part(self, rows: Iterable[Row]) -> tuple[list[Row], list[Row]]:
        """The plain rows, and those that must be read one by one."""
        plain: list[Row] = []
        others: list[Row] = []
        for row in rows:
            (plain if self.is_plain(row) else others).append(row)
        return plain, others

    def is_plain(self, row: Row) -> bool:
        at = self._layout
        return (
            (at.deleted is None or row[at.deleted] in ("false", ""))
            and (at.parent is None or row[at.parent].startswith(at.parent_prefix))
            and (at.task_type is None or row[at.task_type].strip().lower() in at.task_types)
        )

    def read(self, rows: Sequence[Row], lines: Sequence[int] | None = None) -> list[Record]:
        """The records of plain rows, in their order. `lines`: on which line of its file each begins.

        Raises `MalformedRow` where one of them is not well formed: read them one by one, to know which.
        """
        if not rows:
            return []
        at, columns = self._layout, list(zip(*rows, strict=True))
        ids, parents = _own_ids(columns[at.id]), self._parents(columns)
        blank = [""] * len(rows)
        cells = [columns[i] if i is not None else blank for i in at.stamps]
        moments = {t: plain_moment(t) or at.read_stamp(t) for t in set().union(*cells)}
        texts = {t: m.text if m else "" for t, m in moments.items()}
        whens = {t: m.when if m else None for t, m in moments.items()}
        stamps = [[texts[t] for t in column] for column in cells]
        fields = {
            n: stamps[at.stamps.index(i)] if i in at.stamps else _values(r, columns[i])
            for n, i, r in at.fields
        }
        identity = {n: _each(_identity, columns[i]) for n, i in at.identity}
        created, modified, stamped = ([whens[t] for t in column] for column in cells)
        return [
            _record(at.object, *parts)
            for parts in zip(
                ids,
                parents,
                _dicts(fields, len(rows)),
                _dicts(identity, len(rows)),
                self._ordered(fields, created),
                created,
                modified,
                stamped,
                row_hashes(ids, parents, fields, identity, stamps),
                self._versions(parents, stamps[-1], fields, identity),
                lines or [0] * len(rows),
                strict=True,
            )
        ]

    def _parents(self, columns: Sequence[Sequence[str]]) -> Sequence[str | None]:
        for other in self._layout.other_parents:
            _each(optional_id, columns[other])
        if self._layout.parent is None:
            return [None] * len(columns[0])
        return _each(self._parent, columns[self._layout.parent])

    def _parent(self, text: str) -> str:
        found = long_id(text.strip())
        if not found.startswith(self._layout.parent_prefix):
            raise MalformedRow("is spelt so that it must be looked at alone")
        return found

    def _ordered(
        self, fields: Mapping[str, Sequence[str]], created: Sequence[datetime | None]
    ) -> Sequence[datetime | None]:
        """What each row is ordered by: a field, and where that is blank, or none, when it was made."""
        own = fields.get(self._layout.order_by)
        if own is None or self._layout.order_by == "CreatedDate":
            return created
        return [moment(t) if t else made for t, made in zip(own, created, strict=True)]

    def _versions(
        self,
        parents: Sequence[str | None],
        stamps: Sequence[str],
        fields: Mapping[str, Sequence[str]],
        identity: Mapping[str, Sequence[str]],
    ) -> list[str]:
        """The version of each row, by its columns that can change without a stamp."""
        blank = [""] * len(parents)
        if self._volatile is None:
            return blank
        columns = [stamps, [p or "" for p in parents]]
        columns += [fields.get(n) or identity.get(n) or blank for n in self._volatile]
        return version_hashes(columns)


def _record(
    name: str,
    record_id: str,
    parent: str | None,
    values: dict[str, str],
    identity: dict[str, str],
    when: datetime | None,
    created: datetime | None,
    modified: datetime | None,
    stamp: datetime | None,
    hashed: str,
    version: str,
    line: int,
) -> Record:
    return Record(
        object=name,
        id=record_id,
        parent_id=parent,
        values=values,
        identity=identity,
        when=when,
        created_date=created,
        last_modified_date=modified,
        system_modstamp=stamp,
        row_hash=hashed,
        source_version=version,
        line=line,
    )


def _each(read: Callable[[str], T], column: Sequence[str]) -> list[T]:
    """`read` of every cell, called once for each different text."""
    known = {t: read(t) for t in set(column)}
    return [known[t] for t in column]


def _own_ids(column: Sequence[str]) -> list[str]:
    found = long_ids([t.strip() for t in column])
    if _NOTHING in (t[:15] for t in found):
        raise MalformedRow("is blank")
    return found


def _values(read: Callable[[str], str] | None, column: Sequence[str]) -> list[str]:
    """Canonical cells of a field; `read` is None of a long text, whose cells are hardly ever alike."""
    if read is None:
        return ["" if t.isspace() else read_text(t) for t in column]
    return _each(lambda t: "" if t.isspace() or not t else read(t), column)


def _identity(text: str) -> str:
    found = text.strip()
    if len(found) > LONGEST_IDENTITY:
        raise MalformedRow("has an identity column that is too long")
    return "" if is_null(found) else found


def _dicts(columns: Mapping[str, Sequence[str]], rows: int) -> list[dict[str, str]]:
    """One dict for each row, with its cells that are not blank."""
    used = {n: column for n, column in columns.items() if any(column)}
    if not used:
        return [{} for _ in range(rows)]
    names, cells = list(used), zip(*used.values(), strict=True)
    if all(map(all, used.values())):
        return [dict(zip(names, row)) for row in cells]  # noqa: B905 (as long as each other; checked it costs)
    return [{n: t for n, t in zip(names, row) if t} for row in cells]  # noqa: B905
