"""Reads one object of an organisation: everything, what changed, what is there, or rows by id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeVar

from everycase.domain.cases import Record
from everycase.domain.catalogue import SourceObject
from everycase.domain.rows import (
    BadRow,
    RowVersion,
    Tombstone,
    TombstoneReason,
    long_id,
    moment,
)
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.beginnings import Beginnings, Kit, part_key
from everycase.sources.salesforce.cells import RowReader
from everycase.sources.salesforce.columns import Columns
from everycase.sources.salesforce.errors import PageBroken, QueryRefused, ReadFailure
from everycase.sources.salesforce.everything import Everything, Turn, page_rows
from everycase.sources.salesforce.position import Position
from everycase.sources.salesforce.reading import OrganisationReading, ReadOutcome
from everycase.sources.salesforce.rest import Balance
from everycase.sources.salesforce.windows import Mark, Window

Row = Record | Tombstone | BadRow
T = TypeVar("T")
_NOT_AS_DESCRIBED = frozenset({"INVALID_FIELD", "INVALID_TYPE"})
_KEPT_FROM = 1000
"""Rows from which an increment is kept: fewer are a page by REST, which is not worth rows of our own."""


@dataclass(slots=True)
class ObjectReader:
    """One object, with the columns that are read of it."""

    kit: Kit
    columns: Columns
    _seen: set[str] = field(default_factory=set)
    """Ids of tombstones that this read gave out already."""

    @property
    def object(self) -> SourceObject:
        return self.columns.object

    @property
    def name(self) -> str:
        return self.columns.object.name

    @property
    def _beginnings(self) -> Beginnings:
        return Beginnings(self.kit, self.columns)

    @property
    def _ours(self) -> str:
        return soql.ours(self.object, self.kit.catalogue)

    # ── everything ───────────────────────────────────────────────────────────────────────────────

    def read_everything(self) -> OrganisationReading[Row]:
        """Every row, resumed where an earlier read was cut short; then it does not name everything."""
        outcome, rows = ReadOutcome(window="everything"), RowReader(self.columns, self.kit.catalogue)
        begun: list[Everything[Row]] = []

        def begin() -> None:
            if not begun:
                begun.append(self._whole(rows))
                begun[0].begin()

        def save() -> None:
            for everything in begun:
                everything.position.note_stored()
                self.kit.positions.save(everything.position)

        def close() -> None:
            for everything in begun:
                self.kit.tools.keeper.settle(self.name, everything.position)

        def stop() -> None:
            for everything in begun:
                everything.stop()

        def read() -> Iterator[Row]:
            begin()
            return self._everything(begun[0], rows, outcome)

        return OrganisationReading(
            outcome, read, begin=begin, note_stored=save, close=close, stop=stop, on_failure=self._doubt
        )

    def _whole(self, rows: RowReader) -> Everything[Row]:
        position = self._beginnings.first_load()
        size = page_rows(position.expected)
        return Everything(self.kit.tools, self.columns, position, rows.read_page, rows=size)

    def _everything(
        self, everything: Everything[Row], rows: RowReader, outcome: ReadOutcome
    ) -> Iterator[Row]:
        position = everything.position
        until = moment(position.until)
        outcome.names_everything, outcome.expected = not position.is_resumed, position.expected
        outcome.mark = str(Mark(until=until, deleted=until))
        try:
            yield from everything
            self._settle_balance(position, outcome)
        except PageBroken:
            # A Bulk job goes on at the page that was broken. By REST only the last page tells that rows lack,
            # and a read that went on after it would never ask for them.
            if position.is_read or not position.has_jobs:
                self.kit.tools.keeper.settle(self.name, position)
            raise
        yield from self._latest(rows, position)
        outcome.is_whole = True

    def _latest(self, rows: RowReader, position: Position) -> Iterator[Row]:
        """Rows that were made while the others were read; the first increment reads them once more."""
        begun = position.where.rpartition("CreatedDate < ")[2]
        where = soql.every(self._ours, f"CreatedDate >= {begun}")
        for page in self.kit.tools.rest.by_id(self.columns, where, Balance()):
            yield from rows.read_page(page.rows)

    # ── what changed ─────────────────────────────────────────────────────────────────────────────

    def read_changes(self, mark: Mark) -> OrganisationReading[Row]:
        """Rows with a younger stamp, deletions, and the children of merged cases.

        A large one that was cut short goes on where it was, in the window that it had.
        """
        outcome = ReadOutcome(window="changes")
        kept: list[Position] = []

        def save() -> None:
            for position in kept:
                position.note_stored()
                self.kit.positions.save(position)

        def close() -> None:
            self.kit.tools.keeper.settle(self.name, next(iter(kept), None))

        def read() -> Iterator[Row]:
            return self._changes(mark, kept, outcome)

        return OrganisationReading(outcome, read, note_stored=save, close=close, on_failure=self._doubt)

    def _changes(self, mark: Mark, kept: list[Position], outcome: ReadOutcome) -> Iterator[Row]:
        now = self.kit.pace.window(mark, self.kit.session.now())
        outcome.window = str(now)
        rows = RowReader(self.columns, self.kit.catalogue)
        begun = self._beginnings.increment(now)
        first = Window(start=now.start, end=moment(begun.until)) if begun else now
        if begun:
            yield from self._going_on(rows, begun, kept, outcome)
        else:
            yield from self._window(rows, first, outcome, kept)
        if now.end > first.end:
            # What changed since the read was cut short. The mark stays before it, so that the next window
            # overlaps the one that was read first.
            yield from self._window(rows, Window(start=first.end, end=now.end), outcome)
        covered = first.end
        if self.columns.is_replicateable:
            found = self.kit.deleted.since(
                self.name, mark.deleted - self.kit.pace.overlap, self.kit.session.now()
            )
            covered = found.covered
            yield from self._as_they_are(rows, found.ids - self._seen, TombstoneReason.DELETED)
        yield from self._children_of_merged(rows, now)
        outcome.mark = str(Mark(until=first.end, deleted=max(covered, mark.deleted)))
        outcome.is_whole = True

    def _window(
        self, rows: RowReader, window: Window, outcome: ReadOutcome, kept: list[Position] | None = None
    ) -> Iterator[Row]:
        """The rows of a window; of its halves where Salesforce takes too long over it.

        `kept`: takes the position of a large one, which can go on should it be cut short.
        """
        try:
            position = self._beginnings.position(
                window.condition(), until=window.end, key=part_key(self.name)
            )
        except QueryRefused as e:
            if e.code != "QUERY_TIMEOUT":
                raise
            try:
                halves = window.halves()
            except ValueError:
                raise e from None
            for half in halves:
                yield from self._window(rows, half, outcome)
            return
        if kept is not None and (position.expected or 0) >= _KEPT_FROM:
            position.key = self.name
            self.kit.positions.save(position)
            yield from self._going_on(rows, position, kept, outcome)
            return
        outcome.expected = (outcome.expected or 0) + (position.expected or 0)
        if position.expected:
            yield from map(self._note, self._once(position, rows.read_page))
        self._settle_balance(position, outcome)

    def _going_on(
        self, rows: RowReader, position: Position, kept: list[Position], outcome: ReadOutcome
    ) -> Iterator[Row]:
        """The rows of a window that are not stored yet."""
        kept.append(position)
        outcome.expected = position.expected
        size = page_rows(position.expected)
        yield from map(self._note, self._as_they_are(rows, set(position.again), TombstoneReason.DELETED))
        try:
            for row in Everything(self.kit.tools, self.columns, position, rows.read_page, rows=size):
                if not isinstance(row, Record):
                    position.look_again(row.id if isinstance(row, Tombstone) else row.record_id)
                yield self._note(row)
            self._settle_balance(position, outcome)
        except PageBroken:
            self.kit.tools.keeper.settle(self.name, position)
            raise

    def _once(self, position: Position, turn: Turn[T]) -> Iterator[T]:
        """Rows of a read that is not resumed: its jobs are removed however it ends."""
        try:
            yield from Everything(self.kit.tools, self.columns, position, turn)
        finally:
            self.kit.tools.keeper.settle(position.key, position)

    def _note(self, row: Row) -> Row:
        if isinstance(row, Tombstone):
            self._seen.add(row.id)
        return row

    def _children_of_merged(self, rows: RowReader, window: Window) -> Iterator[Row]:
        """A merge hands the loser's children over without a stamp."""
        parent = self.columns.of(self.object.parent or "ParentId")
        if parent is None or self.object.parent_object not in ("", "Case"):
            return
        masters = self.kit.merges.masters(window)
        for _, found in self.kit.tools.rest.by_ids(self.columns, masters, field=parent.path):
            yield from rows.read_page(found)

    def _as_they_are(self, rows: RowReader, ids: AbstractSet[str], reason: TombstoneReason) -> Iterator[Row]:
        """What is true now of these ids: one that was deleted may have come back."""
        for asked, found in self.kit.tools.rest.by_ids(self.columns, sorted(ids)):
            missing, at = {long_id(i) for i in asked}, self.kit.session.now()
            for row in rows.read_page(found):
                missing.discard((row.record_id if isinstance(row, BadRow) else row.id) or "")
                yield row
            for record_id in sorted(missing):
                yield Tombstone(object=self.name, id=record_id, reason=reason, at=at)

    # ── what is there ────────────────────────────────────────────────────────────────────────────

    def take_inventory(self) -> OrganisationReading[RowVersion | BadRow]:
        """Id and version of every row that belongs to a case and is not deleted."""
        outcome = ReadOutcome(window="inventory", names_everything=True)
        return OrganisationReading(outcome, lambda: self._inventory(outcome), on_failure=self._doubt)

    def _inventory(self, outcome: ReadOutcome) -> Iterator[RowVersion | BadRow]:
        begun = soql.moment(self.kit.session.now())
        live = soql.every(self._ours, "IsDeleted = false")
        name = f"{self.name}:inventory"
        position = self._beginnings.position(
            soql.every(live, f"CreatedDate < {begun}"), until=self.kit.session.now(), key=name
        )
        self._beginnings.end_increment()
        outcome.expected = position.expected
        stock = self._narrow()
        self.kit.tools.keeper.settle(name, self.kit.positions.load(name))
        rows = RowReader(stock.columns, self.kit.catalogue)
        yield from stock._once(position, lambda page: _versions(rows.read_page(page)))
        self._settle_balance(position, outcome)
        late = soql.every(live, f"CreatedDate >= {begun}")
        for page in self.kit.tools.rest.by_id(stock.columns, late, Balance()):
            yield from _versions(rows.read_page(page.rows))
        outcome.is_whole = True

    def _narrow(self) -> ObjectReader:
        """The same object by the columns that a version is made of."""
        keys = {"Id", "SystemModstamp", "IsDeleted", self.object.parent, self.object.parent_fallback}
        keys |= {"CaseNumber"} if not self.object.parent else set()
        keys |= {"Type"} if self.name == "Task" else set()
        return ObjectReader(self.kit, self.columns.only(keys, volatile=True))

    # ── rows by id ───────────────────────────────────────────────────────────────────────────────

    def fetch(self, ids: AbstractSet[str]) -> Iterator[Row]:
        """What is true now of these ids; nothing more where Salesforce does not answer to the end."""
        rows = RowReader(self.columns, self.kit.catalogue)
        try:
            yield from self._as_they_are(rows, ids, TombstoneReason.ABSENT)
        except ReadFailure as e:
            self._doubt(e)

    def _doubt(self, failure: ReadFailure) -> None:
        """A description may be kept too long: permissions change without it."""
        if isinstance(failure, QueryRefused) and failure.code in _NOT_AS_DESCRIBED:
            self.kit.descriptions.doubt(self.name)

    # ── balances ─────────────────────────────────────────────────────────────────────────────────

    def _settle_balance(self, position: Position, outcome: ReadOutcome) -> None:
        outcome.balance(
            self.name,
            announced=position.announced,
            read=position.read,
            before=position.expected,
            after=lambda: self.kit.tools.rest.count(self.name, position.where),
        )


def _versions(rows: Sequence[Row]) -> list[RowVersion | BadRow]:
    """What an inventory says of rows; nothing of those that belong to no case."""
    return [
        RowVersion(id=row.id, version=row.source_version) if isinstance(row, Record) else row
        for row in rows
        if not isinstance(row, Tombstone)
    ]
