"""doctor: check everything that a run needs, in the order in which it needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from everycase.app import App
from everycase.domain.errors import DependencyUnreachable, EverycaseError, ExitCode, WrongUse
from everycase.domain.failures import EmbeddingFailure
from everycase.domain.providers import provider_of
from everycase.pipeline import continuity
from everycase.ports import Embedder
from everycase.settings import Settings
from everycase.sources.salesforce.examine import examine
from everycase.store import db


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
    with App(found[0]) as app:
        attempt("catalogue", lambda: f"{sum(len(o.counted) for o in app.catalogue.objects)} fields")
        attempt("alerts", lambda: _alerts(app))
        attempt("engine", lambda: f"{app.engine.kind}, {app.engine.workers} workers")
        attempt("source", lambda: _source(app))
        if found[0].source == "salesforce":
            checks += _salesforce(app)
        if attempt("database", lambda: _database(app)):
            if attempt("embedders", lambda: ", ".join(e.space for e in app.embedders)):
                for e in app.embedders:
                    attempt(f"embedder {provider_of(e.space)}", partial(_embedder, e))
            if attempt("index", lambda: _index(app)):
                attempt("continuity", lambda: _continuity(app))
    return checks


def _salesforce(app: App) -> list[Check]:
    """What the organisation shows of itself; nothing where the settings do not lead to one."""
    try:
        findings = examine(app.salesforce, app.catalogue)
    except EverycaseError:  # the check of the source has said it
        return []
    return [
        Check(
            name=f.name,
            is_ok=f.is_ok,
            detail=f.detail,
            code=ExitCode.CLEAN if f.is_ok else ExitCode.WRONG_USE,
        )
        for f in findings
    ]


def _alerts(app: App) -> str:
    """Raises `WrongUse` for a URL that nobody can send to; nothing is sent."""
    if not (channels := len(app.settings.alerts)):
        return "no channel: EVERYCASE_ALERTS is not set, alerts stand in the reports alone"
    return f"{channels} channels, by {type(app.notifier).__name__}"


def _source(app: App) -> str:
    states = [app.source.state(obj) for obj in app.catalogue.objects]
    problems = [s.problem for s in states if s.problem]
    if problems:
        raise WrongUse("; ".join(problems))
    missing = [f"{s.object}.{f}" for s in states for f in s.missing_fields]
    note = f"; not in it, so never populated: {', '.join(missing)}" if missing else ""
    return f"{app.source.kind}, {len(states)} objects{note}"


def _database(app: App) -> str:
    with app.pool.connection() as conn:
        version = conn.info.server_version // 10000
    return f"PostgreSQL {version} at {db.address(app.dsn)}, schema up to date"


def _embedder(embedder: Embedder) -> str:
    """Asks for one short text, once. Raises `DependencyUnreachable`."""
    try:
        embedder.embed_query("a short text to see whether the model answers", embedder.space)
    except EmbeddingFailure as e:
        raise DependencyUnreachable(f"{embedder.space}: {e}") from None
    return f"{embedder.space} answers"


def _index(app: App) -> str:
    app.index.prepare(app.embedder.spaces)
    health = app.index.health()
    if not (health.is_ready and health.is_writable):
        raise DependencyUnreachable(health.detail)
    return f"{app.index.name}, {app.index.count():,} objects"


def _continuity(app: App) -> str:
    """Raises `EverycaseError` where a part was restored from a backup, or a clock was wrong."""
    with app.pool.connection() as conn:
        found = continuity.look(conn, app.index)
    if found:
        raise EverycaseError("; ".join(found))
    return "database, staging and index are of the same time"
