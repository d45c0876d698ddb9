"""Periodic jobs, as rows: any number of daemons, cron jobs and timers may compete for them.

A job is claimed by one UPDATE under an advisory lock that lasts as long as the job, so it never runs twice
at once, and when its holder dies a sibling takes over (docs/facts.md). Time is the database's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from everycase.store import locks
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("schedule")

RETRY = timedelta(minutes=1)
"""After a job failed or died in mid-run it is due again so soon."""

_LONGEST_ERROR = 500
_NEVER_YEAR = 1970


class Claim(StrEnum):
    """Whether a job is ours to run."""

    OURS = "ours"
    NOT_DUE = "not_due"
    BUSY = "busy"
    """Another is running it."""


@dataclass(slots=True, kw_only=True)
class Claimed:
    """A job while it runs. `error`: set it to a sentence where the job failed."""

    claim: Claim
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """When a job ran last; None: never."""

    name: str
    started: datetime | None
    ended: datetime | None
    error: str | None = field(default=None)


def add(conn: Connection, names: Sequence[str]) -> None:
    """Make these jobs known. Idempotent."""
    conn.execute(SQL["add"], {"names": list(names)})


@contextmanager
def claim(
    conn: Connection,
    name: str,
    *,
    every: timedelta,
    lead: timedelta | None = None,
    retry: timedelta = RETRY,
) -> Iterator[Claimed]:
    """Claim a job for as long as the block lasts. `conn` must be a connection of its own, in autocommit.

    `lead`: the job starts so much before its period is over, and by as long as it took last time.
    """
    with locks.try_for(conn, f"everycase.job.{name}") as is_held:
        if not is_held:
            yield Claimed(claim=Claim.BUSY)
            return
        given = {"name": name, "every": every, "lead": lead, "retry": min(retry, every)}
        if not conn.execute(SQL["claim"], given).fetchone():
            yield Claimed(claim=Claim.NOT_DUE)
            return
        found = Claimed(claim=Claim.OURS)
        yield found
        error = found.error[:_LONGEST_ERROR] if found.error else None
        conn.execute(SQL["finish"], {"name": name, "error": error})


def seconds_to_next(
    conn: Connection, periods: Mapping[str, tuple[timedelta, timedelta | None]]
) -> float | None:
    """Seconds until the next of these jobs is due; None if there is none to wait for."""
    given = {
        "names": list(periods),
        "every": [every for every, _ in periods.values()],
        "lead": [lead for _, lead in periods.values()],
    }
    row = conn.execute(SQL["next_due"], given).fetchone()
    return row[0] if row else None


def last_runs(conn: Connection) -> list[LastRun]:
    return [
        LastRun(name=n, started=_moment(s), ended=_moment(e), error=error)
        for n, s, e, error in conn.execute(SQL["listed"])
    ]


def _moment(value: datetime) -> datetime | None:
    return None if value.year <= _NEVER_YEAR else value
