"""The columns of a file, found by any of the names that tools give them.

API names, `Owner.Name`, `owner_name`, `OWNER NAME` and the labels of reports name the same column: case,
blanks, dots and underscores do not count.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from everycase.domain.catalogue import Catalogue, SourceObject

_MARKS = re.compile(r"[\s._:/\\()\[\]\"'\-]+")

DELETED_AT = ("_sdc_deleted_at", "_ab_cdc_deleted_at", "__hevo__marked_deleted_at")
"""Columns of warehouse tools that say when a row went; blank where it is there."""

_LABELS: dict[str, tuple[str, ...]] = {
    "Id": ("Record ID",),
    "CreatedDate": ("Date/Time Opened", "Opened Date"),
    "ClosedDate": ("Date/Time Closed",),
    "IsDeleted": ("Deleted", "_fivetran_deleted"),
    "CommentBody": ("Comment", "Comments", "Body"),
    "Incoming": ("Is Incoming",),
    "IsPublished": ("Published", "Public"),
    "OwnerName": ("Owner", "Case Owner", "Assigned", "Assigned To"),
    "CreatedByName": ("Created By",),
    "ContactEmail": ("Contact Email Address",),
    "TextBody": ("Body",),
}
"""What report exports and list views call a column."""


def normal(name: str) -> str:
    """The name without what does not count."""
    return _MARKS.sub("", name.strip().lstrip("\ufeff")).lower()


def names_of(
    obj: SourceObject, catalogue: Catalogue, name: str, aliases: Sequence[str] = ()
) -> Iterator[str]:
    """Every name under which an object's column may stand, the best one first."""
    yield catalogue.source_name(obj, name)
    yield name
    yield from aliases
    if name.endswith("__c"):
        yield name.removesuffix("__c")
    yield f"{obj.name} {name}"
    yield from _LABELS.get(name, ())
    if name in (obj.parent, obj.parent_fallback) and obj.parent_object:
        yield from (f"{obj.parent_object} ID", f"Parent {obj.parent_object} ID", "Related To ID")


class Header:
    """The header of a file."""

    def __init__(self, names: Sequence[str]) -> None:
        self.width = len(names)
        self._names = tuple(names)
        self._asked: set[int] = set()
        self._places: dict[str, list[int]] = {}
        for i, name in enumerate(names):
            self._places.setdefault(normal(name), []).append(i)

    def find(self, names: Iterator[str] | Sequence[str]) -> tuple[int, ...]:
        """The places of the columns with the first of these names that there is, then those of the others."""
        found: dict[int, None] = {}
        for name in names:
            found.update(dict.fromkeys(self._places.get(normal(name), ())))
        self._asked.update(found)
        return tuple(found)

    @property
    def unread(self) -> tuple[str, ...]:
        """The columns that no `find` has returned."""
        return tuple(n for i, n in enumerate(self._names) if n.strip() and i not in self._asked)

    def has(self, name: str) -> bool:
        return normal(name) in self._places


_ALIKE = 0.6
"""How alike two names must be (`difflib.SequenceMatcher.ratio`) to be proposed as a pair."""


def propose(missing: Sequence[str], unread: Sequence[str]) -> dict[str, str]:
    """Pair missing fields with unread columns of a similar name, each column at most once."""
    by_name = {normal(column): column for column in unread}
    pairs: dict[str, str] = {}
    for field in missing:
        wanted = normal(field.removesuffix("__c"))
        alike = [n for n in by_name if n.startswith(wanted) or wanted.startswith(n)]
        if close := alike[:1] or difflib.get_close_matches(wanted, by_name, n=1, cutoff=_ALIKE):
            pairs[field] = by_name.pop(close[0])
    return pairs
