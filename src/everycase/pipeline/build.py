"""The worker function of a build: brings cases through the stages into an index beside the served one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from structlog.contextvars import bound_contextvars

from everycase.domain.cases import EmbeddedCase
from everycase.domain.failures import ErrorType, Failure
from everycase.domain.runs import BatchResult, StageResult
from everycase.pipeline.chain import through
from everycase.pipeline.isolation import one_by_one
from everycase.pipeline.join import JoinResult
from everycase.pipeline.load import load
from everycase.pipeline.processor import Processor
from everycase.pipeline.redact import Redacted
from everycase.ports import UpsertStatus, VectorIndex
from everycase.store import locks


@dataclass(frozen=True, kw_only=True)
class Builder:
    """Brings cases through the stages into `index`. Lineage and failures stay those of the served index."""

    processor: Processor
    index: VectorIndex

    def build(self, run_id: UUID, ids: Sequence[str]) -> BatchResult:
        """Write the objects of these cases to the index. Raises only when a dependency cannot be used."""
        with (
            bound_contextvars(run_id=str(run_id)),
            self.processor.pool.connection() as conn,
            locks.at_work(conn, locks.BUILD),
        ):
            return one_by_one(lambda some: self._work(run_id, some), ids, given_up)

    def _work(self, run_id: UUID, ids: Sequence[str]) -> BatchResult:
        batch = _Batch(self.processor, self.index, run_id, ids)
        return through(batch, batch.result)


@dataclass
class _Batch:
    """One batch of a build. It counts its cases and records nothing else of them."""

    processor: Processor
    index: VectorIndex
    run_id: UUID
    ids: Sequence[str]
    result: BatchResult = field(default_factory=BatchResult)
    joins: dict[str, JoinResult] = field(default_factory=dict)

    def join(self, stage: StageResult) -> Sequence[JoinResult]:
        with self.processor.pool.connection() as conn:
            found = self.processor.join(conn, self.ids)
        self.joins = {j.case.record_id: j for j in found}
        blocked = [j.blocker for j in found if j.blocker]
        self._fail(blocked)
        vanished = len(self.ids) - len(found)
        self.result.superseded += vanished
        stage.read, stage.written = len(self.ids), len(found) - len(blocked)
        stage.skipped, stage.failed = vanished, len(blocked)
        return [j for j in found if not j.blocker]

    def redact(self, joins: Sequence[JoinResult], stage: StageResult) -> Sequence[Redacted]:
        found = self.processor.redact(joins)
        self._fail(found.failures)
        stage.read, stage.written, stage.failed = len(joins), len(found.clean), len(found.failures)
        return found.clean

    def embed(self, clean: Sequence[Redacted], stage: StageResult) -> Sequence[EmbeddedCase]:
        found = self.processor.embed(clean)
        with self.processor.pool.connection() as conn:
            self.processor.book_usage(conn, self.run_id, found)
        self._fail(found.failures)
        found.count_in(self.result)
        stage.read, stage.written, stage.failed = len(clean), len(found.cases), len(found.failures)
        return found.cases

    def load(self, embedded: Sequence[EmbeddedCase], stage: StageResult) -> None:
        objects = self.processor.objects(embedded, self.joins, now=self.processor.clock())
        for outcome in load(self.index, objects):
            if outcome.status is UpsertStatus.STORED:
                stage.written += 1
            elif outcome.status is UpsertStatus.SUPERSEDED:
                stage.skipped += 1
            else:
                stage.failed += 1
                self.result.count_failure(outcome.error_type or ErrorType.UNEXPECTED_ERROR, is_first=True)
        stage.read = len(embedded)
        self.result.created += stage.written
        self.result.superseded += stage.skipped

    def _fail(self, failures: Sequence[Failure]) -> None:
        for f in failures:
            self.result.count_failure(f.error_type, is_first=True)


def given_up(ids: Sequence[str], error: Exception | None) -> BatchResult:  # noqa: ARG001 - of whatever kind
    """Count the cases of a batch that no worker survived as failed; the build lacks them and reports it."""
    result = BatchResult()
    for _ in ids:
        result.count_failure(ErrorType.UNEXPECTED_ERROR, is_first=True)
    return result
