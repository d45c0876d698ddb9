"""What a row of a source can be: a record, a tombstone, a bad row, or one that belongs to no case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from everycase.domain.catalogue import SourceObject
from everycase.domain.values import DateOrder, MalformedRow, Moment


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
    at: datetime | None = None
    """When the row was last changed: of several rows of one id the newest counts."""


class Passed(StrEnum):
    """Why a row is passed over: it belongs to no case, and is counted."""

    OTHER_TASK_TYPE = "Tasks of another Type than EVERYCASE_TASK_TYPES names"
    NO_PARENT = "rows without a parent"
    OTHER_PARENT = "rows of another object's records"
    FOOTER = "lines of a report's footer"


Lookup = Callable[[SourceObject, Mapping[str, str]], Mapping[str, str]]
"""Identity columns of a row by the ids in it: of contacts, accounts and users that stand elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellReading:
    """How the cells of a file are meant, as far as the file as a whole says it."""

    dates: DateOrder = DateOrder.UNKNOWN
    blanks: frozenset[str] = frozenset()
    """Words that this file writes for nothing, in lower case."""
    is_sparse: bool = False
    """Rows leave out what is blank, keys too, as in JSON."""
    lookup: Lookup | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The places of the columns in a file that has exactly one column for each field."""

    object: str
    order_by: str
    id: int
    parent: int | None
    """Of the column that names the parent in the first place."""
    parent_prefix: str
    other_parents: tuple[int, ...]
    stamps: tuple[int | None, ...]
    """CreatedDate, LastModifiedDate, SystemModstamp."""
    read_stamp: Callable[[str], Moment | None]
    deleted: int | None
    task_type: int | None
    task_types: frozenset[str]
    """In lower case."""
    fields: tuple[tuple[str, int, Callable[[str], str] | None], ...]
    """Name, place, and what makes a cell canonical; None for a text, of which only line ends change."""
    identity: tuple[tuple[str, int], ...]
