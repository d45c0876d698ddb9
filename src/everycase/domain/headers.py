"""The columns of a file, found by any of the names that tools give them.

API names, `Owner.Name`, `owner_name`, `OWNER NAME` and the labels of reports name the same column: case,
blanks, dots and underscores do not count.
"""

from __future__ import annotations

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
        self._places: dict[str, list[int]] = {}
        for i, name in enumerate(names):
            self._places.setdefault(normal(name), []).append(i)

    def find(self, names: Iterator[str] | Sequence[str]) -> tuple[int, ...]:
        """The places of the columns with the first of these names that there is, then those of the others."""
        found: dict[int, None] = {}
        for name in names:
            found.update(dict.fromkeys(self._places.get(normal(name), ())))
        return tuple(found)

    def has(self, name: str) -> bool:
        return normal(name) in self._places
