"""The commands: parse, call, print. Exit codes and keys are those of contract §15."""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import psycopg
import structlog
import typer

from everycase import console, settings, telemetry
from everycase.app import App
from everycase.domain.catalogue import FEW_FIELDS
from everycase.domain.errors import EverycaseError, ExitCode, WrongUse
from everycase.domain.failures import Disposition, FailureStage
from everycase.overview import Overview, case_journey, diagnose, look
from everycase.pipeline.sync import SyncReport
from everycase.search import find_cases, parse_condition
from everycase.sources.sample import write_sample
from everycase.store import embedded, failures, migrate

app = typer.Typer(
    name="everycase",
    help="Every support case, accounted for: a vector index of Salesforce cases that is complete, current "
    "and free of personal data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Debug = Annotated[bool, typer.Option("--debug", help="Log every event to stderr; tracebacks on errors.")]
AllowDeletes = Annotated[
    int,
    typer.Option(
        "--allow-deletes", min=0, metavar="N", help="Approve, for this run, up to N vanished rows an object."
    ),
]


class Result:
    """What a command found: for a program, for a person, and as an exit code."""

    def __init__(
        self, found: dict[str, Any], show: Callable[[], None], code: ExitCode = ExitCode.CLEAN
    ) -> None:
        self.found, self.show, self.code = found, show, code


_OPTIONS = (
    inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json),
    inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug),
)


def command(name: str | None = None) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a function that returns a `Result` as a command that has --json and --debug.

    Its errors become one sentence and an exit code. A parameter `quiet` is told whether the output is
    for a program.
    """

    def wrap(function: Callable[..., Result]) -> Callable[..., Result]:
        own = inspect.signature(function, eval_str=True).parameters

        @functools.wraps(function)
        def call(*, json: bool, debug: bool, **given: Any) -> None:
            telemetry.configure(debug=debug)
            if "quiet" in own:
                given["quiet"] = json
            try:
                result = function(**given)
            except Exception as e:
                raise typer.Exit(_explain(e, as_json=json, debug=debug)) from None
            if json:
                console.print_json(result.found)
            else:
                result.show()
            raise typer.Exit(result.code)

        shown = [p for n, p in own.items() if n != "quiet"]
        call.__signature__ = inspect.Signature([*shown, *_OPTIONS])  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in (*shown, *_OPTIONS)}
        app.command(name)(call)
        return function

    return wrap


def _explain(error: Exception, *, as_json: bool, debug: bool) -> ExitCode:
    """One sentence on stderr (and as JSON); where it happened only with --debug."""
    if isinstance(error, EverycaseError):
        code, sentence = error.exit_code, str(error)
    elif isinstance(error, psycopg.OperationalError):
        code = ExitCode.UNREACHABLE
        sentence = "the connection to PostgreSQL was lost: nothing is lost, the next run finishes the work"
    else:
        code = ExitCode.UNRESOLVED
        sentence = f"unexpected {type(error).__name__}: run again with --debug and report what it prints"
    if as_json:
        console.print_json({"error": sentence, "exit_code": int(code)})
    console.complain(f"everycase: {sentence}")
    if debug:
        sys.stderr.writelines(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"{type(error).__name__}\n")
    return code


@command()
def run(allow_deletes: AllowDeletes = 0, *, quiet: bool) -> Result:
    """The main job: sync, then a census of what is true."""
    with App(settings.load()) as world:
        with console.progress(quiet=quiet) as progress:
            report = world.sync(progress, allow_deletes=allow_deletes)
        overview = look(world)
    found = {**report.as_dict(), "census": overview.census, "completeness": overview.completeness}

    def show() -> None:
        _show_sync(report)
        console.say()
        _show_overview(overview)
        console.say()
        console.say("(Reconciliation is not part of this release yet: this is a plain census.)")
        console.say()
        console.say("Try next:")
        me = _me()
        console.say(f'  {me} search "server does not boot after memory upgrade"')
        console.say(f"  {me} trace {overview.example or 'CASE'}")
        console.say(f"  {me} failures")

    return Result(found, show, _code(report))


@command()
def sync(allow_deletes: AllowDeletes = 0, *, quiet: bool) -> Result:
    """Bring staging and index up to date with the source; only what changed is worked on."""
    with App(settings.load()) as world, console.progress(quiet=quiet) as progress:
        report = world.sync(progress, allow_deletes=allow_deletes)
    return Result(report.as_dict(), lambda: _show_sync(report), _code(report))


@command()
def plan(allow_deletes: AllowDeletes = 0, *, quiet: bool) -> Result:
    """What a sync would do and what it would cost; nothing is written."""
    with App(settings.load()) as world, console.progress(quiet=quiet) as progress:
        found = world.plan(progress.rows, allow_deletes=allow_deletes)

    def show() -> None:
        about = "about " if found.is_sampled else ""
        console.table(
            "A sync would",
            ("do", "cases"),
            [
                ("create", found.create),
                ("update", found.update),
                ("leave unchanged", found.unchanged),
                ("leave waiting (failed, not due)", found.waiting),
                ("delete", found.delete),
            ],
        )
        console.say(
            f"{about}{found.to_embed:,} texts to embed, about {found.estimated_tokens:,} tokens, "
            f"cost {found.estimated_cost:.2f}"
        )
        for o in found.objects:
            if o.problem:
                console.say(f"! {o.problem}")

    return Result(found.as_dict(), show)


@command()
def status() -> Result:
    """Where every case stands, and what is open."""
    with App(settings.load()) as world:
        overview = look(world)
    return Result(
        overview.as_dict(),
        lambda: _show_overview(overview),
        ExitCode.CLEAN if overview.is_clean else ExitCode.UNRESOLVED,
    )


@command()
def trace(
    case: Annotated[str, typer.Argument(help="Record id (15 or 18 characters) or case number.")],
) -> Result:
    """The journey of one case: stages with their times, what was joined, what failed."""
    with App(settings.load()) as world:
        journey = case_journey(world, case)
    found = journey.as_dict()

    def show() -> None:
        console.say(f"Case {found['case_number'] or '(no number)'} · record {found['record_id']}")
        console.say(f"Stage {found['current_stage']} · status {found['status']}")
        if found["note"]:
            console.say(f"Note: {found['note']}")
        if found["fields_populated"]:
            console.say(
                "Fields populated: {total} of 44 (issue {issue} of 13, resolution {resolution} of 8)".format(
                    **found["fields_populated"]
                )
            )
        if found["joins"]:
            console.say("Joined: " + ", ".join(f"{n} {name}" for name, n in found["joins"].items()))
        if found["composite"]:
            cut = ", cut to fit" if found["composite"]["was_truncated"] else ""
            console.say(f"Composite text: {found['composite']['length']:,} characters{cut}")
        if found["space"]:
            console.say(f"Vector space: {found['space']}")
        console.table(
            "Journey",
            ("when", "stage", "event", "detail"),
            [(e["at"], e["stage"], e["event"], e["detail"]) for e in found["events"]],
        )
        if found["failures"]:
            _show_failures(found["failures"])

    return Result(found, show)


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

    def show() -> None:
        if group:
            console.table(
                "Failures by stage and type",
                ("stage", "type", "what happens", "open", "resolved", "first seen", "last seen", "mttr s"),
                [tuple(g.values()) for g in groups],
            )
        elif rows:
            _show_failures(rows)
        else:
            console.say("No failures.")

    open_ones = sum(n for d, n in tally.items() if d != Disposition.SKIP)
    return Result(
        {"open": tally, "groups": groups, "failures": [] if group else rows},
        show,
        ExitCode.UNRESOLVED if open_ones else ExitCode.CLEAN,
    )


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

    def show() -> None:
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

    return Result({"query": query, "hits": hits, "notes": list(answer.notes)}, show)


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

    def show() -> None:
        console.table(f"Written to {folder}", ("object", "rows"), list(summary.rows.items()))
        console.say(f"Load it with: EVERYCASE_SOURCE={folder} {_me()} sync")

    return Result(found, show)


@command()
def doctor() -> Result:
    """Check configuration, connections, permissions and the source's fields."""
    checks = diagnose(settings.load)
    bad = [c for c in checks if not c.is_ok]

    def show() -> None:
        for c in checks:
            console.say(f"{'ok ' if c.is_ok else 'BAD'} {c.name}: {c.detail}")

    found = {"ok": not bad, "checks": [c.as_dict() for c in checks]}
    return Result(found, show, bad[0].code if bad else ExitCode.CLEAN)


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


# ── printing ─────────────────────────────────────────────────────────────────────────────────────


def _code(report: SyncReport) -> ExitCode:
    return ExitCode.CLEAN if report.is_clean else ExitCode.UNRESOLVED


def _me() -> str:
    """How this program was called, so that the next line can be copied."""
    here = Path(sys.argv[0])
    return str(here) if here.name == "everycase" and "/" in sys.argv[0] else "everycase"


def _show_sync(report: SyncReport) -> None:
    totals = report.totals
    console.say(
        f"Sync from {report.source} in {report.duration_s:.1f} s: "
        f"{totals.created:,} created, {totals.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{report.deleted:,} deleted, {totals.failed:,} failed"
    )
    console.say(
        f"Embedding: {totals.embedded:,} texts in {totals.embedding_calls:,} calls, "
        f"{totals.reused:,} vectors reused, {totals.tokens:,} tokens"
    )
    if totals.redactions:
        removed = ", ".join(f"{n:,} {kind}" for kind, n in sorted(totals.redactions.items()))
        console.say(f"Removed: {removed}")
    if totals.stages:
        console.table(
            "Stages",
            ("stage", "read", "written", "skipped", "failed", "worker s"),
            [(n, s.read, s.written, s.skipped, s.failed, s.seconds) for n, s in totals.stages.items()],
        )
    for problem in report.problems:
        console.say(f"! {problem}")
    if report.unresolved:
        noun = "failure waits" if report.unresolved == 1 else "failures wait"
        console.say(f"! {report.unresolved:,} {noun} for a retry or a person: {_me()} failures")


def _show_overview(o: Overview) -> None:
    console.table("Census", ("where", "cases"), list(o.funnel.items()))
    console.say(f"Completeness: {o.completeness:.2%} of the staged cases are in the index")
    if o.coverage:
        shares = " · ".join(f"{name} {share:.0%}" for name, share in o.coverage.items())
        console.say(f"Coverage: {shares}; on average {o.census['average_fields']} of 44 fields populated")
    if few := o.census["few_fields"]:
        console.say(f"Fewer than {FEW_FIELDS} fields: {few:,} cases (flagged, and loaded all the same)")
    if o.spaces:
        console.say("Spaces: " + ", ".join(f"{name} {n:,}" for name, n in o.spaces.items()))
    for disposition, n in o.open_failures.items():
        console.say(f"Open failures ({disposition}): {n:,}")
    if o.last_sync:
        console.say(f"Last sync: {o.last_sync['status']}, {o.last_sync['start_time']:%Y-%m-%d %H:%M} UTC")
    if o.is_running:
        console.say("A run is at work now.")
    if not o.is_index_ready:
        console.say(f"! index: {o.index_detail}")


def _show_failures(rows: list[dict[str, Any]]) -> None:
    console.table(
        "Failures",
        ("case or record", "stage", "type", "what happens", "tries", "next try", "message"),
        [
            (
                r["case_number"] or r["record_id"],
                r["stage"],
                r["error_type"],
                "resolved" if r["resolved"] else r["disposition"],
                r["retry_count"],
                r["next_retry_time"],
                r["error_message"],
            )
            for r in rows
        ],
    )


def main() -> None:
    """The entry point."""
    structlog.contextvars.clear_contextvars()
    app()


if __name__ == "__main__":
    main()
