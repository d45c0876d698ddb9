"""Commands that set up: doctor, sample, db-url, migrate, stop, reset."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from everycase.cli import console, show
from everycase.cli.frame import Call, Panel, Result, command
from everycase.domain.errors import ExitCode, WrongUse
from everycase.operations import reset as resetting
from everycase.operations import setup
from everycase.operations.doctor import diagnose, send_test


@command(panel=Panel.SET_UP)
def doctor(
    call: Call,
    send_a_test: Annotated[
        bool, typer.Option("--send-test", help="Also send a test message to every alert channel.")
    ] = False,
) -> Result:
    """Check everything that a run needs, and find what would go wrong in a sync."""
    with call.progress() as progress:
        checks = diagnose(call.settings, progress.step)
    if send_a_test and checks[0].is_ok:
        checks += send_test(call.settings)
    bad = [c for c in checks if not c.is_ok]
    values = {"ok": not bad, "checks": [c.as_dict() for c in checks]}
    return Result(values, lambda: show.checks(checks), bad[0].code if bad else ExitCode.CLEAN)


@command(panel=Panel.SET_UP)
def sample(
    call: Call,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write: a new or an empty folder.")],
    cases: Annotated[int, typer.Option(min=1, help="How many cases.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
) -> Result:
    """Write a generated export of linked support cases, and a file that lists what was planted in it."""
    with call.progress() as progress:
        rows = setup.write_sample_export(folder, progress, cases=cases, seed=seed)
    values = {"folder": str(folder), "cases": cases, "seed": seed, "rows": rows}
    return Result(values, lambda: show.sample(folder, rows))


@command("db-url", panel=Panel.SET_UP)
def db_url(call: Call) -> Result:
    """Print the database's address in a form that psql takes. It holds a password if yours does."""
    with call.reader() as app:
        url = app.dsn
    return Result({"url": url}, lambda: print(url))  # noqa: T201 - never wrapped


@command(panel=Panel.SET_UP)
def migrate(call: Call) -> Result:
    """Bring the database's schema up to date (every command that writes does so by itself)."""
    with call.app() as app:
        schema = setup.migrate(app)
    upgraded = ", upgraded now" if schema.was_upgraded else ""
    values = {"revision": schema.revision, "upgraded": schema.was_upgraded}
    return Result(values, lambda: console.say(f"the schema is at revision {schema.revision}{upgraded}"))


@command(panel=Panel.SET_UP)
def stop(call: Call) -> Result:
    """End the embedded PostgreSQL server; the next command starts it again."""
    stopped = setup.stop_server(call.settings())
    sentence = "the embedded server has stopped" if stopped else "the embedded server was not running"
    return Result({"stopped": stopped}, lambda: console.say(sentence))


@command(panel=Panel.SET_UP)
def reset(
    call: Call,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> Result:
    """List what would be removed from the database, ask, and remove it: cases, vectors, reports.

    The source is left alone, and a Weaviate collection as well.
    """
    with call.reader() as app:
        listed = resetting.list_belongings(app)
        if not call.is_quiet:
            show.belongings(listed)
        is_wanted = yes or (not call.is_quiet and _asked("Remove all of this for good?"))
        if is_wanted:
            resetting.reset(app)
    sentence = "removed: the next run begins with nothing" if is_wanted else "nothing was removed"
    return Result({**listed.as_dict(), "removed": is_wanted}, lambda: console.say(sentence))


def _asked(question: str) -> bool:
    """Whether a person says yes. Raises `WrongUse` where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise WrongUse("nobody can be asked here: say --yes to remove all of this")
    return typer.confirm(question)
