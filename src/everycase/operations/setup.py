"""What is done once or seldom: write a sample, bring the schema up to date, stop the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from everycase.app import App
from everycase.domain.errors import AnotherRunAtWork, WrongUse
from everycase.operations.work import Progress
from everycase.settings import Settings
from everycase.store import db, embedded, locks
from everycase.store import migrate as migrations


def write_sample_export(folder: Path, progress: Progress, *, cases: int, seed: int) -> dict[str, int]:
    """Write a generated export; its rows by object. Raises `WrongUse` unless the folder is new or empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WrongUse(f"{folder} exists and is not an empty folder: choose another")
    from everycase.sources.sample.source import write_sample  # what no other operation needs

    return dict(write_sample(folder, cases=cases, seed=seed, on_step=progress.step).rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The revision of the database's schema, and whether it was upgraded just now."""

    revision: str
    was_upgraded: bool


def migrate(app: App) -> Schema:
    was_upgraded = migrations.upgrade(app.dsn)
    return Schema(revision=migrations.LATEST, was_upgraded=was_upgraded)


def stop_server(settings: Settings) -> bool:
    """End the embedded server; whether it was running.

    Raises `WrongUse` for a server of the user's own, `AnotherRunAtWork` while a run or a worker uses it.
    """
    if settings.database_url.get_secret_value() != "embedded":
        raise WrongUse("EVERYCASE_DATABASE_URL names a server of your own: stop that where it runs")
    for dsn in embedded.addresses_if_up(settings.home):
        with db.connect(dsn) as conn:
            if locks.is_anybody_at_work(conn):
                raise AnotherRunAtWork(
                    "a run is at work on this database: end it first (Ctrl-C, or SIGTERM to its process), or "
                    "wait for it; `everycase status` shows whether it is over"
                )
    return embedded.stop(settings.home)
