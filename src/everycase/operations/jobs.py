"""The jobs of `serve`: what it does by itself, and when."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from everycase.app import App
from everycase.domain.gaps import RunType
from everycase.operations import scheduler, work
from everycase.operations.scheduler import Job, JobOutcome, JobResult
from everycase.operations.work import Progress
from everycase.store import db, migrate

__all__ = ["JobOutcome", "JobResult"]

POLL_S = 15.0
"""How often `serve` checks whether a job is due."""


def list_jobs(app: App, new_progress: Callable[[], Progress]) -> list[Job]:
    """The jobs in the order in which they run when several are due."""
    s = app.settings

    def reconcile(run_type: RunType) -> str:
        return say_reconciliation(work.reconcile(app, new_progress(), run_type))

    return [
        Job(name="sync", every=s.sync_every, run=lambda: say_sync(work.sync(app, new_progress()))),
        Job(name="reconcile", every=s.reconcile_every, run=partial(reconcile, RunType.HOURLY)),
        Job(name="reconcile_daily", every=s.deep_every, run=partial(reconcile, RunType.DAILY)),
    ]


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


def describe(app: App) -> str:
    """The jobs that are switched on, with their periods."""
    s = app.settings
    periods = {"sync": s.sync_every, "reconcile": s.reconcile_every, "reconcile_daily": s.deep_every}
    return ", ".join(f"{name} every {every}" for name, every in periods.items() if every)


def run_due_jobs(app: App, new_progress: Callable[[], Progress]) -> list[JobResult]:
    """Run the jobs that are due now, one after the other."""
    migrate.upgrade(app.dsn)
    return scheduler.run_due(lambda: db.connect(app.dsn), list_jobs(app, new_progress))


def serve(
    app: App,
    new_progress: Callable[[], Progress],
    stop: threading.Event,
    *,
    on_result: Callable[[JobResult], None],
) -> list[JobResult]:
    """Run jobs when they are due, until `stop` is set; the last result of each."""
    migrate.upgrade(app.dsn)
    last: dict[str, JobResult] = {}

    def keep(result: JobResult) -> None:
        last[result.name] = result
        on_result(result)

    jobs = list_jobs(app, new_progress)
    scheduler.serve(lambda: db.connect(app.dsn), jobs, stop, poll_s=POLL_S, on_result=keep)
    return list(last.values())
