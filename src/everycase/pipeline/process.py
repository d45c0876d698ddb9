"""A batch of case ids through join, redact, embed and load: the worker function of every engine.

It takes ids only, reads what it needs and writes idempotently, so it may run anywhere, twice, or be
killed at any instant: the next run finds what is not finished (contract §10).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from uuid import UUID

from structlog.contextvars import bound_contextvars

from everycase.domain.cases import EmbeddedCase, IndexObject
from everycase.domain.failures import REMOVES_OBJECT, ErrorType, Failure, FailureStage
from everycase.domain.lineage import IndexState, Owned, Stage
from everycase.domain.runs import BatchResult, StageResult, add_counts
from everycase.pipeline.books import Books, say_redactions, version
from everycase.pipeline.chain import through
from everycase.pipeline.isolation import one_by_one
from everycase.pipeline.join import JoinResult, is_unchanged
from everycase.pipeline.load import is_doubtful, load
from everycase.pipeline.processor import Processor
from everycase.pipeline.redact import Redacted
from everycase.pipeline.removal import remove_quarantined
from everycase.ports import UpsertOutcome, UpsertStatus
from everycase.store import continuity, lineage, locks
from everycase.store.db import Connection


def process(processor: Processor, run_id: UUID, ids: Sequence[str]) -> BatchResult:
    """Bring these cases through the stages. Raises only when a dependency cannot be used.

    An error that nobody foresaw takes one case, not its batch: the batch is split until it stands alone.
    """
    joins: dict[str, JoinResult] = {}
    with (
        bound_contextvars(run_id=str(run_id)),
        processor.pool.connection() as conn,
        locks.at_work(conn, locks.PIPELINE),
        locks.at_work(conn, locks.of_run(run_id)),
    ):
        return one_by_one(
            lambda some: _work(processor, _books(processor, run_id, joins), some),
            ids,
            lambda some, error: _fail_all(processor, _books(processor, run_id, joins), some, error),
        )


def give_up(processor: Processor, run_id: UUID, ids: Sequence[str], error: Exception | None) -> BatchResult:
    """Open a failure for each of these cases; the next run tries again, twice (contract §11)."""
    return _fail_all(processor, _books(processor, run_id, {}), ids, error)


def _work(processor: Processor, books: Books, ids: Sequence[str]) -> BatchResult:
    return through(_Batch(processor, books, ids), books.result)


def _fail_all(processor: Processor, books: Books, ids: Sequence[str], error: Exception | None) -> BatchResult:
    _Batch(processor, books, ids).fail([_unexpected(case_id, error) for case_id in ids])
    return books.result


def _books(processor: Processor, run_id: UUID, joins: dict[str, JoinResult]) -> Books:
    return Books(
        clock=processor.clock,
        recipe=processor.recipe,
        space=processor.embedder.space,
        run_id=run_id,
        joins=joins,
    )


@dataclass
class _Batch:
    """One batch under way, with its books."""

    processor: Processor
    books: Books
    ids: Sequence[str]

    # ── join ─────────────────────────────────────────────────────────────────────────────────

    def join(self, stage: StageResult) -> list[JoinResult]:
        """The cases that go on: staged, complete, and different from what the index holds."""
        books = self.books
        with self.processor.pool.connection() as conn:
            books.known = lineage.known(conn, self.ids)
            books.result.retries += sum(k.has_failed for k in books.known.values())
            found = self.processor.join(conn, self.ids)
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

    def redact(self, joins: Sequence[JoinResult], stage: StageResult) -> Sequence[Redacted]:
        entered = self.processor.clock()
        found = self.processor.redact(joins)
        redacted = {c.case.record_id: c for c in found.clean}
        self._count_redactions(found.clean)
        with self.processor.pool.connection() as conn, conn.transaction():
            self.books.statistics(conn, joins, redacted)
            said = {i: say_redactions(c.case.redactions) for i, c in redacted.items()}
            self.books.passed(conn, list(redacted), Stage.PII_REMOVED, entered, details=said)
        self.fail(found.failures)
        stage.read, stage.written, stage.failed = len(joins), len(found.clean), len(found.failures)
        return found.clean

    def _count_redactions(self, clean: Sequence[Redacted]) -> None:
        result = self.books.result
        for c in clean:
            add_counts(result.redactions, c.case.redactions)
            add_counts(result.residues, c.case.residues)

    # ── embed ────────────────────────────────────────────────────────────────────────────────

    def embed(self, clean: Sequence[Redacted], stage: StageResult) -> Sequence[EmbeddedCase]:
        processor, entered = self.processor, self.processor.clock()
        found = processor.embed(clean)
        origins = {c.case.record_id: found.origins[c.text_hash] for c in found.cases}
        with processor.pool.connection() as conn, conn.transaction():
            processor.book_usage(conn, self.books.run_id, found)
            self.books.passed(conn, list(origins), Stage.EMBEDDING_GENERATED, entered, details=origins)
        self.fail(found.failures)
        found.count_in(self.books.result)
        stage.read, stage.written, stage.failed = len(clean), len(found.cases), len(found.failures)
        return found.cases

    # ── load ─────────────────────────────────────────────────────────────────────────────────

    def load(self, embedded: Sequence[EmbeddedCase], stage: StageResult) -> None:
        entered = self.processor.clock()
        made = self.processor.objects(embedded, self.books.joins, now=entered)
        objects = {o.stamps.case_id: o for o in made}
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

    def _write(
        self, conn: Connection, objects: Sequence[IndexObject]
    ) -> list[tuple[IndexObject, UpsertOutcome]]:
        """Write objects to the index; renumber and write again those that foreign generations keep out."""
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
        """The objects with generations above the index's, for cases whose staged content is the newest.

        The index holds a greater generation than this database has given out, so the database was restored
        from a backup, or is new.
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
        """Delete the object under the old number of a case whose number changed, if no other case owns it."""
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
        """Open a failure for each of these cases; remove from the index what may not be served any more."""
        if not found:
            return
        unserved = [f.record_id for f in found if f.error_type in REMOVES_OBJECT]
        with self.processor.pool.connection() as conn:
            self.books.failed(conn, found, doubtful)
            if unserved:
                remove_quarantined(conn, self.processor.index, run_id=self.books.run_id, only=unserved)


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
