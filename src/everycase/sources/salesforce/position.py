"""Where a long read stands: its parts, their jobs and places, kept as rows so that a killed read goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from everycase.ports import ReadState


class MemoryState:
    """Keeps what is told to it for this process alone: for commands that write nothing."""

    def __init__(self) -> None:
        self._kept: dict[str, Mapping[str, Any]] = {}

    def get(self, key: str) -> Mapping[str, Any] | None:
        return self._kept.get(key)

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        self._kept[key] = value

    def delete(self, key: str) -> None:
        self._kept.pop(key, None)


@dataclass(slots=True, kw_only=True)
class Part:
    """A range of ids that is read by one job, or by REST in the order of the ids."""

    low: str = ""
    """The first id, itself included; empty: from the beginning."""
    high: str = ""
    """The first id of the next part; empty: to the end."""
    job: str = ""
    total: int | None = None
    """Rows that the finished job has."""
    locator: str = ""
    after: str = ""
    """By REST: the last id that was stored."""
    read: int = 0
    announced: int = 0
    is_done: bool = False

    def begin_again(self) -> None:
        """Its job is lost."""
        self.job = self.locator = self.after = ""
        self.total = None
        self.read = self.announced = 0


@dataclass(slots=True, kw_only=True)
class Position:
    """One read of everything that a condition holds."""

    where: str
    columns: str
    """What is read, so that a read of other columns does not go on from here."""
    until: str
    """The mark that the read will leave, when it is whole."""
    expected: int | None
    """Rows that a count found before the read began."""
    parts: list[Part] = field(default_factory=list)
    is_resumed: bool = False

    @property
    def read(self) -> int:
        return sum(p.read for p in self.parts)

    @property
    def announced(self) -> int:
        return sum(p.announced for p in self.parts)

    @property
    def is_done(self) -> bool:
        return all(p.is_done for p in self.parts)


class Positions:
    """The positions of the objects, by their names."""

    def __init__(self, state: ReadState) -> None:
        self._state = state

    def load(self, name: str) -> Position | None:
        kept = self._state.get(f"position:{name}")
        if kept is None:
            return None
        parts = [Part(**p) for p in kept["parts"]]
        rest = {k: v for k, v in kept.items() if k != "parts"}
        return Position(**{**rest, "parts": parts, "is_resumed": True})

    def save(self, name: str, position: Position) -> None:
        self._state.put(f"position:{name}", asdict(position))

    def forget(self, name: str) -> None:
        self._state.delete(f"position:{name}")

    def begin_making(self, name: str, at: str) -> None:
        """A job is about to be made: should we die before its id is kept, it is looked for."""
        self._state.put(f"making:{name}", {"at": at})

    def end_making(self, name: str) -> None:
        self._state.delete(f"making:{name}")

    def was_making(self, name: str) -> str | None:
        """Since when a job may be at Salesforce that we do not know."""
        kept = self._state.get(f"making:{name}")
        return str(kept["at"]) if kept else None
