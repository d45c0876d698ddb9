"""What changes cases: sync, reconcile, and both as the main job; plan, resume, prune."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from everycase.app import App
from everycase.domain.errors import ExitCode
from everycase.domain.gaps import ReconcileOrder, RunType
from everycase.domain.runs import RunStatus
from everycase.domain.shards import Shard
from everycase.domain.thresholds import DeletionGuard
from everycase.operations.overview import keep_census
from everycase.operations.progress import recorded
from everycase.operations.trial import check_change
from everycase.pipeline import workers
from everycase.pipeline.ending import Ending
from everycase.pipeline.plan import Plan, make_plan
from everycase.pipeline.served import Served
from everycase.pipeline.sync import SyncReport
from everycase.pipeline.work import Progress
from everycase.reconcile.report import Report
from everycase.reconcile.retention import Pruned
from everycase.reconcile.retention import prune as remove_old
from everycase.store import lineage, reads, state

__all__ = ["MainJob", "Plan", "Progress", "Pruned", "Report", "Served", "SyncReport"]

OpenProgress = Callable[[], AbstractContextManager[Progress]]


def sync(
    app: App,
    progress: Progress,
    *,
    allow_deletes: int = 0,
    max_cost: float | None = None,
    run_id: UUID | None = None,
    shard: Shard | None = None,
) -> SyncReport:
    """Bring the index up to date (the `shard` of it), and alert people where a threshold is crossed.

    Anybody can watch and cancel the run (`operations.progress`); it leaves the counts that pages show.
    Raises `WrongUse` where the golden queries find less with a new model or recipe.
    """
    run_id, ending = run_id or uuid4(), Ending()
    with recorded(app, run_id, "sync", progress, ending) as watched:
        job = replace(app.new_sync(watched, ending, max_cost=max_cost), approve=partial(check_change, app))
        report = job.run(run_id, allow_deletes=allow_deletes, shard=shard)
    keep_census(app, run_id=run_id)
    return report


def reconcile(
    app: App,
    progress: Progress,
    run_type: RunType,
    *,
    deep: bool = False,
    dry_run: bool = False,
    allow_deletes: int = 0,
    max_cost: float | None = None,
    run_id: UUID | None = None,
    shard: Shard | None = None,
) -> Report:
    """Compare source, staging, lineage and index, and repair what differs.

    Of a `shard`, its part of the index. A dry run writes nothing, so nobody else can watch it.
    """
    run_id, ending = run_id or uuid4(), Ending()
    order = ReconcileOrder(
        run_type=run_type, deep=deep, dry_run=dry_run, allow_deletes=allow_deletes, shard=shard
    )
    if dry_run:
        return app.new_reconciliation(progress, ending, max_cost=max_cost).run(run_id, order)
    with recorded(app, run_id, "reconcile", progress, ending) as watched:
        job = app.new_reconciliation(watched, ending, max_cost=max_cost)
        report = replace(job, approve=partial(check_change, app)).run(run_id, order)
    keep_census(app, run_id=run_id, source=report.counts.get("source"))
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class MainJob:
    """What the main job did. `report` is None where the sync stopped the pipeline or was told to end."""

    synced: SyncReport
    report: Report | None
    example: str | None
    """A case number to try commands with."""

    @property
    def exit_code(self) -> ExitCode:
        if self.report is None:
            return self.synced.exit_code
        return self.report.exit_code

    @property
    def is_old_news(self) -> bool:
        """All that is left are failures that were open before."""
        return self.synced.is_old_news if self.report is None else self.report.is_old_news

    def as_dict(self) -> dict[str, Any]:
        if self.report is None:
            return self.synced.as_dict()
        return {**self.report.as_dict(), "sync": self.synced.as_dict()}


def run(
    app: App, open_progress: OpenProgress, *, allow_deletes: int = 0, max_cost: float | None = None
) -> MainJob:
    """Sync, then reconcile with what is left of `max_cost`."""
    with open_progress() as progress:
        synced = sync(app, progress, allow_deletes=allow_deletes, max_cost=max_cost)
    if synced.status in (RunStatus.STOPPED, RunStatus.INTERRUPTED):
        return MainJob(synced=synced, report=None, example=None)
    left = None if max_cost is None else max(max_cost - synced.figures.cost, 0.0)
    with open_progress() as progress:
        report = reconcile(app, progress, RunType.MANUAL, allow_deletes=allow_deletes, max_cost=left)
    with app.pool.connection() as conn:
        return MainJob(synced=synced, report=report, example=lineage.example(conn))


def plan(app: App, progress: Progress, *, allow_deletes: int = 0) -> Plan:
    """What a sync would do and what it would cost; writes nothing."""
    guard = DeletionGuard(allowed=allow_deletes, most=app.thresholds.deletions)
    return make_plan(app.dsn, app.source, app.processor, guard=guard, progress=progress)


def is_any_worker_left() -> bool:
    """Whether a worker thread is still at work, of a run that could not wait for it."""
    return workers.is_any_left()


def adopt_source(app: App) -> None:
    """Bind the database to the source of the settings, whatever it held before."""
    with app.pool.connection() as conn:
        reads.bind(conn, app.source.identity, adopt=True)


def resume(app: App) -> str | None:
    """Let a stopped pipeline go on; why it had stopped, or None where it had not."""
    with app.pool.connection() as conn:
        return state.resume(conn)


def prune(app: App) -> Pruned:
    """Remove what is older than the settings keep it."""
    with app.pool.connection() as conn:
        return remove_old(conn, app.retention)
