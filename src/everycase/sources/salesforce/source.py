"""A Salesforce organisation as a source of cases. Implements `ports.Source`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import WrongUse
from everycase.domain.rows import BadRow, RowVersion, Tombstone
from everycase.ports import ObjectState, Reading, ReadState, VersionKind
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.beginnings import Kit
from everycase.sources.salesforce.bulk import BulkJobs
from everycase.sources.salesforce.columns import Columns, choose_columns
from everycase.sources.salesforce.deleted import DeletedRows
from everycase.sources.salesforce.describe import Descriptions
from everycase.sources.salesforce.everything import Tools
from everycase.sources.salesforce.jobs import JobKeeper
from everycase.sources.salesforce.merges import Merges
from everycase.sources.salesforce.position import Positions
from everycase.sources.salesforce.reader import ObjectReader
from everycase.sources.salesforce.refusals import RefusedColumns
from everycase.sources.salesforce.rest import RestQueries
from everycase.sources.salesforce.session import Session
from everycase.sources.salesforce.visibility import Expectations, hidden_rows
from everycase.sources.salesforce.windows import Pace, read_mark


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadManners:
    """How an organisation is read."""

    pace: Pace = field(default_factory=Pace)
    bulk_from: int = 2000
    """Rows from which an object is read by Bulk."""
    readers: int = 2
    """Jobs of one object that are read side by side."""
    expectations: Expectations = field(default_factory=Expectations)
    without: frozenset[str] = frozenset()
    """Fields, as `Object.Field`, that the organisation has not and that nobody need be told of."""
    wait: Callable[[float], None] = time.sleep


class SalesforceSource:
    kind = "salesforce"
    versions = VersionKind.SOURCE
    is_incremental = True

    def __init__(
        self, session: Session, catalogue: Catalogue, state: ReadState, manners: ReadManners | None = None
    ) -> None:
        self.session, self._catalogue = session, catalogue
        self._manners = manners or ReadManners()
        self.descriptions = Descriptions(session, state)
        self.rest = RestQueries(session)
        self._refused = RefusedColumns(self.rest, self.descriptions, state)
        bulk = BulkJobs(session, wait=self._manners.wait)
        positions = Positions(state)
        self._kit = Kit(
            session=session,
            catalogue=catalogue,
            tools=Tools(
                rest=self.rest,
                bulk=bulk,
                keeper=JobKeeper(session, bulk, positions),
                bulk_from=self._manners.bulk_from,
            ),
            positions=positions,
            pace=self._manners.pace,
            deleted=DeletedRows(session),
            merges=Merges(self.rest, self.descriptions),
            descriptions=self.descriptions,
            readers=self._manners.readers,
        )

    @property
    def identity(self) -> str:
        """`salesforce:00D…`: the organisation, not its address, which can change."""
        return f"salesforce:{self.organisation}"

    @property
    def organisation(self) -> str:
        """The organisation's id, by the log-in or by asking for it."""
        said = self.session.log_in().organisation
        if said.startswith("00D"):
            return said[:15]
        found = self.rest.one(soql.select(["Id"], "Organization"), "the id of the organisation")
        return found.record_id("Id")[:15]

    def state(self, obj: SourceObject) -> ObjectState:
        if not obj.parent:  # the first of the six; what they point to is described once for all
            self.descriptions.forget()
        columns = self.columns(obj)
        if columns is None:
            return ObjectState(object=obj.name, is_present=False, problem=_no_object(obj))
        if columns.missing_keys:
            return ObjectState(object=obj.name, is_present=False, problem=_no_keys(columns))
        unexplained = [f for f in columns.missing if f"{obj.name}.{f}" not in self._manners.without]
        problems = [_no_fields(obj, unexplained)] if unexplained else []
        problems += hidden_rows(self.rest, obj, self._catalogue, self._manners.expectations)
        return ObjectState(
            object=obj.name,
            is_present=True,
            problem="; ".join(problems),
            missing_fields=columns.missing,
            place=f"{obj.name} row",
        )

    def columns(self, obj: SourceObject) -> Columns | None:
        """What is read of an object; None where the organisation does not show it."""
        description = self.descriptions.describe(obj.name)
        if description is None:
            return None
        chosen = choose_columns(obj, self._catalogue, description, self.descriptions.describe)
        return chosen if chosen.missing_keys else self._refused.leave_out(chosen)

    def changes(self, obj: SourceObject, since: str = "") -> Reading[Record | Tombstone | BadRow]:
        reader = self._reader(obj)
        mark = read_mark(since) if since else None
        return reader.read_everything() if mark is None else reader.read_changes(mark)

    def inventory(self, obj: SourceObject, since: str = "") -> Reading[RowVersion | BadRow]:
        """All of it, whatever `since` says: only a look shows what left no stamp."""
        del since
        return self._reader(obj).take_inventory()

    def fetch(self, obj: SourceObject, ids: AbstractSet[str]) -> Iterator[Record | Tombstone | BadRow]:
        return self._reader(obj).fetch(ids) if ids else iter(())

    def _reader(self, obj: SourceObject) -> ObjectReader:
        columns = self.columns(obj)
        if columns is None or columns.missing_keys:
            raise WrongUse(_no_object(obj) if columns is None else _no_keys(columns))
        return ObjectReader(self._kit, columns)


def _no_object(obj: SourceObject) -> str:
    return (
        f"Salesforce shows no object {obj.name} to this user: let the permission set read it "
        "(docs/salesforce.md)"
    )


def _no_keys(columns: Columns) -> str:
    return (
        f"Salesforce does not show {_listed(columns.missing_keys)} of {columns.object.name} to this user, "
        "and without that no row can be read: let the permission set read the field"
    )


def _no_fields(obj: SourceObject, names: Sequence[str]) -> str:
    return (
        f"{obj.name}: Salesforce does not show {_listed(names)} to this user, so that they count as never "
        "filled in: let the permission set read them, re-map them in EVERYCASE_FIELDS, or say in "
        "EVERYCASE_SALESFORCE__WITHOUT that there are none"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
