"""Sync: read the source into staging, then bring every case that is due through the stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from everycase.domain import completeness
from everycase.domain.alerts import Alert, Facts, Told, work_facts
from everycase.domain.errors import ExitCode, interrupted_by
from everycase.domain.failures import Disposition, LoadFailure
from everycase.domain.runs import BatchResult, Deferral, ObjectResult, RunFigures, RunStatus
from everycase.domain.sentences import together
from everycase.domain.shards import Shard, ShardedWork
from everycase.pipeline import continuity
from everycase.pipeline.extract import Extraction
from everycase.pipeline.run import NOT_OPENED, Approve, OpenRun, RunEnd, Shell, approve_any
from everycase.pipeline.work import Crew
from everycase.ports import Source
from everycase.store import budget, failures, lineage, reads, runs, shards
from everycase.store import continuity as life
from everycase.store.db import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a sync did; the keys of `as_dict` are those of contract §15."""

    run_id: UUID
    source: str
    shard: str = ""
    """`2/4`: the part of the cases that this was about."""
    round: UUID | None = None
    """Of a shard: the run that read the source for it."""
    status: RunStatus
    error: str = ""
    """The sentence of the error that ended it."""
    ended_by: int | None = None
    """The signal that ended it early."""
    figures: RunFigures
    objects: Sequence[ObjectResult] = ()
    unchanged: int = 0
    deleted: int = 0
    refused: int = 0
    """Cases of the source whose row could not be read, by now; their failures are open."""
    new_failures: int = 0
    """Of the failures that wait, those that were opened since this sync began."""
    open_failures: Mapping[str, int] = field(default_factory=dict)
    """By disposition."""
    index_count: int | None = None
    """None where the index did not answer."""
    staged: int = 0
    """Cases that staging holds."""
    completeness: float = 0.0
    findings: Sequence[str] = ()
    """Signs that a part was restored from a backup, or that a clock was wrong: a sentence each."""
    doubt: str = ""
    """Why the index has to be compared object by object, which a sync does not do."""
    facts: Facts = field(default_factory=Facts)
    """What the alert rules judge."""
    alerts: Sequence[Alert] = ()
    undelivered: Sequence[str] = ()
    """The rules whose alert some channel did not take."""

    is_fully_clean = False
    """A heartbeat says that the index was compared with the source, which a sync does not do."""

    @property
    def totals(self) -> BatchResult:
        return self.figures.totals

    @property
    def problems(self) -> list[str]:
        told = Told(undelivered=self.undelivered)
        doubts = [self.doubt] if self.doubt and not any(f in self.doubt for f in self.findings) else []
        said = together((o.object, s) for o in self.objects for s in (o.problem, o.remark))
        return [*self.findings, *doubts, *self.figures.problems, *said, *told.problems]

    @property
    def exit_code(self) -> ExitCode:
        if self.status is RunStatus.STOPPED:
            return ExitCode.STOPPED
        if self.status is RunStatus.INTERRUPTED:
            return interrupted_by(self.ended_by)
        if self.figures.deferral is Deferral.INDEX_AWAY:
            return ExitCode.UNREACHABLE
        return ExitCode.CLEAN if self.is_clean else ExitCode.UNRESOLVED

    @property
    def is_old_news(self) -> bool:
        """All that is left are failures that were open before this sync."""
        return self._is_clean(only_new=True)

    @property
    def is_clean(self) -> bool:
        """No failure waits for a retry or a person, and all of the source could be read."""
        return self._is_clean(only_new=False)

    def _is_clean(self, *, only_new: bool) -> bool:
        is_read = not any(o.withheld for o in self.objects)
        is_trusted = not self.doubt
        is_whole = not self.figures.deferred and is_read and is_trusted and not self.error
        return is_whole and not (self.new_failures if only_new else self.unresolved)

    @property
    def unresolved(self) -> int:
        return completeness.unresolved(self.open_failures)

    def with_alerts(self, told: Told) -> Self:
        return replace(self, alerts=told.alerts, undelivered=told.undelivered)

    def as_dict(self) -> dict[str, Any]:
        totals = self.totals
        return {
            "run_id": str(self.run_id),
            "status": self.status.value,
            "error": self.error,
            "source": self.source,
            "shard": self.shard or None,
            "round": str(self.round) if self.round else None,
            "created": totals.created,
            "updated": totals.updated,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
            "failed": totals.failed,
            "refused": self.refused,
            "new_failures": self.new_failures,
            "superseded": totals.superseded,
            **self.figures.as_dict(),
            "index_count": self.index_count,
            "open_failures": dict(self.open_failures),
            "redactions": totals.redactions,
            "residues": totals.residues,
            "rows": {o.object: asdict(o) for o in self.objects},
            "failures": totals.failures,
            "problems": self.problems,
            "completeness": self.completeness,
            "alerts": [a.as_dict() for a in self.alerts],
        }


@dataclass(frozen=True, kw_only=True)
class Sync:
    """A sync that is ready to run. What it works with is made within the run, so that its errors are told."""

    shell: Shell
    source: Callable[[], Source]
    crew: Callable[[], Crew]
    approve: Approve = approve_any

    def run(self, run_id: UUID, *, allow_deletes: int = 0, shard: Shard | None = None) -> SyncReport:
        """Do everything that is due (of this part of the cases). Raises as `Shell.carry_out` does."""
        shell = replace(self.shell, sharing=(ShardedWork.SYNC, shard) if shard else None)
        return shell.carry_out(run_id, lambda run: self._job(run, allow_deletes), self._keep_unmade)

    def _job(self, run: OpenRun, allow_deletes: int) -> _SyncJob:
        self.approve(run)
        return _SyncJob(run=run, source=self.source(), crew=self.crew(), allow_deletes=allow_deletes)

    @staticmethod
    def _keep_unmade(conn: Connection, run: OpenRun, end: RunEnd, told: Told) -> None:
        report = SyncReport(
            run_id=run.run_id,
            source=NOT_OPENED,
            status=end.status or RunStatus.FAILED,
            error=end.error,
            figures=RunFigures(),
        )
        runs.begin(conn, run_id=run.run_id, source=NOT_OPENED, now=run.started_at)
        _keep(conn, report.with_alerts(told), now=run.started_at)


@dataclass(kw_only=True)
class _SyncJob:
    """One sync at work, and what it has found so far."""

    run: OpenRun
    source: Source
    crew: Crew
    allow_deletes: int
    objects: Sequence[ObjectResult] = ()
    deleted: int = 0
    refused: int = 0
    """Cases that this read was the first to find unreadable."""

    def begin(self) -> None:
        run = self.run
        reads.bind(run.conn, self.source.identity)
        runs.begin(run.conn, run_id=run.run_id, source=self.source.kind, now=run.started_at)

    def work(self) -> None:
        if self.run.leads:
            self._prepare()
        self.run.let_others_in()
        self.crew.work_off(self.run, source=self.source.kind, refused=self.refused)

    def _prepare(self) -> None:
        """Read the source, and take out of the index what is gone; of several shards, one does that."""
        run, processor = self.run, self.crew.processor
        run.findings += continuity.open_database(run.conn, now=run.database_time)
        refused_before = failures.refused(run.conn)
        self.objects = Extraction(
            conn=run.conn,
            source=self.source,
            catalogue=processor.catalogue,
            guard=self.crew.guard(self.allow_deletes),
            run_id=run.run_id,
            now=processor.clock(),
            on_rows=self.crew.rows,
        ).run()
        self.refused = max(failures.refused(run.conn) - refused_before, 0)
        processor.index.prepare(processor.embedder.spaces)
        run.findings += continuity.open_index(
            run.conn, processor.index, run_id=run.run_id, now=run.database_time
        )
        self.deleted = self.crew.delete_gone(run)

    def summarise(self, conn: Connection, end: RunEnd) -> SyncReport:
        run, processor = self.run, self.crew.processor
        census, open_failures = lineage.census(conn), failures.tally(conn)
        breakers = budget.transitions(conn, since=run.database_time)
        figures = run.figures(processor.prices, processor.embedder.space, breakers)
        touched = figures.totals.created + figures.totals.updated
        index_count = self._index_count()
        completed = shards.count_completed(conn, run.shard) if run.shard else census["completed"]
        return SyncReport(
            run_id=run.run_id,
            source=self.source.kind,
            shard=str(run.shard or ""),
            round=run.round.token if run.round else None,
            status=end.status or _status(figures),
            error=end.error,
            ended_by=self.crew.ending.signal,
            figures=figures,
            objects=self.objects,
            unchanged=max(completed - touched, 0),
            deleted=self.deleted,
            refused=failures.refused(conn),
            new_failures=failures.tally_new(conn),
            open_failures=open_failures,
            index_count=index_count,
            staged=census["staging"],
            findings=tuple(run.findings),
            doubt=life.doubted(conn),
            completeness=completeness.completeness(census, index=index_count),
            facts=replace(
                work_facts(figures.totals, refused=self.refused),
                coverage=completeness.coverage(census, processor.catalogue.without),
                few_fields=census["few_fields_unseen"],
                manual_review=open_failures.get(Disposition.MANUAL_REVIEW, 0),
            ),
        )

    def _index_count(self) -> int | None:
        """How many objects the index holds; None where it does not answer, which is no error of the sync."""
        try:
            return self.crew.processor.index.count()
        except LoadFailure:
            return None

    def keep(self, conn: Connection, report: SyncReport) -> None:
        now = self.crew.processor.clock()
        with conn.transaction():
            _keep(conn, report, now=now)
            runs.roll_up_spending(
                conn, report.figures, cases=report.staged, completeness=report.completeness, now=now
            )


def _keep(conn: Connection, report: SyncReport, *, now: datetime) -> None:
    runs.finish(
        conn,
        run_id=report.run_id,
        status=report.status,
        duration_s=report.figures.duration_s,
        report=report.as_dict(),
        now=now,
    )


def _status(figures: RunFigures) -> RunStatus:
    if figures.stop_reason:
        return RunStatus.STOPPED
    if figures.deferral is Deferral.INTERRUPTED:
        return RunStatus.INTERRUPTED
    return RunStatus.DEFERRED if figures.deferred else RunStatus.COMPLETED
