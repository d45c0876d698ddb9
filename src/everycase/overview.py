"""The state of things, read and never written: census, the journey of a case, and a check of the set-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from everycase.app import App
from everycase.domain.errors import DependencyUnreachable, EverycaseError, ExitCode, WrongUse
from everycase.domain.failures import Disposition, EmbeddingFailure, LoadFailure
from everycase.domain.providers import provider_of
from everycase.domain.rows import MalformedRow, long_id
from everycase.ports import Embedder, IndexHealth
from everycase.reconcile.count import coverage
from everycase.settings import Settings
from everycase.store import (
    alerts,
    budget,
    builds,
    db,
    failures,
    ledger,
    lineage,
    locks,
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
    """A provider as everybody knows it, and what it has cost in 30 days."""

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
    example: str | None
    """A case number to try things with."""
    debt: int
    """Loaded cases whose vector is a fallback's."""
    providers: tuple[ProviderOverview, ...]
    cache: CacheSize
    building: str | None
    """The collection that is being built beside the served one."""

    @property
    def funnel(self) -> dict[str, int | None]:
        c = self.census
        return {
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
        return coverage(self.census)

    @property
    def completeness(self) -> float:
        """The share of staged cases that are loaded as they are staged; 1 where there are none."""
        staged = self.census["staging"]
        return self.census["completed"] / staged if staged else 1.0

    @property
    def is_clean(self) -> bool:
        return (
            not any(n for d, n in self.open_failures.items() if d != Disposition.SKIP)
            and self.census["completed"] == self.census["staging"] == self.index_count
            and self.is_index_ready
            and not self.stop_reason
        )

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
            "last_sync": self.last_sync,
            "last_reconciliation": self.last_reconciliation,
            "jobs": [asdict(j) for j in self.jobs],
            "alerts": list(self.alerts),
            "stop_reason": self.stop_reason,
            "is_running": self.is_running,
            "debt": self.debt,
            "providers": {p.name: p.as_dict() for p in self.providers},
            "cache": asdict(self.cache),
            "building": self.building,
            "index": {"count": self.index_count, "ready": self.is_index_ready, "detail": self.index_detail},
        }


def look(world: App) -> Overview:
    count, health = _index_state(world)
    with world.pool.connection() as conn:
        census = lineage.census(conn)
        stop, last = state.stopped(conn), runs.reconciliations(conn, limit=1)
        spaces = lineage.spaces(conn)
        return Overview(
            census=census,
            spaces=spaces,
            debt=sum(n for space, n in spaces.items() if space != world.embedder.space),
            providers=_providers(world, conn),
            cache=vectors.size(conn),
            building=builds.opened(conn),
            open_failures=failures.tally(conn),
            last_sync=runs.last(conn),
            last_reconciliation=last[0] if last else None,
            jobs=schedule.last_runs(conn),
            alerts=tuple(alerts.standing(conn)),
            stop_reason=stop.reason if stop else None,
            index_count=count,
            is_index_ready=health.is_ready and health.is_writable,
            index_detail=health.detail,
            is_running=locks.is_held(conn, locks.PIPELINE),
            example=lineage.example(conn),
        )


def _index_state(world: App) -> tuple[int | None, IndexHealth]:
    """What the index says; that it says nothing keeps nobody from the rest."""
    try:
        world.index.prepare(world.embedder.spaces)
        return world.index.count(), world.index.health()
    except (LoadFailure, DependencyUnreachable) as e:
        return None, IndexHealth(is_ready=False, is_writable=False, detail=str(e))


def _providers(world: App, conn: Connection) -> tuple[ProviderOverview, ...]:
    names = [n for n in world.settings.embedders if n != "local"]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One case: its lineage row, its trail, its last join, its failures."""

    row: Mapping[str, Any]
    events: list[dict[str, Any]]
    join: Mapping[str, Any] | None
    failures: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        row, join = self.row, self.join
        return {
            "case_number": row["case_number"],
            "record_id": row["record_id"],
            "current_stage": row["current_stage"],
            "status": row["status"],
            "note": row["note"],
            "space": row["space"],
            "limited_data": row["limited_data"],
            "retry_count": row["retry_count"],
            "recovery_count": row["recovery_count"],
            "timestamps": {k: row[k] for k in row if k.endswith("_timestamp")},
            "fields_populated": {
                "total": row["total_fields_populated"],
                "issue": row["issue_fields_populated"],
                "resolution": row["resolution_fields_populated"],
            }
            if row["total_fields_populated"] is not None
            else None,
            "joins": {
                "tasks": join["tasks_joined"],
                "workorders": join["workorders_joined"],
                "comments": join["comments_joined"],
                "emails": join["emails_joined"],
                "workorder_feeds": join["workorder_feeds_joined"],
            }
            if join
            else {},
            "composite": {"length": join["composite_text_length"], "was_truncated": join["was_truncated"]}
            if join and join["composite_text_length"] is not None
            else None,
            "events": self.events,
            "failures": self.failures,
        }


def case_journey(world: App, key: str) -> Journey:
    """The journey of a case by record id (15 or 18 characters) or number. Raises `WrongUse` for none such."""
    with world.pool.connection() as conn:
        row = next((found for k in case_keys(key) if (found := lineage.find(conn, k))), None)
        if row is None:
            staged = next((found for k in case_keys(key) if (found := lineage.find_staged(conn, k))), None)
            if staged:
                raise WrongUse(f"case {key} is staged but was never worked on: run everycase sync")
            raise WrongUse(f"no case {key!r}, neither by record id nor by case number")
        return Journey(
            row=row,
            events=lineage.journey(conn, row["record_id"]),
            join=lineage.last_join(conn, row["record_id"]),
            failures=failures.listed(conn, record=row["record_id"], include_resolved=True),
        )


def case_keys(key: str) -> list[str]:
    """What a person may mean by a case: as it stands, or as the long form of a record id."""
    try:
        return [key, long_id(key)]
    except MalformedRow:
        return [key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that doctor looked at."""

    name: str
    is_ok: bool
    detail: str
    code: ExitCode = ExitCode.CLEAN

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        return {"name": found["name"], "ok": found["is_ok"], "detail": found["detail"]}


def diagnose(load: Callable[[], Settings]) -> list[Check]:
    """Look at everything that a run needs, in that order, as far as can be seen."""
    checks: list[Check] = []

    def attempt(name: str, look_at: Callable[[], str]) -> bool:
        try:
            checks.append(Check(name=name, is_ok=True, detail=look_at()))
        except EverycaseError as e:
            checks.append(Check(name=name, is_ok=False, detail=str(e), code=e.exit_code))
        return checks[-1].is_ok

    found: list[Settings] = []

    def read_settings() -> str:
        found.append(load())
        return f"data directory {found[0].home}"

    if not attempt("settings", read_settings):
        return checks
    with App(found[0]) as world:
        attempt("catalogue", lambda: f"{sum(len(o.counted) for o in world.catalogue.objects)} fields")
        attempt("alerts", lambda: _alerts(world))
        attempt("engine", lambda: f"{world.engine.kind}, {world.engine.workers} workers")
        attempt("source", lambda: _source(world))
        if attempt("database", lambda: _database(world)):
            if attempt("embedders", lambda: ", ".join(e.space for e in world.embedders)):
                for e in world.embedders:
                    attempt(f"embedder {provider_of(e.space)}", partial(_embedder, e))
            attempt("index", lambda: _index(world))
    return checks


def _alerts(world: App) -> str:
    """Raises `WrongUse` for a URL that nobody can send to; nothing is sent."""
    if not (channels := len(world.settings.alerts)):
        return "no channel: EVERYCASE_ALERTS is not set, alerts stand in the reports alone"
    return f"{channels} channels, by {type(world.notifier).__name__}"


def _source(world: App) -> str:
    states = [world.source.state(obj) for obj in world.catalogue.objects]
    problems = [s.problem for s in states if s.problem]
    if problems:
        raise WrongUse("; ".join(problems))
    missing = [f"{s.object}.{f}" for s in states for f in s.missing_fields]
    note = f"; not in it, so never populated: {', '.join(missing)}" if missing else ""
    return f"{world.source.name}, {len(states)} objects{note}"


def _database(world: App) -> str:
    with world.pool.connection() as conn:
        version = conn.info.server_version // 10000
    return f"PostgreSQL {version} at {db.address(world.dsn)}, schema up to date"


def _embedder(embedder: Embedder) -> str:
    """Asks for one short text, once. Raises `DependencyUnreachable`."""
    try:
        embedder.embed_query("a short text to see whether the model answers", embedder.space)
    except EmbeddingFailure as e:
        raise DependencyUnreachable(f"{embedder.space}: {e}") from None
    return f"{embedder.space} answers"


def _index(world: App) -> str:
    world.index.prepare(world.embedder.spaces)
    health = world.index.health()
    if not (health.is_ready and health.is_writable):
        raise EverycaseError(health.detail)
    return f"{world.index.name}, {world.index.count():,} objects"
