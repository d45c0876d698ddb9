"""Reads one object of an organisation: everything, what changed, what is there, or rows by id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.rows import (
    BadRow,
    RowVersion,
    Tombstone,
    TombstoneReason,
    iso,
    long_id,
    moment,
)
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.cells import RowReader
from everycase.sources.salesforce.columns import Columns
from everycase.sources.salesforce.deleted import DeletedRows
from everycase.sources.salesforce.errors import PageBroken, QueryRefused, ReadFailure
from everycase.sources.salesforce.everything import Everything, Tools, Turn, page_rows
from everycase.sources.salesforce.merges import Merges
from everycase.sources.salesforce.position import Part, Position, Positions
from everycase.sources.salesforce.ranges import split_range
from everycase.sources.salesforce.reading import OrganisationReading, Outcome
from everycase.sources.salesforce.rest import Balance
from everycase.sources.salesforce.session import Session
from everycase.sources.salesforce.windows import Mark, Pace, Window

Row = Record | Tombstone | BadRow
T = TypeVar("T")
_JOBS_LIVE = timedelta(days=6)
_ROWS_OF_A_PART = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What every object is read with."""

    session: Session
    catalogue: Catalogue
    tools: Tools
    positions: Positions
    pace: Pace
    deleted: DeletedRows
    merges: Merges
    readers: int
    """Jobs of one object that are read side by side."""


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
    def _ours(self) -> str:
        return soql.ours(self.object, self.kit.catalogue)

    # ── everything ───────────────────────────────────────────────────────────────────────────────

    def read_everything(self) -> OrganisationReading[Row]:
        """Every row, resumed where an earlier read was cut short; then it does not name everything."""
        outcome, rows = Outcome(window="everything"), RowReader(self.columns, self.kit.catalogue)
        begun: list[Everything[Row]] = []

        def begin() -> None:
            if not begun:
                begun.append(self._whole(rows))
                begun[0].begin()

        def save() -> None:
            for everything in begun:
                everything.position.note_stored()
                self.kit.positions.save(self.name, everything.position)

        def close() -> None:
            for everything in begun:
                self.kit.tools.keeper.settle(self.name, everything.position)

        def stop() -> None:
            for everything in begun:
                everything.stop()

        def read() -> Iterator[Row]:
            begin()
            return self._everything(begun[0], rows, outcome)

        return OrganisationReading(outcome, read, begin=begin, note_stored=save, close=close, stop=stop)

    def _whole(self, rows: RowReader) -> Everything[Row]:
        position = self._begin()
        size = page_rows(position.expected)
        return Everything(self.kit.tools, self.columns, position, rows.read_page, rows=size)

    def _everything(self, everything: Everything[Row], rows: RowReader, outcome: Outcome) -> Iterator[Row]:
        position = everything.position
        until = moment(position.until)
        outcome.names_everything, outcome.expected = not position.is_resumed, position.expected
        outcome.mark = str(Mark(until=until, deleted=until))
        yield from everything
        try:
            self._settle_balance(position, outcome)
        except PageBroken:
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

    def _begin(self) -> Position:
        """The position of an earlier read that can go on, or a new one."""
        positions, keeper = self.kit.positions, self.kit.tools.keeper
        kept = positions.load(self.name)
        if kept is not None and self._can_go_on(kept):
            keeper.find_lost(self.name, kept)
            return kept
        keeper.settle(self.name, kept)
        now = self.kit.session.now()
        position = self._position(
            soql.every(self._ours, f"CreatedDate < {soql.moment(now)}"), until=self.kit.pace.end(now)
        )
        positions.save(self.name, position)
        return position

    def _can_go_on(self, kept: Position) -> bool:
        age = self.kit.session.now() - moment(kept.until)
        return kept.columns == self._digest() and age < _JOBS_LIVE and "CreatedDate < " in kept.where

    def _position(self, where: str, *, until: datetime) -> Position:
        expected = self._count(where)
        return Position(
            where=where,
            columns=self._digest(),
            until=iso(until),
            expected=expected,
            parts=self._parts(expected),
        )

    def _parts(self, expected: int | None) -> list[Part]:
        """One part, or several of a large object, so that as many jobs are read side by side."""
        wanted = min((expected or 0) // _ROWS_OF_A_PART + 1, self.kit.readers)
        if wanted < 2:
            return [Part()]
        lowest, highest = self._ends()
        cuts = split_range(lowest, highest, wanted)
        return [Part(low=low, high=high) for low, high in zip(["", *cuts], [*cuts, ""], strict=True)]

    def _ends(self) -> tuple[str, str]:
        found = [
            self.kit.tools.rest.raw(
                soql.select(["Id"], self.name, order=f"Id {way}", limit=1), f"the ends of {self.name}"
            )
            for way in ("ASC", "DESC")
        ]
        return str(found[0][0]["Id"]), str(found[1][0]["Id"])

    def _digest(self) -> str:
        parts = [
            *self.columns.paths,
            self._ours,
            self.kit.session.version,
            self.kit.session.log_in().organisation,
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    # ── what changed ─────────────────────────────────────────────────────────────────────────────

    def read_changes(self, mark: Mark) -> OrganisationReading[Row]:
        """Rows with a younger stamp, deletions, and the children of merged cases."""
        window = self.kit.pace.window(mark, self.kit.session.now())
        outcome = Outcome(window=str(window))
        return OrganisationReading(outcome, lambda: self._changes(mark, window, outcome))

    def _changes(self, mark: Mark, window: Window, outcome: Outcome) -> Iterator[Row]:
        self.kit.tools.keeper.settle(self.name, self.kit.positions.load(self.name))
        rows = RowReader(self.columns, self.kit.catalogue)
        yield from self._window(rows, window, outcome)
        covered = window.end
        if self.columns.is_replicateable:
            found = self.kit.deleted.since(
                self.name, mark.deleted - self.kit.pace.overlap, self.kit.session.now()
            )
            covered = found.covered
            yield from self._as_they_are(rows, found.ids - self._seen, TombstoneReason.DELETED)
        yield from self._children_of_merged(rows, window)
        outcome.mark = str(Mark(until=window.end, deleted=max(covered, mark.deleted)))
        outcome.is_whole = True

    def _window(self, rows: RowReader, window: Window, outcome: Outcome) -> Iterator[Row]:
        """The rows of a window; of its halves where Salesforce takes too long over it."""
        try:
            position = self._position(window.condition(), until=window.end)
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
        outcome.expected = (outcome.expected or 0) + (position.expected or 0)
        if position.expected:
            yield from map(self._note, self._once(position, self.name, rows.read_page))
        self._settle_balance(position, outcome)

    def _once(self, position: Position, key: str, turn: Turn[T]) -> Iterator[T]:
        """Rows of a read that is not resumed: its jobs are removed however it ends."""
        try:
            yield from Everything(self.kit.tools, self.columns, position, turn)
        finally:
            self.kit.tools.keeper.settle(key, position)

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
            missing = {long_id(i) for i in asked}
            for row in rows.read_page(found):
                missing.discard((row.record_id if isinstance(row, BadRow) else row.id) or "")
                yield row
            for record_id in sorted(missing):
                yield Tombstone(object=self.name, id=record_id, reason=reason)

    # ── what is there ────────────────────────────────────────────────────────────────────────────

    def take_inventory(self) -> OrganisationReading[RowVersion | BadRow]:
        """Id and version of every row that belongs to a case and is not deleted."""
        outcome = Outcome(window="inventory", names_everything=True)
        return OrganisationReading(outcome, lambda: self._inventory(outcome))

    def _inventory(self, outcome: Outcome) -> Iterator[RowVersion | BadRow]:
        begun = soql.moment(self.kit.session.now())
        live = soql.every(self._ours, "IsDeleted = false")
        position = self._position(soql.every(live, f"CreatedDate < {begun}"), until=self.kit.session.now())
        outcome.expected = position.expected
        stock = self._narrow()
        name = f"{self.name}:inventory"
        self.kit.tools.keeper.settle(name, self.kit.positions.load(name))
        rows = RowReader(stock.columns, self.kit.catalogue)
        yield from stock._once(position, name, lambda page: _versions(rows.read_page(page)))
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
        except ReadFailure:
            return

    # ── balances ─────────────────────────────────────────────────────────────────────────────────

    def _count(self, where: str) -> int:
        return self.kit.tools.rest.count(self.name, where)

    def _settle_balance(self, position: Position, outcome: Outcome) -> None:
        outcome.balance(
            self.name,
            announced=position.announced,
            read=position.read,
            before=position.expected,
            after=lambda: self._count(position.where),
        )


def _versions(rows: Sequence[Row]) -> list[RowVersion | BadRow]:
    """What an inventory says of rows; nothing of those that belong to no case."""
    return [
        RowVersion(id=row.id, version=row.source_version) if isinstance(row, Record) else row
        for row in rows
        if not isinstance(row, Tombstone)
    ]
