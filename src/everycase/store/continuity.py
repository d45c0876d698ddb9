"""Whether this database is the one that the last run left: its marks, its counters and its clock.

A database, one of its schemas or the index may have been restored from a backup. Each of them names the run
that wrote last (a token), so a restored part is known by an old name. Counters never decide what is due;
they fence writers of one life of the database, so a new life begins above all the numbers of the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg.rows import dict_row

from everycase.domain.cases import Stamps
from everycase.domain.errors import DatabaseLacks
from everycase.domain.failures import LONGEST_WAIT
from everycase.store.db import Connection, scalar
from everycase.store.queries import queries

SQL = queries("continuity")

TOLERANCE = timedelta(minutes=5)
"""A time so far ahead is no finding: clocks of machines differ a little."""
_LONGEST_RETRY = LONGEST_WAIT * 1.25 + timedelta(hours=1)
"""No failure waits longer than that for its next try."""

_FIRST_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_EPOCH_BITS = 28
"""Numbers of one epoch: 268 million a minute, and exact as a floating-point number for sixty years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What the database says of itself."""

    token: UUID | None
    """The run that wrote last; None before the first one."""
    previous: UUID | None
    staged: UUID | None
    """The same, as the staging schema says."""
    was_at: str
    """The server and database that it was in then."""
    is_at: str
    doubt: str
    """Why the index is to be compared object by object; empty where there is no reason."""
    has_loaded: bool
    """Whether lineage knows of anything in the index."""


def read(conn: Connection) -> Life:
    """Nothing is written."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL["state"]).fetchone()
    assert row is not None
    return Life(
        token=row["token"],
        previous=row["previous"],
        staged=row["staged"],
        was_at=row["server"],
        is_at=f"{_server(conn)}/{row['database']}",
        doubt=row["doubt"],
        has_loaded=row["has_loaded"],
    )


def behind(conn: Connection) -> int:
    """Staged cases that are older than what lineage has seen of them: all cases are looked at."""
    return int(scalar(conn, SQL["behind"]))


def level(conn: Connection) -> None:
    """Give those cases a new number, or theirs would fence out their writes."""
    conn.execute(SQL["level"])


def _server(conn: Connection) -> str:
    """Empty where the role may not ask."""
    try:
        row = conn.execute(SQL["server"]).fetchone()
    except DatabaseLacks:
        return ""
    return str(row[0]) if row else ""


def renew(conn: Connection, token: UUID, *, server: str) -> None:
    """Note this run as the last one that wrote."""
    conn.execute(SQL["restore_rows"])
    conn.execute(SQL["renew"], {"token": token, "server": server})


def doubt(conn: Connection, why: str) -> None:
    """Let the next reconciliation, of whatever type, compare the index object by object."""
    conn.execute(SQL["restore_rows"])
    conn.execute(SQL["doubt"], {"doubt": why})


def doubted(conn: Connection) -> str:
    """Why the index is to be compared object by object; empty where there is no reason."""
    row = conn.execute(SQL["doubted"]).fetchone()
    return str(row[0]) if row else ""


def believe(conn: Connection) -> None:
    """The index has been compared."""
    conn.execute(SQL["believe"])


def lift_counters(conn: Connection) -> bool:
    """Bring counters that are behind the rows up to them; whether that of the content was behind."""
    conn.execute("create sequence if not exists udp.generation")
    conn.execute(SQL["lift_keys"])
    return conn.execute(SQL["lift"]).fetchone() is not None


def begin_epoch(conn: Connection, *, now: datetime, highest: int = 0) -> None:
    """Raise the counter above every number that this database can have given out before it was restored."""
    minutes = int((now - _FIRST_EPOCH).total_seconds() // 60)
    conn.execute(SQL["begin_epoch"], {"floor": max(minutes, 1) << _EPOCH_BITS, "highest": highest})


def newest(conn: Connection, limit: int) -> list[Stamps]:
    """The stamps of what was loaded last, as lineage knows them."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return [Stamps(**row) for row in cursor.execute(SQL["newest"], {"limit": limit})]


def future_times(conn: Connection) -> list[str]:
    """Times that lie in the future by the database's clock, a sentence each."""
    return [
        f"{n:,} {what} lie in the future: a clock was ahead when they were written"
        for what, n in conn.execute(SQL["future"], _limits())
    ]


def bound_times(conn: Connection) -> None:
    """Set times that lie in the future to now."""
    bounds: Sequence[str] = [name for name in SQL if name.startswith("bound_")]
    with conn.transaction():
        for name in bounds:
            conn.execute(SQL[name], _limits())


def _limits() -> dict[str, timedelta]:
    return {"tolerance": TOLERANCE, "longest_wait": _LONGEST_RETRY}
