"""Budget and breaker of the embedding providers: rows that every worker goes by (contract §7).

What is decided is in `domain/providers.py`; here it is done under the lock of the provider's row and by
the clock of the database, so that threads, processes and machines agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import dict_row

from everycase.domain import providers
from everycase.domain.providers import Admission, CallOutcome, Grant, Limits, ProviderState, Trouble
from everycase.store.db import Connection, Pool, scalar
from everycase.store.queries import queries

SQL = queries("budget")

_COLUMNS = [f.name for f in fields(ProviderState)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    state: ProviderState
    now: datetime


class PostgresGate:
    """Budget and breaker of one provider. Implements `ports.ProviderGate`."""

    def __init__(self, pool: Pool, provider: str, limits: Limits) -> None:
        self._pool, self._provider, self._limits = pool, provider, limits

    def reserve(self, *, tokens: int, patience_s: float, at_once: bool = False) -> Grant:
        with self._pool.connection() as conn, conn.transaction():
            known = self._locked(conn)
            found = providers.reserve(
                known.state,
                self._limits,
                tokens=tokens,
                now=known.now,
                patience_s=patience_s,
                at_once=at_once,
            )
            self._write(conn, known.state, found.state)
        return found.grant

    def look(self) -> Grant:
        with self._pool.connection() as conn:
            known = _read(conn, "peek", self._provider)
        if known is None:
            return Grant(admission=Admission.GRANTED)
        held_s = (known.state.held_until - known.now).total_seconds()
        admission = Admission.OPEN if known.state.is_open else Admission.GRANTED
        return Grant(
            admission=admission, wait_s=max(held_s, 0.0), is_held=held_s > 0, trouble=known.state.trouble
        )

    def report(self, grant: Grant, outcome: CallOutcome, *, retry_after_s: float = 0.0) -> None:
        with self._pool.connection() as conn, conn.transaction():
            known = self._locked(conn)
            found = providers.report(
                known.state,
                self._limits,
                outcome,
                is_probe=grant.admission is Admission.PROBE,
                now=known.now,
                retry_after_s=retry_after_s,
            )
            self._write(conn, known.state, found.state)
            if found.transition:
                trouble = found.state.trouble or known.state.trouble
                given = {"provider": self._provider, "event": found.transition, "trouble": trouble}
                conn.execute(SQL["add_event"], given)

    def _locked(self, conn: Connection) -> _Known:
        known = _read(conn, "state", self._provider)
        if known is None:
            conn.execute(SQL["meet"], {"provider": self._provider})
            known = _read(conn, "state", self._provider)
        assert known is not None
        return known

    def _write(self, conn: Connection, before: ProviderState, after: ProviderState) -> None:
        if after != before:
            conn.execute(SQL["write"], {"provider": self._provider, **asdict(after)})


def _read(conn: Connection, question: str, provider: str) -> _Known | None:
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL[question], {"provider": provider}).fetchone()
    if row is None:
        return None
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    values["trouble"] = Trouble(row["trouble"]) if row["trouble"] else None
    return _Known(state=ProviderState(**values), now=row["now"])


def states(conn: Connection, names: Sequence[str]) -> Mapping[str, ProviderState]:
    """Budget and breaker of these providers; none for a provider that was never asked."""
    found = {name: _read(conn, "peek", name) for name in names}
    return {name: known.state for name, known in found.items() if known}


def following(conn: Connection) -> Callable[[], datetime]:
    """A clock that shows the database's time, read once: ages agree between machines whose clocks differ."""
    base, since = clock(conn).astimezone(UTC), time.monotonic()
    return lambda: base + timedelta(seconds=time.monotonic() - since)


def clock(conn: Connection) -> datetime:
    """The database's time, by which transitions are dated."""
    now: datetime = scalar(conn, "select clock_timestamp()")
    return now


def transitions(conn: Connection, *, since: datetime) -> list[dict[str, Any]]:
    """The openings and closings of breakers since then, in order."""
    rows = conn.execute(SQL["events"], {"since": since})
    return [{"provider": p, "event": e, "trouble": t, "at": at.isoformat()} for p, e, t, at in rows]


def prune(conn: Connection, *, before: datetime) -> None:
    conn.execute(SQL["prune_events"], {"before": before})
