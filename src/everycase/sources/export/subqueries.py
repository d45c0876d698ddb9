"""Children inside the records of their parents, as a query with subqueries gives them.

`{"Id": "500…", "CaseComments": {"totalSize": 1, "done": true, "records": [{"CommentBody": "…"}]}}`
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from everycase.domain.errors import SourceCutShort
from everycase.sources.export.envelopes import unwrap

if TYPE_CHECKING:
    from everycase.sources.export.archive import ExportFile

_HEAD = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Where the rows of an object stand inside those of its parent."""

    parent: str
    name: str
    """The key of the subquery."""
    link: str
    """The field of a child that holds its parent's id; a subquery may leave it out."""


RELATIONS: Mapping[str, Relation] = MappingProxyType(
    {
        "Task": Relation(parent="Case", name="Tasks", link="WhatId"),
        "WorkOrder": Relation(parent="Case", name="WorkOrders", link="CaseId"),
        "CaseComment": Relation(parent="Case", name="CaseComments", link="ParentId"),
        "EmailMessage": Relation(parent="Case", name="EmailMessages", link="ParentId"),
        "WorkOrderFeed": Relation(parent="WorkOrder", name="Feeds", link="ParentId"),
    }
)


def has_subquery(file: ExportFile, relation: Relation) -> bool:
    """Whether the first records of a JSON file have such a key, even if it says that there is nothing."""
    if file.form not in (".json", ".jsonl", ".ndjson", ".txt"):
        return False
    try:
        with file.open() as raw:
            head = raw.read(_HEAD)
    except (EOFError, OSError, ValueError):
        return False
    return re.search(rb'"%s"\s*:\s*(\{|\[|null)' % relation.name.encode(), head) is not None


def children(found: object, relation: Relation, place: str) -> Iterator[object]:
    """The records of a subquery, each with its parent's id.

    Raises `SourceCutShort` where the subquery says that there are more than it has.
    """
    record = _parent(found, relation, place)
    inner = record.get(relation.name) if record else None
    if not record or not inner:
        return
    records = inner.get("records", []) if isinstance(inner, Mapping) else inner
    if isinstance(inner, Mapping):
        _check_whole(inner, records, f"{place}, {relation.name},")
    parent_id = next((record[k] for k in ("Id", "id", "ID") if k in record), None)
    for row in records if isinstance(records, list) else [records]:
        yield {relation.link: parent_id, **row} if isinstance(row, Mapping) else row


def _parent(found: object, relation: Relation, place: str) -> Mapping[str, Any] | None:
    try:
        return unwrap(found, relation.parent) if isinstance(found, Mapping) else None
    except (ValueError, RecursionError):
        raise SourceCutShort(f"{place} cannot be read, nor what is inside: nothing was deleted") from None


def _check_whole(inner: Mapping[str, Any], records: object, place: str) -> None:
    there = len(records) if isinstance(records, list) else 1
    total = inner.get("totalSize")
    if inner.get("done") is False or (isinstance(total, int) and total > there):
        raise SourceCutShort(
            f"{place} has {there} records of a subquery that has more: nothing was deleted; export that "
            "object into a file of its own"
        )
