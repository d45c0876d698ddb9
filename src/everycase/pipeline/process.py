"""A batch of case ids through join, redact, embed and load: the worker function of every engine.

It takes ids only, reads what it needs and writes idempotently, so it may run anywhere, twice, or be
killed at any instant: the next run finds what is not finished (contract §10).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars

from everycase.domain.cases import EmbeddedCase, IndexObject
from everycase.domain.catalogue import Catalogue
from everycase.domain.failures import REMOVES_OBJECT, ErrorType, Failure, FailureStage
from everycase.domain.lineage import IndexState, Owned, Stage
from everycase.domain.runs import BatchResult, StageResult
from everycase.domain.usage import Prices, add_usage, provider_of
from everycase.pipeline.books import Books, say_redactions, version
from everycase.pipeline.embed import EmbedResult, embed
from everycase.pipeline.isolation import one_by_one
from everycase.pipeline.join import JoinResult, check, is_unchanged
from everycase.pipeline.load import index_object, is_doubtful, load
from everycase.pipeline.redact import Redacted, redact
from everycase.pipeline.removal import remove_quarantined
from everycase.ports import Embedder, Redactor, UpsertOutcome, UpsertStatus, VectorIndex
from everycase.store import continuity, ledger, lineage, locks, staging
from everycase.store.db import Connection, Pool

log = structlog.get_logger()

NUMBERS_OF_ANOTHER_LIFE = (
    "the index held newer numbers than this database, which is new or was restored: `everycase reconcile` "
    "compares everything and mends it"
)


@dataclass(frozen=True, kw_only=True)
class Processor:
    """Everything the worker function needs; built once in each worker process."""

    pool: Pool
    catalogue: Catalogue
    redactor: Redactor
    embedder: Embedder
    index: VectorIndex
    recipe: str
    clock: Callable[[], datetime]
    prices: Prices = field(default_factory=dict)
    half_precision: bool = True
    """Of the vectors that are kept."""

    @property
    def preferred_price(self) -> float:
        """Money a million tokens, where all goes well."""
        return self.prices.get(provider_of(self.embedder.space), 0.0)

    def process(self, run_id: UUID, ids: Sequence[str]) -> BatchResult:
        """Bring these cases through the stages. Raises only when a dependency cannot be used.

        An error that nobody foresaw takes one case, not its batch: the batch is split until it stands alone.
        """
        joins: dict[str, JoinResult] = {}
        with (
            bound_contextvars(run_id=str(run_id)),
            self.pool.connection() as conn,
            locks.at_work(conn, locks.PIPELINE),
            locks.at_work(conn, locks.of_run(run_id)),
        ):
            return one_by_one(
                lambda some: _Batch(self, self._books(run_id, joins), some).run(),
                ids,
                lambda some, error: self._give_up(self._books(run_id, joins), some, error),
            )

    def give_up(self, run_id: UUID, ids: Sequence[str], error: Exception | None) -> BatchResult:
        """Open a failure for each of these cases; the next run tries again, twice (contract §11)."""
        return self._give_up(self._books(run_id, {}), ids, error)

    def _give_up(self, books: Books, ids: Sequence[str], error: Exception | None) -> BatchResult:
        _Batch(self, books, ids).fail([_unexpected(case_id, error) for case_id in ids])
        return books.result

    def _books(self, run_id: UUID, joins: dict[str, JoinResult]) -> Books:
        return Books(
            clock=self.clock, recipe=self.recipe, space=self.embedder.space, run_id=run_id, joins=joins
        )


@dataclass
class _Batch:
    """One batch under way."""

    processor: Processor
    books: Books
    ids: Sequence[str]
    redacted: dict[str, Redacted] = field(default_factory=dict)

    def run(self) -> BatchResult:
        with self._stage("join") as stage:
            todo = self._join(stage)
        with self._stage("redact") as stage:
            clean = self._redact(todo, stage)
        with self._stage("embed") as stage:
            embedded = self._embed(clean, stage)
        with self._stage("load") as stage:
            self._load(embedded, stage)
        return self.books.result

    @contextmanager
    def _stage(self, name: str) -> Iterator[StageResult]:
        result = StageResult()
        started = time.perf_counter()
        yield result
        result.seconds = time.perf_counter() - started
        result.__post_init__()
        self.books.result.stages[name] = result
        log.debug(
            "stage_finished",
            stage=name,
            read=result.read,
            written=result.written,
            skipped=result.skipped,
            failed=result.failed,
            seconds=round(result.seconds, 4),
        )

    # ── join ─────────────────────────────────────────────────────────────────────────────────

    def _join(self, stage: StageResult) -> list[JoinResult]:
        """The cases that have to go on: there, whole, and not what was loaded already."""
        catalogue, books = self.processor.catalogue, self.books
        with self.processor.pool.connection() as conn:
            books.known = lineage.known(conn, self.ids)
            books.result.retries += sum(k.has_failed for k in books.known.values())
            found = [check(j, catalogue) for j in staging.join(conn, catalogue, self.ids)]
            books.joins.update({j.case.record_id: j for j in found})
            blocked = [j.blocker for j in found if j.blocker]
            passed = [j for j in found if not j.blocker]
            same = [j for j in passed if self._is_unchanged(j)]
            with conn.transaction():
                books.joined(conn, found, same)
        self.fail(blocked)
        unchanged = {j.case.record_id for j in same}
        todo = [j for j in passed if j.case.record_id not in unchanged]
        vanished = len(self.ids) - len(found)
        books.result.superseded += vanished
        stage.read, stage.written = len(self.ids), len(todo)
        stage.skipped, stage.failed = len(same) + vanished, len(blocked)
        return todo

    def _is_unchanged(self, join: JoinResult) -> bool:
        processor, known = self.processor, self.books.known.get(join.case.record_id)
        return is_unchanged(join, known, recipe=processor.recipe, space=processor.embedder.space)

    # ── redact ───────────────────────────────────────────────────────────────────────────────

    def _redact(self, todo: Sequence[JoinResult], stage: StageResult) -> list[Redacted]:
        entered = self.processor.clock()
        outcomes = [redact(self.processor.redactor, join.case) for join in todo]
        clean = [o for o in outcomes if isinstance(o, Redacted)]
        failed = [o for o in outcomes if isinstance(o, Failure)]
        self.redacted = {c.case.record_id: c for c in clean}
        counts = self.books.result.redactions
        for kind, n in (i for c in clean for i in c.case.redactions.items()):
            counts[kind] = counts.get(kind, 0) + n
        residues = self.books.result.residues
        for shape, n in (i for c in clean for i in c.case.residues.items()):
            residues[shape] = residues.get(shape, 0) + n
        with self.processor.pool.connection() as conn, conn.transaction():
            self.books.statistics(conn, todo, self.redacted)
            said = {c.case.record_id: say_redactions(c.case.redactions) for c in clean}
            self.books.passed(conn, list(self.redacted), Stage.PII_REMOVED, entered, details=said)
        self.fail(failed)
        stage.read, stage.written, stage.failed = len(todo), len(clean), len(failed)
        return clean

    # ── embed ────────────────────────────────────────────────────────────────────────────────

    def _embed(self, clean: Sequence[Redacted], stage: StageResult) -> list[EmbeddedCase]:
        processor, entered = self.processor, self.processor.clock()
        texts = [(c.case, c.composite) for c in clean]
        found = embed(processor.pool, processor.embedder, texts, half_precision=processor.half_precision)
        with processor.pool.connection() as conn, conn.transaction():
            ledger.book(conn, self.books.run_id, found.usage, processor.prices)
            self.books.passed(
                conn,
                [c.case.record_id for c in found.cases],
                Stage.EMBEDDING_GENERATED,
                entered,
                details={c.case.record_id: found.origins[c.text_hash] for c in found.cases},
            )
        self.fail(found.failures)
        _count_embedding(self.books.result, found)
        stage.read, stage.written, stage.failed = len(clean), len(found.cases), len(found.failures)
        return found.cases

    # ── load ─────────────────────────────────────────────────────────────────────────────────

    def _load(self, embedded: Sequence[EmbeddedCase], stage: StageResult) -> None:
        entered = self.processor.clock()
        objects = {c.case.record_id: self._object(c, entered) for c in embedded}
        with self.processor.pool.connection() as conn, conn.transaction():
            mine = lineage.fence(conn, [version(self.books.joins[i]) for i in objects])
            written = self._write(conn, [o for i, o in objects.items() if i in mine])
            stored = [o for o, outcome in written if outcome.status is UpsertStatus.STORED]
            self.books.loaded(conn, stored, entered)
            self._drop_former(conn, stored)
        refused = [(o, outcome) for o, outcome in written if outcome.status is UpsertStatus.FAILED]
        self.fail([_load_failure(o, outcome) for o, outcome in refused], self._doubtful(refused))
        stage.read, stage.written, stage.failed = len(embedded), len(stored), len(refused)
        stage.skipped = len(embedded) - len(stored) - len(refused)
        self.books.result.superseded += stage.skipped

    def _object(self, embedded: EmbeddedCase, now: datetime) -> IndexObject:
        joined = self.books.joins[embedded.case.record_id].case
        return index_object(embedded, joined, self.processor.catalogue, recipe=self.processor.recipe, now=now)

    def _write(
        self, conn: Connection, objects: Sequence[IndexObject]
    ) -> list[tuple[IndexObject, UpsertOutcome]]:
        """Objects into the index, each with its outcome; again those that a foreign counter keeps out."""
        known = self.books.known
        repairs = {
            o.stamps.object_id
            for o in objects
            if (k := known.get(o.stamps.case_id)) and k.index_state is IndexState.DOUBTFUL
        }
        written = self._pairs(objects, repairs)
        older = [o for o, outcome in written if outcome.status is UpsertStatus.SUPERSEDED]
        newer = self._overtake(conn, older) if older else []
        if not newer:
            return written
        again = dict(zip([o.stamps.case_id for o in newer], self._pairs(newer, repairs), strict=True))
        return [again.get(o.stamps.case_id, (o, outcome)) for o, outcome in written]

    def _pairs(
        self, objects: Sequence[IndexObject], repairs: Collection[UUID]
    ) -> list[tuple[IndexObject, UpsertOutcome]]:
        outcomes = load(self.processor.index, objects, repairs=list(repairs))
        return list(zip(objects, outcomes, strict=True))

    def _overtake(self, conn: Connection, objects: Sequence[IndexObject]) -> list[IndexObject]:
        """The same objects with new generations, for cases that nothing newer is staged of.

        The index holds a greater generation of them all the same, so that comes from another life of this
        database: it was restored, or is new.
        """
        ids = [o.stamps.object_id for o in objects]
        highest = max((s.generation for s in self.processor.index.stamps(ids)), default=0)
        versions = [version(self.books.joins[o.stamps.case_id]) for o in objects]
        given = lineage.overtake(conn, versions, highest=highest)
        if given:
            continuity.doubt(
                conn, "the index held newer numbers than this database, which was restored or is new"
            )
        return [
            replace(o, stamps=replace(o.stamps, generation=given[o.stamps.case_id]))
            for o in objects
            if o.stamps.case_id in given
        ]

    def _drop_former(self, conn: Connection, stored: Sequence[IndexObject]) -> None:
        """A case that got another number left an object under its old one: it goes, if still its own."""
        former = {
            known.object_id: o.stamps.case_id
            for o in stored
            if (known := self.books.known.get(o.stamps.case_id))
            and known.object_id not in (None, o.stamps.object_id)
        }
        if former:
            free = lineage.unowned(conn, [i for i in former if i])
            self.processor.index.release([Owned(object_id=i, case_id=former[i]) for i in free])

    def _doubtful(self, refused: Sequence[tuple[IndexObject, UpsertOutcome]]) -> dict[str, UUID]:
        return {
            o.stamps.case_id: o.stamps.object_id
            for o, outcome in refused
            if outcome.error_type and is_doubtful(self.processor.index, outcome.error_type)
        }

    # ── failures ─────────────────────────────────────────────────────────────────────────────

    def fail(self, found: Sequence[Failure], doubtful: Mapping[str, UUID] = MappingProxyType({})) -> None:
        """Each of these cases has an open failure that says why; what may not be served leaves the index."""
        if not found:
            return
        unserved = [f.record_id for f in found if f.error_type in REMOVES_OBJECT]
        with self.processor.pool.connection() as conn:
            self.books.failed(conn, found, doubtful)
            if unserved:
                remove_quarantined(conn, self.processor.index, run_id=self.books.run_id, only=unserved)


def _count_embedding(result: BatchResult, found: EmbedResult) -> None:
    result.embedded += found.embedded
    result.reused += found.reused
    result.embedding_calls += found.calls
    result.tokens += found.tokens
    result.cut += found.cut
    add_usage(result.usage, found.usage)


def _unexpected(case_id: str, error: Exception | None) -> Failure:
    return Failure(
        record_id=case_id,
        case_number=None,
        stage=FailureStage.JOIN,
        error_type=ErrorType.UNEXPECTED_ERROR,
        message=f"{type(error).__name__}; everycase sync --debug shows where",
    )


def _load_failure(o: IndexObject, outcome: UpsertOutcome) -> Failure:
    return Failure(
        record_id=o.stamps.case_id,
        case_number=o.stamps.case_number,
        stage=FailureStage.WEAVIATE_LOAD,
        error_type=outcome.error_type or ErrorType.UNEXPECTED_ERROR,
        message=outcome.message,
        payload={"text_hash": o.stamps.text_hash, "space": o.stamps.space, "composite": o.composite},
    )
