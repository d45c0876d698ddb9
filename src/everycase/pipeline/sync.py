"""One sync: extract, plan, then every case that is due through the stages, batch by batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol
from uuid import UUID

import psycopg
import structlog

from everycase.domain.errors import EverycaseError
from everycase.domain.failures import Disposition
from everycase.domain.runs import BatchResult, ObjectResult, slowest
from everycase.pipeline import engine
from everycase.pipeline.engine import EngineSpec
from everycase.pipeline.extract import extract
from everycase.pipeline.process import Processor
from everycase.ports import Source
from everycase.store import db, failures, lineage, locks, runs
from everycase.store.db import Connection

log = structlog.get_logger()

LOCK_WAIT_S = 30.0
"""How long a sync waits for the backend of a killed one to let go of the lock."""

DELETE_BATCH = 1000

Work = Callable[[Sequence[str]], BatchResult]


class Progress(Protocol):
    """Told how far a run is; counts only."""

    def rows(self, source_object: str, count: int) -> None: ...

    def start(self, cases: int) -> None: ...

    def batch(self, result: BatchResult) -> None: ...


@dataclass(slots=True, kw_only=True)
class SyncReport:
    """What a sync did; the keys of `as_dict` are those of contract §15."""

    run_id: UUID
    source: str
    status: str = "completed"
    totals: BatchResult = field(default_factory=BatchResult)
    objects: list[ObjectResult] = field(default_factory=list)
    unchanged: int = 0
    deleted: int = 0
    open_failures: dict[str, int] = field(default_factory=dict)
    index_count: int = 0
    duration_s: float = 0.0

    @property
    def problems(self) -> list[str]:
        return [o.problem for o in self.objects if o.problem]

    @property
    def is_clean(self) -> bool:
        """Nothing waits for a retry or a person, and all of the source could be read."""
        return self.unresolved == 0 and not any(o.withheld for o in self.objects)

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
            "index_count": self.index_count,
            "open_failures": self.open_failures,
            "redactions": totals.redactions,
            "rows": {o.object: asdict(o) for o in self.objects},
            "stages": {name: asdict(s) for name, s in totals.stages.items()},
            "slowest_stage": slow.stage if slow else None,
            "problems": self.problems,
            "duration_s": round(self.duration_s, 3),
        }


@dataclass(frozen=True, kw_only=True)
class Sync:
    """A sync that is ready to run.

    `work` is `processor.process` in a form that the engine may hand to other processes.
    """

    dsn: str
    source: Source
    processor: Processor
    engine: EngineSpec
    work: Work
    batch_size: int
    progress: Progress

    def run(self, run_id: UUID, *, allow_deletes: int = 0) -> SyncReport:
        """Do everything that is due. Raises `WrongUse` when another run is at work."""
        started = time.perf_counter()
        report = SyncReport(run_id=run_id, source=self.source.name)
        with db.connect(self.dsn) as conn, locks.wait_for(conn, locks.PIPELINE, seconds=LOCK_WAIT_S):
            runs.begin(conn, run_id=run_id, source=self.source.name, now=self.processor.clock())
            try:
                self._steps(conn, report, allow_deletes)
            except BaseException:
                report.status = "failed"
                raise
            finally:
                report.duration_s = time.perf_counter() - started
                self._close(conn, report)
        return report

    def _steps(self, conn: Connection, report: SyncReport, allow_deletes: int) -> None:
        world, now = self.processor, self.processor.clock()
        report.objects = extract(
            conn,
            self.source,
            world.catalogue,
            allow_deletes=allow_deletes,
            now=now,
            on_rows=self.progress.rows,
        )
        world.index.prepare(world.embedder.spaces)
        report.deleted = self._delete_gone(conn, report.run_id)
        due = lineage.track(conn, run_id=report.run_id, source=self.source.name, recipe=world.recipe, now=now)
        self.progress.start(due)
        self._process(conn, report)
        self._summarise(conn, report)

    def _process(self, conn: Connection, report: SyncReport) -> None:
        batches = lineage.batches(conn, run_id=report.run_id, size=self.batch_size)
        for outcome in engine.run(self.engine, self.work, batches):
            if outcome.value is not None:
                result = outcome.value
            else:
                result = self._rescue(report.run_id, outcome.batch, outcome.error)
            report.totals.add(result)
            self.progress.batch(result)

    def _rescue(self, run_id: UUID, ids: Sequence[str], error: Exception | None) -> BatchResult:
        """A batch that no worker survived is tried here, case by case; what is down is said so."""
        if isinstance(error, EverycaseError | psycopg.OperationalError):
            raise error
        log.warning("batch_failed", cases=len(ids), error=type(error).__name__)
        return self.processor.give_up(run_id, ids, error)

    def _delete_gone(self, conn: Connection, run_id: UUID) -> int:
        """Take what the source has no longer out of the index, then say so in the lineage."""
        deleted, after = 0, ""
        while gone := lineage.gone(conn, after=after, limit=DELETE_BATCH):
            after = gone[-1].record_id
            self.processor.index.delete([g.object_id for g in gone if g.object_id and not g.is_shared])
            ids = [g.record_id for g in gone]
            with conn.transaction():
                lineage.record_deleted(conn, ids, run_id=run_id)
                failures.resolve(conn, ids, method="deleted_at_source", now=self.processor.clock())
            deleted += len(ids)
        return deleted

    def _summarise(self, conn: Connection, report: SyncReport) -> None:
        report.open_failures = failures.tally(conn)
        census = lineage.census(conn)
        touched = report.totals.created + report.totals.updated
        report.unchanged = max(census["completed"] - touched, 0)
        report.index_count = self.processor.index.count()

    def _close(self, conn: Connection, report: SyncReport) -> None:
        if conn.closed:
            return
        runs.finish(
            conn,
            run_id=report.run_id,
            status=report.status,
            duration_s=report.duration_s,
            report=report.as_dict(),
            now=self.processor.clock(),
        )
