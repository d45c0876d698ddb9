"""One sync: extract, plan, then every case that is due through the stages, batch by batch."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from everycase.domain import providers
from everycase.domain.errors import DependencyUnreachable, ExitCode
from everycase.domain.failures import Disposition, LoadFailure
from everycase.domain.providers import cost
from everycase.domain.runs import BatchResult, Deferral, ObjectResult, deferred, slowest
from everycase.pipeline.extract import Extraction
from everycase.pipeline.work import LOCK_WAIT_S, Crew
from everycase.ports import Source
from everycase.store import budget, db, failures, lineage, locks, reads, runs, state
from everycase.store.db import Connection


@dataclass(slots=True, kw_only=True)
class SyncReport:
    """What a sync did; the keys of `as_dict` are those of contract §15."""

    run_id: UUID
    source: str
    status: str = "completed"
    """`completed`, `deferred` (cases are left: see `deferral`), `stopped` (too much failed: see
    `stop_reason`) or `failed` (an error ended it)."""
    stop_reason: str = ""
    totals: BatchResult = field(default_factory=BatchResult)
    objects: list[ObjectResult] = field(default_factory=list)
    unchanged: int = 0
    deleted: int = 0
    deferred: int = 0
    """Cases that are left to the next run."""
    deferral: Deferral | None = None
    """Why."""
    cost: float = 0.0
    providers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each provider did, and what it cost."""
    fallback_share: float = 0.0
    """Of the vectors of this run."""
    breakers: list[dict[str, Any]] = field(default_factory=list)
    """The breakers that opened and closed meanwhile, in order."""
    open_failures: dict[str, int] = field(default_factory=dict)
    index_count: int | None = None
    """None where the index did not tell."""
    completeness: float = 0.0
    alerts: list[dict[str, Any]] = field(default_factory=list)
    duration_s: float = 0.0

    @property
    def problems(self) -> list[str]:
        found = [o.problem for o in self.objects if o.problem]
        if self.deferred:
            found.insert(0, deferred(self.deferred, self.deferral or Deferral.BUDGET, self.cost))
        return [f"the pipeline was stopped: {self.stop_reason}", *found] if self.stop_reason else found

    @property
    def exit_code(self) -> ExitCode:
        if self.status == "stopped":
            return ExitCode.STOPPED
        if self.deferral is Deferral.INDEX_AWAY:
            return ExitCode.UNREACHABLE
        return ExitCode.CLEAN if self.is_clean else ExitCode.UNRESOLVED

    @property
    def is_clean(self) -> bool:
        """Nothing waits for a retry or a person, and all of the source could be read."""
        return self.unresolved == 0 and not self.deferred and not any(o.withheld for o in self.objects)

    @property
    def unresolved(self) -> int:
        """Open failures but for those that there is nothing to be done about."""
        return sum(n for d, n in self.open_failures.items() if d != Disposition.SKIP)

    def as_dict(self) -> dict[str, Any]:
        totals, slow = self.totals, slowest(self.totals.stages)
        return {
            "run_id": str(self.run_id),
            "status": self.status,
            "source": self.source,
            "created": totals.created,
            "updated": totals.updated,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
            "failed": totals.failed,
            "superseded": totals.superseded,
            "embedded": totals.embedded,
            "reused": totals.reused,
            "embedding_calls": totals.embedding_calls,
            "tokens": totals.tokens,
            "cost": self.cost,
            "cut": totals.cut,
            "deferred": self.deferred,
            "deferral": self.deferral,
            "providers": self.providers,
            "fallback_share": self.fallback_share,
            "breakers": self.breakers,
            "index_count": self.index_count,
            "open_failures": self.open_failures,
            "redactions": totals.redactions,
            "rows": {o.object: asdict(o) for o in self.objects},
            "stages": {name: asdict(s) for name, s in totals.stages.items()},
            "slowest_stage": slow.stage if slow else None,
            "stop_reason": self.stop_reason,
            "failures": totals.failures,
            "problems": self.problems,
            "completeness": self.completeness,
            "alerts": self.alerts,
            "duration_s": round(self.duration_s, 3),
        }


@dataclass(frozen=True, kw_only=True)
class Sync:
    """A sync that is ready to run."""

    dsn: str
    source: Source
    crew: Crew

    def run(self, run_id: UUID, *, allow_deletes: int = 0) -> SyncReport:
        """Do everything that is due.

        Raises `WrongUse` when another run is at work, `PipelineStopped` when nothing may run.
        """
        started = time.perf_counter()
        report = SyncReport(run_id=run_id, source=self.source.kind)
        clock = self.crew.processor.clock
        with db.connect(self.dsn) as conn, locks.wait_for(conn, locks.PIPELINE, seconds=LOCK_WAIT_S):
            state.check(conn)
            reads.bind(conn, self.source.identity)
            runs.begin(conn, run_id=run_id, source=self.source.kind, now=clock())
            try:
                self._steps(conn, report, allow_deletes)
            except LoadFailure as e:
                report.status = "failed"
                raise DependencyUnreachable(
                    f"the index cannot be used ({e}): nothing is lost, the next sync finishes the work"
                ) from None
            except BaseException:
                report.status = "failed"
                raise
            finally:
                report.duration_s = time.perf_counter() - started
                self._close(conn, report)
        return report

    def _steps(self, conn: Connection, report: SyncReport, allow_deletes: int) -> None:
        crew, world = self.crew, self.crew.processor
        report.objects = Extraction(
            conn=conn,
            source=self.source,
            catalogue=world.catalogue,
            guard=crew.guard(allow_deletes),
            run_id=report.run_id,
            now=world.clock(),
            on_rows=crew.progress.rows,
        ).run()
        world.index.prepare(world.embedder.spaces)
        report.deleted = crew.delete_gone(conn, report.run_id)
        began = budget.clock(conn)
        worked = crew.work_off(conn, report.run_id, source=self.source.kind)
        report.totals, report.deferred, report.deferral = worked.totals, worked.deferred, worked.deferral
        report.cost = round(cost(worked.totals.usage, world.prices), 4)
        report.providers = providers.told(worked.totals.usage, world.prices)
        report.fallback_share = providers.fallback_share(worked.totals.usage, world.embedder.space)
        report.breakers = budget.transitions(conn, since=began)
        if worked.deferred:
            report.status = "deferred"
        if worked.stop_reason:
            report.status, report.stop_reason = "stopped", worked.stop_reason
        self._summarise(conn, report)

    def _summarise(self, conn: Connection, report: SyncReport) -> None:
        report.open_failures = failures.tally(conn)
        census = lineage.census(conn)
        touched = report.totals.created + report.totals.updated
        report.unchanged = max(census["completed"] - touched, 0)
        report.index_count = self._index_count()
        report.completeness = census["completed"] / census["staging"] if census["staging"] else 1.0
        runs.roll_up_sync(
            conn,
            cases=census["staging"],
            completeness=report.completeness,
            calls=report.totals.embedding_calls,
            tokens=report.totals.tokens,
            cost=report.cost,
            now=self.crew.processor.clock(),
        )

    def _index_count(self) -> int | None:
        """What was loaded is recorded whether the index can still count it or not."""
        try:
            return self.crew.processor.index.count()
        except LoadFailure:
            return None

    def _close(self, conn: Connection, report: SyncReport) -> None:
        if conn.closed:
            return
        runs.finish(
            conn,
            run_id=report.run_id,
            status=report.status,
            duration_s=report.duration_s,
            report=report.as_dict(),
            now=self.crew.processor.clock(),
        )
