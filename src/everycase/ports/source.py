"""Where cases come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from everycase.domain.cases import Record
from everycase.domain.catalogue import SourceObject
from everycase.domain.failures import ErrorType
from everycase.domain.rows import BadRow, RowVersion, Tombstone


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectState:
    """What a source says of one object before its rows are read."""

    object: str
    is_present: bool
    problem: str = ""
    """What is wrong, and what to do, where the object cannot be read or lacks catalogue fields."""
    missing_fields: tuple[str, ...] = ()
    unread_columns: tuple[str, ...] = ()
    """Columns of a file that no field and no identity column is read from."""
    form: str = ""
    """How a file is written: `CSV, utf-8, delimited by ;`."""
    people: tuple[str, ...] | None = None
    """Its identity columns of persons, also those looked up by id; None where that is not known."""
    place: str = ""
    """What a row's number is counted in: `Case.csv line`."""
    layout: str = ""
    """Which kind of export it stands in, where it is one: `Salesforce Data Export`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProof:
    """The balance of one read, known when it has ended. A read that is not whole deletes nothing."""

    announced: int | None = None
    """Rows that the source promised: `totalSize`, `Sforce-NumberOfRecords`; None where it promises none."""
    read: int = 0
    """Rows that came, good or bad; rows that belong to no case are counted as well."""
    counted: int | None = None
    """Rows that a separate count over the same window found; None where there is no such count."""
    is_whole: bool
    """Every row of the window was named: the figures agree, no page is missing, no row lost its id."""
    names_everything: bool
    """The window is all there is, so that what a whole read does not name is not there."""
    mark: str = ""
    """Stored, and given back as `since` of the next read; equal to `since` where nothing has changed."""
    window: str = ""
    """What was read, for people: `Case.csv`, `2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z`."""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Rows that were read and belong to no case, by the reason."""
    problem: str = ""
    """Why the read is not whole, and what to do; one sentence."""
    error_type: ErrorType = ErrorType.SOURCE_UNAVAILABLE
    """Of the failure that is opened for `problem`."""

    @property
    def proves_absence(self) -> bool:
        """Whether a row that this read did not name is gone."""
        return self.is_whole and self.names_everything


T_co = TypeVar("T_co", covariant=True)


class Reading(Protocol[T_co]):
    """A read under way. Iterated once; `proof` may be asked when the iteration has ended."""

    def begin(self) -> None:
        """Let the source make ready what takes it time; the rows are read when they are asked for."""

    def stop(self) -> None:
        """End what `begin` started; the rows are not asked for any more."""

    def __iter__(self) -> Iterator[T_co]:
        """The rows, streamed. An end that comes too early does not raise: the proof says so."""

    def proof(self) -> ReadProof: ...

    @property
    def expected(self) -> int | None:
        """Rows that are to come, deletions among them; None where nobody has counted them yet."""

    def note_stored(self) -> None:
        """All rows that were given out are stored: a read that is cut short goes on after them."""


class VersionKind(StrEnum):
    """What the version of a row is, by the column that staging keeps of it."""

    ROW_HASH = "row_hash"
    SYSTEM_MODSTAMP = "system_modstamp"
    """As `domain.rows.iso` writes it."""
    SOURCE = "source_version"
    """`Record.source_version`: of the stamp and of whatever can change without it."""


class Source(Protocol):
    """Where cases come from. Reading is streamed: memory does not grow with the rows.

    Every method raises `DependencyUnreachable` where the source does not answer at all, and `WrongUse`
    where it cannot be used as it is set up (no such folder, refused credentials).
    """

    kind: str
    """`sample`, `export` or `salesforce`."""
    versions: VersionKind
    """What `inventory` gives as the version of a row."""
    is_incremental: bool
    """A mark is a point to go on from, so that staging may run ahead of it; False: it names the content."""

    @property
    def identity(self) -> str:
        """What a database is bound to: `sample`, `export`, `salesforce:<organisation id>`."""

    def state(self, obj: SourceObject) -> ObjectState:
        """Look without reading rows."""

    def changes(self, obj: SourceObject, since: str = "") -> Reading[Record | Tombstone | BadRow]:
        """The rows that changed since the mark of an earlier read, and those that are gone.

        Without `since`, or where the mark means nothing any more, all rows. A source that can tell that
        nothing has changed yields nothing and gives the same mark back.
        """

    def inventory(self, obj: SourceObject, since: str = "") -> Reading[RowVersion | BadRow]:
        """The id and version of every row there is, for the sweep of a reconciliation.

        A source that can tell that nothing has changed since that mark may yield nothing and give the
        same mark back, as in `changes`; without `since` it never does.
        """

    def fetch(self, obj: SourceObject, ids: AbstractSet[str]) -> Iterator[Record | Tombstone | BadRow]:
        """What is true now of these ids (18 characters), in any order.

        An id that the source has no longer is a `Tombstone`. Nothing is known of an id that is not answered.
        """


class ReadState(Protocol):
    """What a source must remember from one process to the next: jobs, places, descriptions."""

    def get(self, key: str) -> Mapping[str, Any] | None: ...

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Kept when this returns, whatever becomes of a transaction of the caller."""

    def delete(self, key: str) -> None: ...
