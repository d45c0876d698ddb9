"""The worker function of a build: brings cases through the stages into an index beside the served one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from structlog.contextvars import bound_contextvars

from everycase.domain.cases import IndexObject
from everycase.domain.failures import POLICIES, ErrorType, Failure
from everycase.domain.runs import BatchResult
from everycase.domain.usage import add_usage
from everycase.pipeline.embed import EmbedResult, embed
from everycase.pipeline.isolation import one_by_one
from everycase.pipeline.join import JoinResult, check
from everycase.pipeline.load import index_object, load
from everycase.pipeline.process import Processor
from everycase.pipeline.redact import Redacted, redact
from everycase.ports import UpsertStatus, VectorIndex
from everycase.store import ledger, locks, staging


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
            return one_by_one(lambda some: self._batch(run_id, some), ids, given_up)

    def _batch(self, run_id: UUID, ids: Sequence[str]) -> BatchResult:
        result = BatchResult()
        joins = self._joined(ids)
        result.superseded = len(ids) - len(joins)
        clean = self._clean(joins, result)
        found = self._embedded(run_id, clean)
        _fail(result, found.failures)
        _count(result, found)
        now = self.processor.clock()
        objects = [
            index_object(
                c,
                joins[c.case.record_id].case,
                self.processor.catalogue,
                recipe=self.processor.recipe,
                now=now,
            )
            for c in found.cases
        ]
        self._load(objects, result)
        return result

    def _joined(self, ids: Sequence[str]) -> dict[str, JoinResult]:
        with self.processor.pool.connection() as conn:
            found = [
                check(j, self.processor.catalogue)
                for j in staging.join(conn, self.processor.catalogue, list(ids))
            ]
        return {j.case.record_id: j for j in found}

    def _clean(self, joins: Mapping[str, JoinResult], result: BatchResult) -> list[Redacted]:
        _fail(result, [j.blocker for j in joins.values() if j.blocker])
        outcomes = [redact(self.processor.redactor, j.case) for j in joins.values() if not j.blocker]
        _fail(result, [o for o in outcomes if isinstance(o, Failure)])
        return [o for o in outcomes if isinstance(o, Redacted)]

    def _embedded(self, run_id: UUID, clean: Sequence[Redacted]) -> EmbedResult:
        processor, texts = self.processor, [(c.case, c.composite) for c in clean]
        found = embed(processor.pool, processor.embedder, texts, half_precision=processor.half_precision)
        with processor.pool.connection() as conn:
            ledger.book(conn, run_id, found.usage, processor.prices)
        return found

    def _load(self, objects: Sequence[IndexObject], result: BatchResult) -> None:
        for outcome in load(self.index, objects):
            if outcome.status is UpsertStatus.STORED:
                result.created += 1
            elif outcome.status is UpsertStatus.SUPERSEDED:
                result.superseded += 1
            else:
                _blame(result, outcome.error_type or ErrorType.UNEXPECTED_ERROR)


def given_up(ids: Sequence[str], error: Exception | None) -> BatchResult:  # noqa: ARG001 - of whatever kind
    """Count the cases of a batch that no worker survived as failed; the build lacks them and reports it."""
    result = BatchResult()
    for _ in ids:
        _blame(result, ErrorType.UNEXPECTED_ERROR)
    return result


def _fail(result: BatchResult, failures: Sequence[Failure]) -> None:
    for f in failures:
        _blame(result, f.error_type)


def _blame(result: BatchResult, error_type: ErrorType) -> None:
    result.failed += 1
    result.blamed += not POLICIES[error_type].is_outage
    result.failures[error_type] = result.failures.get(error_type, 0) + 1


def _count(result: BatchResult, found: EmbedResult) -> None:
    result.embedded, result.reused, result.cut = found.embedded, found.reused, found.cut
    result.embedding_calls, result.tokens = found.calls, found.tokens
    add_usage(result.usage, found.usage)
