"""Commands that load: run, sync, plan, serve."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from everycase.app import App
from everycase.cli import console, show
from everycase.cli.frame import (
    AdoptSource,
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
from everycase.domain.errors import ExitCode, FailOn
from everycase.operations import jobs, setup, work
from everycase.operations.jobs import JobOutcome, JobResult


@command(panel=Panel.LOAD)
def run(
    call: Call,
    allow_deletes: AllowDeletes = 0,
    max_cost: MaxCost = None,
    adopt_source: AdoptSource = False,
    fail_on: FailOnOption = FailOn.ANY,
    exit_zero: ExitZero = False,
) -> Result:
    """Sync, then reconcile, then report what is true: the main job."""
    with call.app() as app:
        if adopt_source:
            work.adopt_source(app)
        done = work.run(app, call.progress, allow_deletes=allow_deletes, max_cost=max_cost)
        schedule = jobs.describe(app.settings)
    code = judge(done, fail_on, exit_zero=exit_zero)
    return Result(done.as_dict(), lambda: show.main_job(done, schedule), code)


@command(panel=Panel.LOAD)
def sync(
    call: Call,
    allow_deletes: AllowDeletes = 0,
    max_cost: MaxCost = None,
    adopt_source: AdoptSource = False,
    fail_on: FailOnOption = FailOn.ANY,
    exit_zero: ExitZero = False,
    shard: ShardOption = None,
) -> Result:
    """Bring staging and index up to date with the source; only changed cases are processed."""
    with call.app() as app, call.progress() as progress:
        if adopt_source:
            work.adopt_source(app)
        report = work.sync(
            app, progress, allow_deletes=allow_deletes, max_cost=max_cost, shard=read_shard(shard)
        )
    code = judge(report, fail_on, exit_zero=exit_zero)
    return Result(report.as_dict(), lambda: show.sync(report), code)


@command(panel=Panel.LOAD)
def plan(call: Call, allow_deletes: AllowDeletes = 0) -> Result:
    """Show what a sync would do and what it would cost; writes and creates nothing."""
    with call.rehearsal() as app, call.progress() as progress:
        planned = work.plan(app, progress, allow_deletes=allow_deletes)
    return Result(planned.as_dict(), lambda: show.plan(planned), planned.exit_code)


@command(panel=Panel.LOAD)
def serve(
    call: Call,
    once: Annotated[
        bool,
        typer.Option("--once", help="Run the jobs that are due, then end: for cron. Silent if none is."),
    ] = False,
) -> Result:
    """Serve the API and the pages; sync and reconcile by the schedule of the settings.

    Without settings: sync every hour, reconcile every six hours and thoroughly every day.

    Several may run at once: each job and each order is carried out by one of them.
    """
    if once:
        with call.in_silence().app() as app:
            results = jobs.run_due_jobs(app, _silent)
    else:
        with call.app() as app:
            results = _serve_until_signal(app, is_quiet=call.is_quiet)
    worked = [r for r in results if r.outcome in (JobOutcome.RAN, JobOutcome.FAILED)]
    failed = any(r.outcome is JobOutcome.FAILED for r in results)
    code = ExitCode.UNRESOLVED if failed else ExitCode.CLEAN
    values = {"jobs": [r.as_dict() for r in results]}
    return Result(values, lambda: show.jobs(worked) if once and worked else None, code)


def _silent() -> console.ProgressLines:
    return console.ProgressLines(quiet=True)


def _serve_until_signal(app: App, *, is_quiet: bool) -> list[JobResult]:
    """Serve until SIGINT or SIGTERM; a job that is running then ends at its next batch."""
    # Imported here and not above: the web framework takes half a second, which no other command should cost.
    from everycase.web.process import serving

    stop = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: stop.set())
    setup.migrate(app)
    with serving(app, _silent, stop) as address:
        if not is_quiet:
            console.complain(f"serving at {address.url}: {jobs.describe(app.settings)}; end with Ctrl-C")
        return jobs.serve(app, _silent, stop, on_result=(lambda _: None) if is_quiet else show.job)
