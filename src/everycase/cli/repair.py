"""Commands that repair: reconcile, failures, retry, resume, prune."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from everycase.cli import console, show, show_state
from everycase.cli.frame import (
    AllowDeletes,
    Call,
    ExitZero,
    FailOnOption,
    MaxCost,
    Panel,
    Result,
    ShardOption,
    command,
    judge,
    read_shard,
)
from everycase.domain.errors import FailOn
from everycase.domain.gaps import RunType
from everycase.operations import inbox, work


@command(panel=Panel.REPAIR)
def reconcile(
    call: Call,
    run_type: Annotated[
        RunType,
        typer.Option(
            "--type",
            help="hourly: counts, and what was loaded since; daily: everything, and retention; "
            "manual: everything.",
        ),
    ] = RunType.MANUAL,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read back and probe every object, and read the whole source.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Find and report; write nothing, call no provider.")
    ] = False,
    allow_deletes: AllowDeletes = 0,
    max_cost: MaxCost = None,
    fail_on: FailOnOption = FailOn.ANY,
    exit_zero: ExitZero = False,
    shard: ShardOption = None,
) -> Result:
    """Compare source, staging, lineage and index, and repair what differs."""
    with call.rehearsal() if dry_run else call.app() as app, call.progress() as progress:
        report = work.reconcile(
            app,
            progress,
            run_type,
            deep=deep,
            dry_run=dry_run,
            allow_deletes=allow_deletes,
            max_cost=max_cost,
            shard=read_shard(shard),
        )
    code = judge(report, fail_on, exit_zero=exit_zero)
    return Result(report.as_dict(), lambda: show.reconciliation(report), code)


@command(panel=Panel.REPAIR)
def failures(
    call: Call,
    stage: Annotated[
        str | None, typer.Option(help="Only failures of this stage: extraction, join, redact, embed or load.")
    ] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only failures of this error type.")] = None,
    disposition: Annotated[
        str | None,
        typer.Option(help="Only failures with this disposition: retry, skip or manual_review."),
    ] = None,
    case: Annotated[
        str | None, typer.Option(help="Only failures of this case, by record id or number.")
    ] = None,
    group: Annotated[
        bool, typer.Option("--group", help="By stage and type, with first and last seen.")
    ] = False,
    include_resolved: Annotated[bool, typer.Option("--all", help="Include resolved failures.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many failures.")] = 100,
    fail_on: FailOnOption = FailOn.ANY,
    exit_zero: ExitZero = False,
) -> Result:
    """Show the error inbox: which cases failed, at which stage, why, and what will happen."""
    wanted = inbox.read_filter(
        stage=inbox.read_stage(stage) if stage else None,
        error_type=type_,
        disposition=inbox.read_disposition(disposition) if disposition else None,
        case=case,
        include_resolved=include_resolved,
    )
    with call.reader() as app:
        found = inbox.list_failures(app, wanted, limit=limit)
    rows = [] if group else found.failures
    values = {
        "open": found.open,
        "groups": found.groups,
        "failures": rows,
        "unfinished": list(found.unfinished),
    }
    code = judge(found, fail_on, exit_zero=exit_zero)
    return Result(values, lambda: show_state.inbox(found, grouped=group), code)


@command(panel=Panel.REPAIR)
def retry(
    call: Call,
    which: Annotated[
        str | None,
        typer.Argument(metavar="[FAILURE|CASE]", help="A failure's id, or a case's record id or number."),
    ] = None,
    type_: Annotated[str | None, typer.Option("--type", help="All open failures of this error type.")] = None,
    stage: Annotated[
        str | None,
        typer.Option(help="All open failures of this stage: extraction, join, redact, embed or load."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All open failures.")] = False,
) -> Result:
    """Try open failures again now, with the cases' current content; also those in manual review."""
    error_type = inbox.read_error_type(type_) if type_ else None
    at = inbox.read_stage(stage) if stage else None
    with call.app() as app, call.progress() as progress:
        found = inbox.retry(app, progress, which, error_type=error_type, stage=at, everything=all_)
    return Result(found.as_dict(), lambda: show.retried(found), found.exit_code)


@command(panel=Panel.REPAIR)
def resume(call: Call) -> Result:
    """Let a pipeline go on that stopped because too many cases failed."""
    with call.reader() as app:
        reason = work.resume(app)
    sentence = (
        f"the pipeline may run again; it had stopped because {reason}"
        if reason
        else "the pipeline was not stopped"
    )
    return Result({"resumed": reason is not None, "reason": reason}, lambda: console.say(sentence))


@command(panel=Panel.REPAIR)
def prune(call: Call) -> Result:
    """Remove resolved failures, runs, unused vectors and events that are older than the settings keep them.

    A daily reconciliation does this by itself.
    """
    with call.reader() as app:
        removed = work.prune(app)
    sentence = (
        f"removed {removed.failures:,} resolved failures, {removed.runs:,} runs, {removed.vectors:,} "
        f"vectors that belong to no case and {removed.events:,} events of cases"
    )
    return Result(asdict(removed), lambda: console.say(sentence))
