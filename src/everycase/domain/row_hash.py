"""The hash over everything that is staged of a row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from everycase.domain.cases import Record
from everycase.domain.catalogue import SourceObject
from everycase.domain.values import MalformedRow, Moment, iso

_NUL = "\x00"


def recompute_hash(obj: SourceObject, record: Record) -> str:
    """The row hash of a staged record, from what is staged: another one than it carries says it was altered.

    Raises `MalformedRow` for text that could not have been read.
    """
    names = [c.name for c in obj.identity if c.name in record.identity]
    names += sorted(n for n in record.identity if n not in names)
    stamps = (record.created_date, record.last_modified_date, record.system_modstamp)
    return row_hash(
        record.id,
        record.parent_id if obj.parent else None,
        record.values,
        {n: record.identity[n] for n in names},
        [Moment(when, iso(when)) if when else None for when in stamps],
    )


def version_hash(parts: Iterable[str]) -> str:
    """The version of a row: a hash of its stamp, parent and the fields that change without a new stamp."""
    return hashlib.sha256(_NUL.join(parts).encode()).hexdigest()[:32]


def version_hashes(columns: Sequence[Sequence[str]]) -> list[str]:
    """`version_hash` of many rows, which are given by columns."""
    sha256 = hashlib.sha256
    joined = map(_NUL.join, zip(*columns, strict=True))
    return [sha256(row.encode()).hexdigest()[:32] for row in joined]


def row_hashes(
    ids: Sequence[str],
    parents: Sequence[str | None],
    values: Mapping[str, Sequence[str]],
    identity: Mapping[str, Sequence[str]],
    stamps: Sequence[Sequence[str]],
) -> list[str]:
    """`row_hash` of many rows, which are given by columns; a blank cell is no part of its row.

    Raises `MalformedRow` like it, and `UnicodeEncodeError`.
    """
    if any(_NUL in "".join(column) for column in (*values.values(), *identity.values())):
        raise MalformedRow("has a NUL byte")
    end = [_NUL] * len(ids)
    pieces = [ids, [_NUL + (p or "") for p in parents], end]
    pieces += [*_named(values), end, *_named(identity), end]
    pieces += [[_NUL + text for text in column] for column in stamps]
    sha256 = hashlib.sha256
    return [sha256(row.encode()).hexdigest() for row in map("".join, zip(*pieces, strict=True))]


def _named(columns: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The cells as they stand in what is hashed: each behind its name, blank ones not at all."""
    return [
        [f"{_NUL}{name}{_NUL}{text}" if text else "" for text in column]
        for name, column in columns.items()
        if any(column)
    ]


def row_hash(
    record_id: str,
    parent: str | None,
    values: Mapping[str, str],
    identity: Mapping[str, str],
    stamps: Sequence[Moment | None],
) -> str:
    """Over everything that is staged of a row: equal rows have equal hashes, whatever API they came by.

    Unambiguous, as NUL parts the texts and none of them has one. Raises `MalformedRow` where one does,
    and for text that is not Unicode: neither could be staged.
    """
    parts = [record_id, parent or "", ""]
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
