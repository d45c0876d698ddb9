"""Where every case stands and what is open; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from everycase.app import App
from everycase.domain import completeness
from everycase.domain.errors import DependencyUnreachable, ExitCode
from everycase.domain.failures import LoadFailure
from everycase.domain.orders import RunProgress
from everycase.operations.place import describe
from everycase.ports import IndexHealth
from everycase.store import (
    alerts,
    budget,
    builds,
    checkup,
    continuity,
    failures,
    ledger,
    lineage,
    locks,
    progress,
    runs,
    schedule,
    state,
    vectors,
)
from everycase.store.db import Connection
from everycase.store.schedule import LastRun
from everycase.store.vectors import CacheSize


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOverview:
    """The state of a provider's breaker, and what the provider has cost in 30 days."""

    name: str
    is_known: bool
    open_until: datetime | None
    """None: its breaker is closed."""
    trouble: str | None
    calls: int
    tokens: int
    embedded: int
    reused: int
    timeouts: int
    cost: float

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "state": "closed" if self.open_until is None else "open"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Where every case stands."""

    census: Mapping[str, Any]
    spaces: Mapping[str, int]
    open_failures: Mapping[str, int]
    """By disposition, counted as cases."""
    new_failures: int
    """Of those that wait, the ones that were opened since the last sync began."""
    last_sync: Mapping[str, Any] | None
    last_reconciliation: Mapping[str, Any] | None
    jobs: Sequence[LastRun]
    """When each job of `serve` ran last."""
    alerts: tuple[str, ...]
    """The rules whose alert stands."""
    stop_reason: str | None
    """Why the pipeline was stopped; None where it may run."""
    index_count: int | None
    """None where the index does not tell."""
    is_index_ready: bool
    index_detail: str
    is_running: bool
    """Whether a run is at work now."""
    live: Sequence[RunProgress]
    """How far each run is that is at work, here or elsewhere."""
    example: str | None
    """A case number to try things with."""
    debt: int
    """Loaded cases whose vector is a fallback's."""
    providers: tuple[ProviderOverview, ...]
    cache: CacheSize
    place: str
    """Source, database, index and settings file."""
    database_bytes: int
    building: str | None
    """The collection that is being built beside the served one."""
    withheld: Mapping[str, int] = field(default_factory=dict)
    """Deletions that wait for a person's approval, by source object or kind of gap."""
    unfinished: Sequence[str] = ()
    """Sentences on the last sync and the last reconciliation, if they failed or were interrupted."""
    unread_tables: Sequence[str] = ()
    """Objects of the source that could not be read whole: completeness leaves out what they lack."""
    doubt: str = ""
    """Why the index has to be compared object by object: something was restored from a backup."""
    without: frozenset[str] = frozenset()
    """Tables that the organisation does not have, as the settings say."""

    @property
    def funnel(self) -> dict[str, int | None]:
        c = self.census
        return {
            "source": c["source"],
            "staging": c["staging"],
            "lineage": c["lineage"],
            "pii_removed": c["pii_removed"],
            "embedding_generated": c["embedding_generated"],
            "weaviate_loaded": c["weaviate_loaded"],
            "index": self.index_count,
        }

    @property
    def coverage(self) -> dict[str, float]:
        """The share of cases that have rows of each child table."""
        return completeness.coverage(self.census, self.without)

    @property
    def has_cases(self) -> bool:
        """Whether any case is counted anywhere; without one, completeness means nothing."""
        return any(self.funnel.values())

    @property
    def completeness(self) -> float:
        """The share of the source's cases that are in the index as they are there; 1 where there are none."""
        return completeness.completeness(self.census, index=self.index_count)

    @property
    def is_clean(self) -> bool:
        c = self.census
        return (
            not completeness.unresolved(self.open_failures)
            and c["completed"] == c["staging"] == self.index_count
            and self._is_well
        )

    @property
    def is_old_news(self) -> bool:
        """The only problems are failures that were open before the last sync."""
        is_explained = self.census["completed"] + self.census["failed"] == self.census["staging"]
        return not self.new_failures and is_explained and self._is_well

    @property
    def _is_well(self) -> bool:
        trouble = self.stop_reason or self.doubt or self.withheld or self.unfinished
        return self.is_index_ready and not trouble

    @property
    def exit_code(self) -> ExitCode:
        if self.is_clean:
            return ExitCode.CLEAN
        if self.stop_reason:
            return ExitCode.STOPPED
        return ExitCode.UNREACHABLE if self.index_count is None else ExitCode.UNRESOLVED

    def as_dict(self) -> dict[str, Any]:
        return {
            "counts": self.funnel,
            "census": self.census,
            "coverage": self.coverage,
            "completeness": self.completeness,
            "spaces": self.spaces,
            "open_failures": self.open_failures,
            "new_failures": self.new_failures,
            "last_sync": self.last_sync,
            "last_reconciliation": self.last_reconciliation,
            "jobs": [asdict(j) for j in self.jobs],
            "withheld": dict(self.withheld),
            "unfinished": list(self.unfinished),
            "unread_tables": list(self.unread_tables),
            "alerts": list(self.alerts),
            "stop_reason": self.stop_reason,
            "is_running": self.is_running,
            "live": [asdict(p) for p in self.live],
            "debt": self.debt,
            "providers": {p.name: p.as_dict() for p in self.providers},
            "cache": asdict(self.cache),
            "place": self.place,
            "database_bytes": self.database_bytes,
            "building": self.building,
            "doubt": self.doubt,
            "index": {"count": self.index_count, "ready": self.is_index_ready, "detail": self.index_detail},
        }


def read_status(app: App) -> Overview:
    count, health = _index_state(app)
    with app.pool.connection() as conn:
        census = lineage.census(conn)
        stop, last = state.stopped(conn), runs.reconciliations(conn, limit=1)
        spaces = lineage.spaces(conn)
        return Overview(
            without=app.catalogue.without,
            census=census,
            spaces=spaces,
            debt=sum(n for space, n in spaces.items() if space != app.embedder.space),
            providers=_providers(app, conn),
            cache=vectors.size(conn),
            place=describe(app.settings),
            database_bytes=checkup.database_bytes(conn),
            building=builds.opened(conn),
            doubt=continuity.doubted(conn),
            open_failures=failures.tally(conn),
            new_failures=failures.tally_new(conn),
            withheld=runs.withheld(conn),
            unfinished=runs.unfinished(conn),
            unread_tables=failures.unread_tables(conn),
            last_sync=runs.last(conn),
            last_reconciliation=last[0] if last else None,
            jobs=schedule.last_runs(conn),
            alerts=tuple(alerts.standing_rules(conn)),
            stop_reason=stop.reason if stop else None,
            index_count=count,
            is_index_ready=health.is_ready and health.is_writable,
            index_detail=health.detail,
            is_running=locks.is_held(conn, locks.PIPELINE),
            live=progress.live(conn),
            example=lineage.example(conn),
        )


def _index_state(app: App) -> tuple[int | None, IndexHealth]:
    """Count and health of the index; an index that does not answer is shown as such, and raises nothing."""
    try:
        return app.index.count(), app.index.health()
    except (LoadFailure, DependencyUnreachable) as e:
        return None, IndexHealth(is_ready=False, is_writable=False, detail=str(e))


def _providers(app: App, conn: Connection) -> tuple[ProviderOverview, ...]:
    names = [n for n in app.settings.embedders if not n.startswith("local")]  # those run in this process
    known = budget.states(conn, names)
    spent = {s["provider"]: s for s in ledger.spent(conn, since=budget.clock(conn) - timedelta(days=30))}
    figures = ("calls", "tokens", "embedded", "reused", "timeouts", "cost")
    return tuple(
        ProviderOverview(
            name=name,
            is_known=name in known,
            open_until=known[name].open_until if name in known else None,
            trouble=known[name].trouble if name in known else None,
            **{f: spent.get(name, {}).get(f, 0) for f in figures},
        )
        for name in names
    )
