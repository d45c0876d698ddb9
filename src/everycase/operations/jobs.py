"""The jobs of `serve`: what it does by itself, and when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from everycase.app import App
from everycase.domain.errors import RunInterrupted
from everycase.domain.gaps import RunType
from everycase.domain.runs import RunKind, RunStatus
from everycase.operations import scheduler, work
from everycase.operations.scheduler import JobOutcome, JobResult, ScheduledJob
from everycase.operations.work import Progress
from everycase.settings import Settings
from everycase.store.db import Connection

__all__ = ["JobOutcome", "JobResult"]

POLL_S = 15.0
"""How often `serve` checks whether a job is due, where no job has a period of less than a minute."""


def list_jobs(app: App, new_progress: Callable[[], Progress]) -> list[ScheduledJob]:
    """The jobs in the order in which they run when several are due.

    Each runs in an app of its own, so it sees the files and the database server that are there then.
    """
    s = app.settings
    lag = s.salesforce.lag if s.source == "salesforce" else None  # what is left unread by each sync

    def sync() -> str:
        with App(s) as fresh:
            return say_sync(_unless_interrupted(work.sync(fresh, new_progress())))

    def reconcile(run_type: RunType) -> str:
        with App(s) as fresh:
            return say_reconciliation(work.reconcile(fresh, new_progress(), run_type))

    return [
        ScheduledJob(name="sync", every=s.sync_every, run=sync, lead=lag),
        ScheduledJob(name="reconcile", every=s.reconcile_every, run=partial(reconcile, RunType.HOURLY)),
        ScheduledJob(name="reconcile_daily", every=s.deep_every, run=partial(reconcile, RunType.DAILY)),
    ]


def _unless_interrupted(report: work.SyncReport) -> work.SyncReport:
    """Raises `RunInterrupted` for a sync that was told to end, so that it is due again soon."""
    if report.status is RunStatus.INTERRUPTED:
        raise RunInterrupted
    return report


def say_sync(report: work.SyncReport) -> str:
    """What a sync did, in one sentence."""
    return (
        f"{report.totals.created:,} created, {report.totals.updated:,} updated, "
        f"{report.deleted:,} deleted, {report.unresolved:,} failures open"
    )


def say_reconciliation(report: work.Report) -> str:
    """What a reconciliation found and did, in one sentence."""
    r = report.as_dict()
    return (
        f"{r['status']}: {sum(r['gaps'].values()):,} gaps, {sum(r['recovered'].values()):,} recovered, "
        f"{sum(r['still_failed'].values()):,} failures open"
    )


def describe(settings: Settings) -> str:
    """What `serve` does by itself under these settings: `syncs every hour, reconciles every 6 hours`."""
    periods = {
        "syncs": settings.sync_every,
        "reconciles": settings.reconcile_every,
        "looks at everything": settings.deep_every,
    }
    said = [f"{does} {say_period(every)}" for does, every in periods.items() if every]
    return ", ".join(said) or "does nothing by itself: every job is switched off"


_UNITS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
    (timedelta(seconds=1), "second"),
)


def say_period(every: timedelta) -> str:
    """`every hour`, `every 90 minutes`: in the largest unit that gives a whole number."""
    unit, noun = next(((u, noun) for u, noun in _UNITS if not every % u), _UNITS[-1])
    n = every / unit
    return f"every {noun}" if n == 1 else f"every {n:g} {noun}s"


def run_due_jobs(app: App, new_progress: Callable[[], Progress]) -> list[JobResult]:
    """Run the jobs that are due now, one after the other."""
    return scheduler.run_due(partial(_connect, app.settings), list_jobs(app, new_progress))


def _connect(settings: Settings) -> Connection:
    """A connection to the database as it is now; the embedded server is started where it has ended."""
    with App(settings) as fresh:
        return fresh.connect()


def serve(
    app: App,
    new_progress: Callable[[], Progress],
    stop: threading.Event,
    *,
    on_result: Callable[[JobResult], None],
) -> list[JobResult]:
    """Run jobs when they are due, until `stop` is set; the last result of each."""
    _connect(app.settings).close()
    last: dict[str, JobResult] = {}

    def keep(result: JobResult) -> None:
        last[result.name] = result
        if result.name == scheduler.LOST:
            app.teller.tell_unremembered(RunKind.SYNC, result.message)
        on_result(result)

    jobs = list_jobs(app, new_progress)
    poll_s = poll_seconds([j.every for j in jobs])
    scheduler.serve(partial(_connect, app.settings), jobs, stop, poll_s=poll_s, on_result=keep)
    return list(last.values())


def poll_seconds(periods: Sequence[timedelta]) -> float:
    """How often to look whether a job is due: four times in the shortest period, at least every 15 s."""
    return min([POLL_S, *(every.total_seconds() / 4 for every in periods if every)])
