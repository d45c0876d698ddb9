"""Where a long read stands: its parts, their jobs and places, kept as rows so that a killed read goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from everycase.ports import ReadState

_MOST_AGAIN = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProgress:
    """How far a part has come."""

    locator: str = ""
    """Of the page that a Bulk job goes on with."""
    after: str = ""
    """By REST: the last id."""
    read: int = 0
    announced: int = 0
    is_done: bool = False


@dataclass(slots=True, kw_only=True)
class KeyRange:
    """A range of ids that is read by one job, or by REST in the order of the ids."""

    low: str = ""
    """The first id, itself included; empty: from the beginning."""
    high: str = ""
    """The first id of the next part; empty: to the end."""
    job: str = ""
    given: ReadProgress = field(default_factory=ReadProgress)
    """What was given out."""
    stored: ReadProgress = field(default_factory=ReadProgress)
    """What of it was stored, as far as we were told: a killed read goes on from here."""

    def begin_again(self) -> None:
        """Its job is lost."""
        self.job = ""
        self.given = self.stored = ReadProgress()


@dataclass(slots=True, kw_only=True)
class Position:
    """One read of everything that a condition holds."""

    key: str
    """The name under which it is kept."""
    where: str
    columns: str
    """What is read, so that a read of other columns does not go on from here."""
    until: str
    """The mark that the read will leave, when it is whole."""
    expected: int | None
    """Rows that a count found before the read began."""
    parts: list[KeyRange] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    """Ids that were given out as deleted or unreadable. A run takes that to heart at its end only, so that a
    read that goes on asks for them once more."""
    is_held: bool = False
    """More such rows came than are kept: a killed read goes on before them."""
    is_resumed: bool = False
    is_over: bool = False
    """Nothing goes on from it any more."""

    @property
    def read(self) -> int:
        return sum(p.given.read for p in self.parts)

    @property
    def announced(self) -> int:
        return sum(p.given.announced for p in self.parts)

    @property
    def is_read(self) -> bool:
        """Every part was read to its end."""
        return all(p.given.is_done for p in self.parts)

    @property
    def has_jobs(self) -> bool:
        return any(p.job for p in self.parts)

    def note_stored(self) -> None:
        """All that was given out is stored."""
        for part in () if self.is_held else self.parts:
            part.stored = part.given

    def look_again(self, record_id: str | None) -> None:
        """A row was given out that a read that goes on must ask for once more."""
        if not record_id or len(self.again) >= _MOST_AGAIN:
            self.is_held = True
        else:
            self.again.append(record_id)


class Positions:
    """The positions of reads, by their keys."""

    def __init__(self, state: ReadState) -> None:
        self._state = state

    def load(self, key: str) -> Position | None:
        kept = self._state.get(f"position:{key}")
        if kept is None:
            return None
        return Position(
            key=key,
            where=kept["where"],
            columns=kept["columns"],
            until=kept["until"],
            expected=kept["expected"],
            parts=[_restored(p) for p in kept["parts"]],
            again=list(kept.get("again") or ()),
            is_resumed=True,
        )

    def save(self, position: Position) -> None:
        """Keep what was stored, not what was only given out."""
        if position.is_over:
            return
        parts = [
            {"low": p.low, "high": p.high, "job": p.job, "stored": asdict(p.stored)} for p in position.parts
        ]
        self._state.put(
            f"position:{position.key}",
            {
                "where": position.where,
                "columns": position.columns,
                "until": position.until,
                "expected": position.expected,
                "parts": parts,
                "again": position.again,
            },
        )

    def forget(self, key: str) -> None:
        self._state.delete(f"position:{key}")

    def begin_making(self, name: str, at: str) -> None:
        """A job is about to be made: should we die before its id is kept, it is looked for."""
        self._state.put(f"making:{name}", {"at": at})

    def end_making(self, name: str) -> None:
        self._state.delete(f"making:{name}")

    def was_making(self, name: str) -> str | None:
        """Since when a job may be at Salesforce that we do not know."""
        kept = self._state.get(f"making:{name}")
        return str(kept["at"]) if kept else None


def _restored(kept: Mapping[str, Any]) -> KeyRange:
    stored = ReadProgress(**kept["stored"])
    return KeyRange(low=kept["low"], high=kept["high"], job=kept["job"], given=stored, stored=stored)
