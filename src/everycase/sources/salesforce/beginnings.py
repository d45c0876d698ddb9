"""The position at which a read starts: at the beginning, or where an earlier one was cut short."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from everycase.domain.catalogue import Catalogue
from everycase.domain.rows import iso, moment
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.columns import Columns
from everycase.sources.salesforce.deleted import DeletedRows
from everycase.sources.salesforce.describe import Descriptions
from everycase.sources.salesforce.everything import Tools
from everycase.sources.salesforce.merges import Merges
from everycase.sources.salesforce.position import KeyRange, Position, Positions
from everycase.sources.salesforce.ranges import split_range
from everycase.sources.salesforce.session import Session
from everycase.sources.salesforce.windows import Pace, Window

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
    descriptions: Descriptions
    readers: int
    """Jobs of one object that are read side by side."""


def part_key(name: str) -> str:
    """Of a window that begins anew when it is cut short."""
    return f"{name}:window"


@dataclass(frozen=True, slots=True)
class Beginnings:
    """Of the reads of one object."""

    kit: Kit
    columns: Columns

    @property
    def name(self) -> str:
        return self.columns.object.name

    def first_load(self) -> Position:
        """The position of an earlier first load that can go on, or a new one."""
        kept = self._kept()
        if kept is not None and "CreatedDate < " in kept.where:
            self.kit.tools.keeper.find_lost(self.name, kept)
            return kept
        self.kit.tools.keeper.settle(self.name, kept)
        now = self.kit.session.now()
        where = soql.every(self._ours, f"CreatedDate < {soql.moment(now)}")
        position = self.position(where, until=self.kit.pace.end(now), key=self.name)
        self.kit.positions.save(position)
        return position

    def increment(self, window: Window) -> Position | None:
        """The position of an earlier increment that began where this window does, and can go on."""
        kept = self._kept()
        if kept is not None and self._is_of(kept, window):
            self.kit.tools.keeper.find_lost(self.name, kept)
            return kept
        self.kit.tools.keeper.settle(self.name, kept)
        return None

    def end_increment(self) -> None:
        """Let go of an increment whose jobs show rows as they were: a sweep finds out how they are now, and
        a job that went on after it would take that back."""
        kept = self.kit.positions.load(self.name)
        if kept is not None and "SystemModstamp >= " in kept.where and kept.has_jobs:
            self.kit.tools.keeper.settle(self.name, kept)

    def _is_of(self, kept: Position, window: Window) -> bool:
        """It began at the same mark; where it ends was settled when it began."""
        end = moment(kept.until)
        return window.start < end <= window.end and (
            kept.where == Window(start=window.start, end=end).condition()
        )

    def _kept(self) -> Position | None:
        """An earlier read that can go on; others are tidied up."""
        key = part_key(self.name)
        self.kit.tools.keeper.settle(key, self.kit.positions.load(key))
        kept = self.kit.positions.load(self.name)
        if kept is None or self._can_go_on(kept):
            return kept
        self.kit.tools.keeper.settle(self.name, kept)
        return None

    def _can_go_on(self, kept: Position) -> bool:
        age = self.kit.session.now() - moment(kept.until)
        return kept.columns == self._digest() and age < _JOBS_LIVE

    def position(self, where: str, *, until: datetime, key: str) -> Position:
        """A new one. Raises `QueryRefused` where Salesforce does not count."""
        expected = self.kit.tools.rest.count(self.name, where)
        return Position(
            key=key,
            where=where,
            columns=self._digest(),
            until=iso(until),
            expected=expected,
            parts=self._parts(expected),
        )

    def _parts(self, expected: int | None) -> list[KeyRange]:
        """One part, or several of a large object, so that as many jobs are read side by side."""
        wanted = min((expected or 0) // _ROWS_OF_A_PART + 1, self.kit.readers)
        if wanted < 2:
            return [KeyRange()]
        cuts = split_range(*self._ends(), wanted)
        return [KeyRange(low=low, high=high) for low, high in zip(["", *cuts], [*cuts, ""], strict=True)]

    def _ends(self) -> tuple[str, str]:
        rest, what = self.kit.tools.rest, f"the ends of {self.name}"
        lowest, highest = (
            rest.one(soql.select(["Id"], self.name, order=f"Id {way}", limit=1), what).record_id("Id")
            for way in ("ASC", "DESC")
        )
        return lowest, highest

    @property
    def _ours(self) -> str:
        return soql.ours(self.columns.object, self.kit.catalogue)

    def _digest(self) -> str:
        parts = [
            *self.columns.paths,
            self._ours,
            self.kit.session.version,
            self.kit.session.log_in().organisation,
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
