"""The commands: parse, call, print. Exit codes and keys are those of contract §15."""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import structlog
import typer

from everycase import console, settings, show
from everycase.app import App
from everycase.cli_index import index_app
from everycase.command import MaxCost, Result, app, command
from everycase.domain.errors import ExitCode, WrongUse
from everycase.domain.failures import Disposition, ErrorType, FailureStage
from everycase.domain.gaps import RunType
from everycase.overview import case_journey, case_keys, diagnose, look
from everycase.pipeline.retry import Choice
from everycase.reconcile.page import as_html
from everycase.reconcile.text import as_text
from everycase.search import find_cases, parse_condition
from everycase.service.scheduler import Job, JobOutcome, JobResult, run_due
from everycase.service.scheduler import serve as run_schedule
from everycase.sources.sample.source import write_sample
from everycase.store import db, embedded, failures, gaps, migrate, runs, state

POLL_S = 15.0
"""How often `serve` looks whether a job is due."""

AllowDeletes = Annotated[
    int,
    typer.Option(
        "--allow-deletes", min=0, metavar="N", help="Approve, for this run, up to N vanished rows an object."
    ),
]


@command()
def run(allow_deletes: AllowDeletes = 0, max_cost: MaxCost = None, *, quiet: bool) -> Result:
    """The main job: sync, then reconcile, then a report of what is true."""
    with App(settings.load()) as world:
        with console.progress(quiet=quiet) as progress:
            synced = world.sync(progress, allow_deletes=allow_deletes, max_cost=max_cost)
        if synced.status == "stopped":
            return Result(synced.as_dict(), lambda: show.sync(synced), synced.exit_code)
        with console.progress(quiet=quiet) as progress:
            left = None if max_cost is None else max(max_cost - synced.cost, 0.0)
            report = world.reconcile(progress, RunType.MANUAL, allow_deletes=allow_deletes, max_cost=left)
        overview = look(world)
    found = {**report.as_dict(), "sync": synced.as_dict()}

    def tell() -> None:
        show.sync(synced)
        console.say()
        console.say(as_text(report.as_dict()))
        console.say()
        console.say("Try next:")
        me = show.me()
        console.say(f'  {me} search "server does not boot after memory upgrade"')
        console.say(f"  {me} trace {overview.example or 'CASE'}")
        console.say(f"  {me} report --format html > report.html")
        console.say(f"  {me} serve      # syncs every hour, reconciles every six")

    return Result(found, tell, max(synced.exit_code, report.exit_code))


@command()
def sync(allow_deletes: AllowDeletes = 0, max_cost: MaxCost = None, *, quiet: bool) -> Result:
    """Bring staging and index up to date with the source; only what changed is worked on."""
    with App(settings.load()) as world, console.progress(quiet=quiet) as progress:
        report = world.sync(progress, allow_deletes=allow_deletes, max_cost=max_cost)
    return Result(report.as_dict(), lambda: show.sync(report), report.exit_code)


@command()
def reconcile(
    run_type: Annotated[
        RunType,
        typer.Option("--type", help="hourly: a light look; daily: all of it, and retention; manual: all."),
    ] = RunType.MANUAL,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read back and probe every object, and read all of the source.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Find and report; write nothing.")] = False,
    allow_deletes: AllowDeletes = 0,
    max_cost: MaxCost = None,
    *,
    quiet: bool,
) -> Result:
    """Hold source, staging, lineage and index against each other, and mend what differs."""
    with App(settings.load()) as world, console.progress(quiet=quiet) as progress:
        report = world.reconcile(
            progress, run_type, deep=deep, dry_run=dry_run, allow_deletes=allow_deletes, max_cost=max_cost
        )
    found = report.as_dict()
    return Result(found, lambda: console.say(as_text(found)), report.exit_code)


@command()
def plan(allow_deletes: AllowDeletes = 0, *, quiet: bool) -> Result:
    """What a sync would do and what it would cost; nothing is written."""
    with App(settings.load()) as world, console.progress(quiet=quiet) as progress:
        found = world.plan(progress.rows, allow_deletes=allow_deletes)
    return Result(found.as_dict(), lambda: show.plan(found))


@command()
def status() -> Result:
    """Where every case stands, and what is open."""
    with App(settings.load()) as world:
        overview = look(world)
    return Result(overview.as_dict(), lambda: show.overview(overview), overview.exit_code)


@command()
def trace(
    case: Annotated[str, typer.Argument(help="Record id (15 or 18 characters) or case number.")],
) -> Result:
    """The journey of one case: stages with their times, what was joined, what failed."""
    with App(settings.load()) as world:
        journey = case_journey(world, case)
    return Result(journey.as_dict(), lambda: show.journey(journey))


@command("failures")
def failures_(
    stage: Annotated[FailureStage | None, typer.Option(help="Only this stage.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only this error type.")] = None,
    disposition: Annotated[Disposition | None, typer.Option(help="Only what is to be treated so.")] = None,
    case: Annotated[str | None, typer.Option(help="Only this case, by record id or number.")] = None,
    group: Annotated[
        bool, typer.Option("--group", help="By stage and type, with first and last seen.")
    ] = False,
    include_resolved: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
) -> Result:
    """The error inbox: what could not pass, at which stage, why, and what will happen to it."""
    with App(settings.load()) as world, world.pool.connection() as conn:
        groups = failures.grouped(conn, include_resolved=include_resolved)
        rows = failures.listed(
            conn,
            stage=stage,
            error_type=type_,
            disposition=disposition,
            record=case,
            include_resolved=include_resolved,
            limit=limit,
        )
        tally = failures.tally(conn)

    def tell() -> None:
        if group:
            show.failure_groups(groups)
        elif rows:
            show.failures(rows)
        else:
            console.say("No failures.")

    open_ones = sum(n for d, n in tally.items() if d != Disposition.SKIP)
    return Result(
        {"open": tally, "groups": groups, "failures": [] if group else rows},
        tell,
        ExitCode.UNRESOLVED if open_ones else ExitCode.CLEAN,
    )


@command()
def retry(
    which: Annotated[
        str | None,
        typer.Argument(metavar="[FAILURE|CASE]", help="A failure's id, a case's id or number."),
    ] = None,
    type_: Annotated[ErrorType | None, typer.Option("--type", help="All of this error type.")] = None,
    stage: Annotated[FailureStage | None, typer.Option(help="All of this stage.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    *,
    quiet: bool,
) -> Result:
    """Try open failures again, now, with the cases' current content; also those that wait for a person."""
    if not (which or type_ or stage or all_):
        raise WrongUse("say what to retry: a failure or case, --type, --stage, or --all")
    choice = Choice(
        key=which, records=tuple(case_keys(which)) if which else (), error_type=type_, stage=stage
    )
    with App(settings.load()) as world, console.progress(quiet=quiet) as progress:
        found = world.retry(progress, choice)
    return Result(found.as_dict(), lambda: show.retried(found), found.exit_code)


@command()
def resume() -> Result:
    """Let a pipeline go on that was stopped because too many cases failed."""
    with App(settings.load()) as world, world.pool.connection() as conn:
        reason = state.resume(conn)
    sentence = (
        f"the pipeline may run again; it had been stopped because {reason}"
        if reason
        else ("the pipeline was not stopped")
    )
    return Result({"resumed": reason is not None, "reason": reason}, lambda: console.say(sentence))


@command("runs")
def runs_(limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20) -> Result:
    """The reconciliations of the last 30 days, newest first, and their daily roll-ups."""
    with App(settings.load()) as world, world.pool.connection() as conn:
        rows = runs.reconciliations(conn, limit=limit)
        days = runs.trends(conn)
    return Result({"runs": rows, "days": days}, lambda: show.runs(rows))


class Format(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


@command()
def report(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="The run's id, or how it begins; else the last."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="html: one self-contained page.")] = Format.TEXT,
    with_gaps: Annotated[bool, typer.Option("--gaps", help="List the gaps, case by case.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many gaps.")] = 1000,
) -> Result:
    """The report of a reconciliation, with the trends of the days before it as HTML."""
    with App(settings.load()) as world, world.pool.connection() as conn:
        found = runs.report(conn, run_id)
        days = runs.trends(conn) if form is Format.HTML else []
        listed = gaps.kept(conn, UUID(found["run_id"]), limit=limit) if with_gaps else []

    def tell() -> None:
        if form is Format.JSON:
            console.print_json({**found, **({"gap_list": listed} if with_gaps else {})})
        elif form is Format.HTML:
            sys.stdout.write(as_html(found, days))
        elif with_gaps:
            show.gaps(listed)
        else:
            console.say(as_text(found))

    return Result({**found, **({"gap_list": listed} if with_gaps else {})}, tell)


@command()
def prune() -> Result:
    """Remove what has been over for long enough: resolved failures, runs, unused vectors.

    A daily run does so by itself.
    """
    with App(settings.load()) as world:
        found = world.prune()
    sentence = (
        f"removed {found.failures:,} resolved failures, {found.runs:,} runs and {found.vectors:,} vectors of "
        "no case"
    )
    return Result(asdict(found), lambda: console.say(sentence))


@command()
def serve(
    once: Annotated[
        bool, typer.Option("--once", help="Run what is due now and end: for cron or a systemd timer.")
    ] = False,
    *,
    quiet: bool,
) -> Result:
    """Sync every hour, reconcile every six, everything every day; any number of these may run at once."""
    with App(settings.load()) as world:
        jobs = world.jobs(lambda: console.ProgressLines(quiet=True))
        migrate.upgrade(world.dsn)
        if once:
            results = run_due(lambda: db.connect(world.dsn), jobs)
        else:
            results = _serve_until_told(world, jobs, quiet=quiet)
    failed = any(r.outcome is JobOutcome.FAILED for r in results)
    found = {"jobs": [asdict(r) for r in results]}
    code = ExitCode.UNRESOLVED if failed else ExitCode.CLEAN
    return Result(found, lambda: show.jobs(results) if once else None, code)


def _serve_until_told(world: App, jobs: list[Job], *, quiet: bool) -> list[JobResult]:
    """Until SIGINT or SIGTERM; what is at work then is finished first."""
    told = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: told.set())
    if not quiet:
        periods = ", ".join(f"{j.name} every {j.every}" for j in jobs if j.every)
        console.complain(f"serving: {periods}; end with Ctrl-C")
    results: list[JobResult] = []

    def hear(result: JobResult) -> None:
        results[:] = [r for r in results if r.name != result.name] + [result]
        if not quiet:
            show.job(result)

    run_schedule(lambda: db.connect(world.dsn), jobs, told, poll_s=POLL_S, on_result=hear)
    return results


@command()
def search(
    query: Annotated[str, typer.Argument(help="What you look for, in your own words.")],
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="Filter; also != < <= > >=. May be given again."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many cases.")] = 10,
) -> Result:
    """Find cases by meaning and by word."""
    with App(settings.load()) as world:
        conditions = [parse_condition(w, world.catalogue) for w in where or ()]
        world.index.prepare(world.embedder.spaces)
        answer = find_cases(world.index, world.embedder, query, where=conditions, limit=limit)
    hits = [
        {
            "case_number": h.case_number,
            "case_id": h.case_id,
            "score": round(h.score, 4),
            "subject": h.subject,
            "space": h.space,
        }
        for h in answer.hits
    ]

    def tell() -> None:
        if hits:
            console.table(
                "Cases",
                ("case", "score", "subject"),
                [(h["case_number"], f"{h['score']:.3f}", h["subject"]) for h in hits],
            )
        else:
            console.say("No case found.")
        for note in answer.notes:
            console.complain(f"! {note}")

    return Result({"query": query, "hits": hits, "notes": list(answer.notes)}, tell)


@command()
def sample(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write; must not exist or be empty.")
    ],
    cases: Annotated[int, typer.Option(min=1, help="How many cases.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
) -> Result:
    """Write a generated export of linked support cases, with a truth file of what was planted in it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WrongUse(f"{folder} is there already and is not an empty folder: choose another")
    summary = write_sample(folder, cases=cases, seed=seed)
    found = {"folder": str(folder), "cases": cases, "seed": seed, "rows": dict(summary.rows)}

    def tell() -> None:
        console.table(f"Written to {folder}", ("object", "rows"), list(summary.rows.items()))
        console.say(f"Load it with: EVERYCASE_SOURCE={folder} {show.me()} sync")

    return Result(found, tell)


@command()
def doctor() -> Result:
    """Check configuration, connections, permissions and the source's fields."""
    checks = diagnose(settings.load)
    bad = [c for c in checks if not c.is_ok]

    def tell() -> None:
        for c in checks:
            console.say(f"{'ok ' if c.is_ok else 'BAD'} {c.name}: {c.detail}")

    found = {"ok": not bad, "checks": [c.as_dict() for c in checks]}
    return Result(found, tell, bad[0].code if bad else ExitCode.CLEAN)


@command("db-url")
def db_url() -> Result:
    """Print the database's address in a form that psql takes. It holds a password if yours does."""
    with App(settings.load()) as world:
        url = world.dsn
    return Result({"url": url}, lambda: print(url))  # noqa: T201 - never wrapped


@command("migrate")
def migrate_() -> Result:
    """Bring the database's schema up to date (every command does so by itself)."""
    with App(settings.load()) as world:
        did = migrate.upgrade(world.dsn)
    found = {"revision": migrate.LATEST, "upgraded": did}
    sentence = f"the schema is at revision {migrate.LATEST}" + (", upgraded now" if did else "")
    return Result(found, lambda: console.say(sentence))


@command()
def stop() -> Result:
    """End the embedded PostgreSQL server; the next command starts it again."""
    loaded = settings.load()
    if loaded.database_url.get_secret_value() != "embedded":
        raise WrongUse("EVERYCASE_DATABASE_URL names a server of your own: stop that where it runs")
    stopped = embedded.stop(loaded.home)
    sentence = "the embedded server has stopped" if stopped else "the embedded server was not running"
    return Result({"stopped": stopped}, lambda: console.say(sentence))


app.add_typer(index_app)


def main() -> None:
    """The entry point."""
    structlog.contextvars.clear_contextvars()
    app()


if __name__ == "__main__":
    main()
