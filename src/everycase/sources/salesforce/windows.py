"""The mark of an organisation's object, and the window of time that is read next."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from everycase.domain.rows import MalformedRow, iso, moment
from everycase.sources.salesforce import soql

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rows whose SystemModstamp is at or after `start` and before `end`."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{iso(self.start)} to {iso(self.end)}"

    def condition(self) -> str:
        return soql.every(
            f"SystemModstamp >= {soql.moment(self.start)}", f"SystemModstamp < {soql.moment(self.end)}"
        )

    def halves(self) -> tuple[Window, Window]:
        """Two windows of whole seconds. Raises `ValueError` where there are none."""
        middle = (self.start + (self.end - self.start) / 2).replace(microsecond=0)
        if not self.start < middle < self.end:
            raise ValueError("a window of a second cannot be halved")
        return Window(start=self.start, end=middle), Window(start=middle, end=self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far an object has been read: changes up to `until`, and the list of deletions up to `deleted`."""

    until: datetime
    deleted: datetime

    def __str__(self) -> str:
        return json.dumps({"v": _VERSION, "until": iso(self.until), "deleted": iso(self.deleted)})


def read_mark(text: str) -> Mark | None:
    """The mark that a text spells; None where it means nothing to this release."""
    try:
        kept = json.loads(text)
        if kept["v"] != _VERSION:
            return None
        return Mark(until=moment(kept["until"]), deleted=moment(kept["deleted"]))
    except (ValueError, KeyError, TypeError, MalformedRow):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How windows lie to each other: rows become visible late, and with stamps that are older."""

    overlap: timedelta = timedelta(minutes=10)
    """Read again before the last mark."""
    lag: timedelta = timedelta(minutes=2)
    """Left unread before now."""

    def end(self, now: datetime) -> datetime:
        return (now - self.lag).replace(microsecond=0)

    def window(self, mark: Mark, now: datetime) -> Window:
        """What is read after `mark`; at least a second, so that a clock set back loses nothing."""
        start = (mark.until - self.overlap).replace(microsecond=0)
        return Window(start=start, end=max(self.end(now), start + timedelta(seconds=1)))
