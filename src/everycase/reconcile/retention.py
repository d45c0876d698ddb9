"""Remove old runs, failures and vectors; open failures, lineage and roll-ups stay (contract §14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from everycase.store import budget, failures, reads, runs, trail, vectors
from everycase.store.db import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what is over is kept (contract §14)."""

    failures: timedelta
    runs: timedelta
    vectors: timedelta
    """That no case refers to."""
    events: timedelta
    """Of the audit trail, beyond what an audit needs; zero: for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed because its time was over."""

    failures: int
    runs: int
    vectors: int
    events: int


def prune(conn: Connection, retention: Retention) -> Pruned:
    """Remove what has been over for longer than `retention` says, by the time of the database."""
    now = budget.clock(conn)
    budget.prune(conn, before=now - retention.runs)
    reads.prune(conn, before=now - retention.runs)
    return Pruned(
        failures=failures.prune(conn, before=now - retention.failures),
        runs=runs.prune(conn, before=now - retention.runs),
        vectors=vectors.prune(conn, before=now - retention.vectors),
        events=trail.thin(conn, before=now - retention.events) if retention.events else 0,
    )
