"""doctor: check everything that a run needs, and what would go wrong in one, before it does.

To add a check, write a function that takes the app and returns one sentence, or raises an
`EverycaseError` with one that says what to do, and put it into `CHECKS`. A check writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from everycase.app import Access, App
from everycase.domain.errors import DependencyUnreachable, EverycaseError, ExitCode
from everycase.domain.failures import EmbeddingFailure
from everycase.domain.usage import provider_of
from everycase.operations import checks_database, checks_engine, checks_source
from everycase.ports import Embedder
from everycase.settings import Settings

Look = Callable[[App], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one check found."""

    name: str
    is_ok: bool
    detail: str
    code: ExitCode = ExitCode.CLEAN

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.is_ok, "detail": self.detail}


def diagnose(load: Callable[[], Settings], on_step: Callable[[str, int], None] | None = None) -> list[Check]:
    """Run all checks, in the order in which a run would meet what they check.

    `on_step` is told how far a check is that takes long.
    """
    settings: list[Settings] = []

    def read_settings() -> str:
        settings.append(load())
        file = settings[0].file
        return f"{f'from {file}' if file else 'no file'}, data directory {settings[0].home}"

    first = _attempt("settings", read_settings)
    if not settings:
        return [first]
    with App(settings[0], Access.REHEARSE, on_step=on_step) as app:
        return [first, *_run_checks(app)]


def send_test(load: Callable[[], Settings]) -> list[Check]:
    """Send a test message to every alert channel; which of them took it."""
    app = App(load(), Access.READ)
    if not app.settings.alerts:
        return [_attempt("alert channels", lambda: "none: EVERYCASE_ALERTS is not set")]
    return [
        _attempt(f"alert channel {n}", partial(_send_to, app, channel))
        for n, channel in enumerate(app.notifier.channels, start=1)
    ]


def _send_to(app: App, channel: str) -> str:
    title, body = f"{app.subject}: test", "This is a test of an alert channel, sent by everycase doctor."
    if not app.notifier.send(channel, title, body, severity=None):
        raise DependencyUnreachable("did not take the test message: check its URL in EVERYCASE_ALERTS")
    return "took the test message"


def _run_checks(app: App) -> Iterator[Check]:
    failed: set[str] = set()
    for name, look, needs in CHECKS:
        if failed & set(needs):
            continue
        done = _attempt(name, partial(look, app))
        if not done.is_ok:
            failed.add(name)
        yield done
        if name in DETAILS and (done.is_ok or name in EXPLAINED):
            yield from DETAILS[name](app)


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, is_ok=True, detail=look())
    except EverycaseError as e:
        return Check(name=name, is_ok=False, detail=str(e), code=e.exit_code)


def _catalogue(app: App) -> str:
    return f"{sum(len(o.counted) for o in app.catalogue.objects)} fields"


def _salesforce(app: App) -> list[Check]:
    """What the organisation shows of itself; nothing where the settings do not lead to one."""
    if app.settings.source != "salesforce":
        return []
    from everycase.sources.salesforce.examine import examine  # and with it an HTTP client

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
        return "no channel: EVERYCASE_ALERTS is not set, so alerts stand in the reports alone"
    return f"{channels} channels, by {type(app.notifier).__name__}"


def _embedders(app: App) -> str:
    return ", ".join(e.space for e in app.embedders)


def _each_embedder(app: App) -> list[Check]:
    return [_attempt(f"embedder {provider_of(e.space)}", partial(_ask, e)) for e in app.embedders]


def _ask(embedder: Embedder) -> str:
    """Embeds one short text. Raises `DependencyUnreachable`."""
    try:
        embedder.embed_query("a short text to see whether the model answers", embedder.space)
    except EmbeddingFailure as e:
        raise DependencyUnreachable(f"{embedder.space}: {e}") from None
    return f"{embedder.space} answers"


def _index(app: App) -> str:
    health = app.index.health()
    if not (health.is_ready and health.is_writable):
        raise DependencyUnreachable(health.detail)
    return f"{app.index.name}, {app.index.count():,} objects"


CHECKS: tuple[tuple[str, Look, tuple[str, ...]], ...] = (
    ("catalogue", _catalogue, ()),
    ("alerts", _alerts, ()),
    ("engine", checks_engine.check_engine, ()),
    ("home", checks_database.check_home, ()),
    ("database", checks_database.check_database, ()),
    ("source", checks_source.check_source, ("database",)),
    ("columns", checks_source.check_columns, ("source",)),
    ("same source", checks_source.check_identity, ("database", "source")),
    ("deletions", checks_source.check_deletions, ("database", "source", "same source")),
    ("clocks", checks_database.check_clocks, ("database",)),
    ("generations", checks_database.check_generations, ("database",)),
    ("embedders", _embedders, ("database",)),
    ("index", _index, ("database", "embedders")),
    ("workers", checks_engine.check_workers, ("engine", "database", "embedders", "index")),
    ("continuity", checks_database.check_continuity, ("database", "index")),
)
"""Name, check, and the names of the checks without which it says nothing."""

DETAILS: Mapping[str, Callable[[App], list[Check]]] = {"source": _salesforce, "embedders": _each_embedder}
"""Checks whose number is not known before: they follow the check of this name where that is well."""

EXPLAINED = frozenset({"source"})
"""Here they also follow a check that is not well, for they say why."""
