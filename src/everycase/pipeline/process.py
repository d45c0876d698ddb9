"""A batch of case ids through join, redact, embed and load: the worker function of every engine.

It takes ids only, reads what it needs and writes idempotently, so it may run anywhere, twice, or be
killed at any instant: the next run finds what is not finished (contract §10).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import MappingProxyType
from uuid import UUID

import structlog

from everycase.domain import fingerprint
from everycase.domain.cases import EmbeddedCase, IndexObject
from everycase.domain.catalogue import Catalogue
from everycase.domain.failures import POLICIES, ErrorType, Failure, FailureStage
from everycase.domain.lineage import Stage
from everycase.domain.providers import Prices, add_usage, provider_of
from everycase.domain.runs import BatchResult, StageResult
from everycase.pipeline.embed import embed
from everycase.pipeline.isolation import one_by_one
from everycase.pipeline.join import JoinResult, check
from everycase.pipeline.load import index_object, load
from everycase.pipeline.redact import Redacted, redact
from everycase.ports import Embedder, Redactor, UpsertOutcome, UpsertStatus, VectorIndex
from everycase.store import failures, ledger, lineage, staging
from everycase.store.db import Connection, Pool
from everycase.store.failures import Healed
from everycase.store.lineage import Event, FailedRow, JoinRow, Known, LoadedRow, Versioned

log = structlog.get_logger()

REACHED = {
    FailureStage.EXTRACTION: Stage.EXTRACTED,
    FailureStage.JOIN: Stage.EXTRACTED,
    FailureStage.PII_REMOVAL: Stage.EXTRACTED,
    FailureStage.EMBEDDING_GENERATION: Stage.PII_REMOVED,
    FailureStage.WEAVIATE_LOAD: Stage.EMBEDDING_GENERATED,
}
"""The lineage stage at which a case stands that failed in a stage."""

_DOUBTFUL = (ErrorType.WEAVIATE_TIMEOUT, ErrorType.WEAVIATE_UNAVAILABLE)
"""After these nobody knows what of an object was written: it is deleted before it is inserted again."""


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
        """Bring these cases through the stages. Raises only when PostgreSQL cannot be used.

        What nobody foresaw takes one case, not its batch: the batch is split until it stands alone.
        """
        return one_by_one(lambda some: _Batch(self, run_id, some).run(), ids, partial(self.give_up, run_id))

    def give_up(self, run_id: UUID, ids: Sequence[str], error: Exception | None) -> BatchResult:
        """Open a failure for each of these cases; the next run tries again, twice (contract §11)."""
        batch = _Batch(self, run_id, ids)
        batch.fail(
            [
                Failure(
                    record_id=case_id,
                    case_number=None,
                    stage=FailureStage.JOIN,
                    error_type=ErrorType.UNEXPECTED_ERROR,
                    message=f"{type(error).__name__}; everycase sync --debug shows where",
                )
                for case_id in ids
            ]
        )
        return batch.result


@dataclass
class _Batch:
    """One batch under way."""

    world: Processor
    run_id: UUID
    ids: Sequence[str]
    result: BatchResult = field(default_factory=BatchResult)
    known: dict[str, Known] = field(default_factory=dict)
    joins: dict[str, JoinResult] = field(default_factory=dict)
    redacted: dict[str, Redacted] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def run(self) -> BatchResult:
        with self._stage("join") as stage:
            todo = self._join(stage)
        with self._stage("redact") as stage:
            clean = self._redact(todo, stage)
        with self._stage("embed") as stage:
            embedded = self._embed(clean, stage)
        with self._stage("load") as stage:
            self._load(embedded, stage)
        return self.result

    @contextmanager
    def _stage(self, name: str) -> Iterator[StageResult]:
        found = StageResult()
        started = time.perf_counter()
        yield found
        found.seconds = time.perf_counter() - started
        found.__post_init__()
        self.result.stages[name] = found
        log.debug(
            "stage_finished",
            stage=name,
            read=found.read,
            written=found.written,
            skipped=found.skipped,
            failed=found.failed,
            seconds=round(found.seconds, 4),
        )

    # ── join ─────────────────────────────────────────────────────────────────────────────────

    def _join(self, stage: StageResult) -> list[JoinResult]:
        """The cases that have to go on: there, whole, and not what was loaded already."""
        with self.world.pool.connection() as conn:
            self.known = lineage.known(conn, self.ids)
            self.result.retries += sum(k.has_failed for k in self.known.values())
            found = [
                check(j, self.world.catalogue) for j in staging.join(conn, self.world.catalogue, self.ids)
            ]
            self.joins = {j.case.record_id: j for j in found}
            blocked = [j.blocker for j in found if j.blocker]
            passed = [j for j in found if not j.blocker]
            same: list[JoinResult] = []
            todo: list[JoinResult] = []
            for j in passed:
                (same if self._is_unchanged(j) else todo).append(j)
            with conn.transaction():
                lineage.record_join(conn, [_join_row(j) for j in found])
                self._record_statistics(conn, [j for j in found if j.blocker])
                self._settle_unchanged(conn, same)
            if blocked:
                self.fail(blocked)
        vanished = len(self.ids) - len(found)
        self.result.superseded += vanished
        stage.read, stage.written = len(self.ids), len(todo)
        stage.skipped, stage.failed = len(same) + vanished, len(blocked)
        return todo

    def _is_unchanged(self, join: JoinResult) -> bool:
        known = self.known.get(join.case.record_id)
        return (
            known is not None
            and known.is_loaded
            and known.recipe == self.world.recipe
            and known.space == self.world.embedder.space
            and known.row_hash == join.case.case.row_hash
            and known.checksum == fingerprint.checksum(join.case.case)
            and known.children_checksum == fingerprint.of_children(join.case)
        )

    def _settle_unchanged(self, conn: Connection, same: Sequence[JoinResult]) -> None:
        if not same:
            return
        now = self.world.clock()
        ids = [j.case.record_id for j in same]
        lineage.record_unchanged(conn, [_version(j) for j in same], at=now)
        failures.resolve(
            conn, ids, method="source_changed", now=now, keep=[ErrorType.MISSING_RESOLUTION_FIELD]
        )
        self.result.unchanged += len(same)

    def _record_statistics(self, conn: Connection, joins: Sequence[JoinResult]) -> None:
        now = self.world.clock()
        rows = []
        for j in joins:
            clean = self.redacted.get(j.case.record_id)
            rows.append(
                staging.JoinStatistics(
                    case_id=j.case.record_id,
                    case_number=j.case.case_number,
                    children=j.children,
                    composite_text_length=clean.composite.full_length if clean else None,
                    was_truncated=clean.composite.was_truncated if clean else None,
                    fields_populated=j.fields.total,
                    at=now,
                )
            )
        staging.add_join_statistics(conn, rows)

    # ── redact ───────────────────────────────────────────────────────────────────────────────

    def _redact(self, todo: Sequence[JoinResult], stage: StageResult) -> list[Redacted]:
        entered = self.world.clock()
        clean: list[Redacted] = []
        failed: list[Failure] = []
        for join in todo:
            outcome = redact(self.world.redactor, join.case)
            if isinstance(outcome, Failure):
                failed.append(outcome)
            else:
                clean.append(outcome)
                self.redacted[outcome.case.record_id] = outcome
                for kind, n in outcome.case.redactions.items():
                    self.result.redactions[kind] = self.result.redactions.get(kind, 0) + n
        with self.world.pool.connection() as conn, conn.transaction():
            self._record_statistics(conn, todo)
            self._passed(conn, [c.case.record_id for c in clean], Stage.PII_REMOVED, entered)
        self.fail(failed)
        stage.read, stage.written, stage.failed = len(todo), len(clean), len(failed)
        return clean

    # ── embed ────────────────────────────────────────────────────────────────────────────────

    def _embed(self, clean: Sequence[Redacted], stage: StageResult) -> list[EmbeddedCase]:
        entered = self.world.clock()
        with self.world.pool.connection() as conn:
            texts = [(c.case, c.composite) for c in clean]
            found = embed(conn, self.world.embedder, texts, half_precision=self.world.half_precision)
            with conn.transaction():
                ledger.book(conn, self.run_id, found.usage, self.world.prices)
                self._passed(
                    conn,
                    [c.case.record_id for c in found.cases],
                    Stage.EMBEDDING_GENERATED,
                    entered,
                    details={c.case.record_id: found.origins[c.text_hash] for c in found.cases},
                )
        self.fail(found.failures)
        self.result.embedded += found.embedded
        self.result.reused += found.reused
        self.result.embedding_calls += found.calls
        self.result.tokens += found.tokens
        self.result.cut += found.cut
        add_usage(self.result.usage, found.usage)
        stage.read, stage.written, stage.failed = len(clean), len(found.cases), len(found.failures)
        return found.cases

    # ── load ─────────────────────────────────────────────────────────────────────────────────

    def _load(self, embedded: Sequence[EmbeddedCase], stage: StageResult) -> None:
        entered = self.world.clock()
        objects = {
            c.case.record_id: index_object(
                c,
                self.joins[c.case.record_id].case,
                self.world.catalogue,
                recipe=self.world.recipe,
                now=entered,
            )
            for c in embedded
        }
        with self.world.pool.connection() as conn, conn.transaction():
            mine = lineage.fence(conn, [_version(self.joins[i]) for i in objects])
            ours = [o for i, o in objects.items() if i in mine]
            repairs = [o.stamps.object_id for o in ours if self._is_under_repair(o)]
            written = load(self.world.index, ours, repairs=repairs)
            outcomes = dict(zip((o.stamps.case_id for o in ours), written, strict=True))
            stored = [o for o in ours if outcomes[o.stamps.case_id].status is UpsertStatus.STORED]
            self._drop_former(stored)
            self._record_loaded(conn, stored, entered)
        failed = [
            self._load_failure(o, outcomes[o.stamps.case_id])
            for o in ours
            if outcomes[o.stamps.case_id].status is UpsertStatus.FAILED
        ]
        self.fail(failed)
        stage.read, stage.written, stage.failed = len(embedded), len(stored), len(failed)
        stage.skipped = len(embedded) - len(stored) - len(failed)
        self.result.superseded += stage.skipped

    def _is_under_repair(self, o: IndexObject) -> bool:
        known = self.known.get(o.stamps.case_id)
        return known is not None and known.is_under_repair

    def _drop_former(self, stored: Sequence[IndexObject]) -> None:
        """A case that got another number has left an object behind under its old one."""
        former = [
            known.object_id
            for o in stored
            if (known := self.known.get(o.stamps.case_id))
            and known.object_id not in (None, o.stamps.object_id)
        ]
        if former:
            self.world.index.delete([i for i in former if i])

    def _record_loaded(self, conn: Connection, stored: Sequence[IndexObject], entered: datetime) -> None:
        now = self.world.clock()
        ids = [o.stamps.case_id for o in stored]
        rows = [
            LoadedRow(
                stamps=o.stamps, row_hash=self.joins[o.stamps.case_id].case.case.row_hash, note=self._note(o)
            )
            for o in stored
        ]
        lineage.record_loaded(conn, rows, recipe=self.world.recipe, at=now)
        self._record_passage(conn, ids, Stage.WEAVIATE_LOADED, entered, now)
        failures.resolve_loaded(
            conn,
            [self._healed(o) for o in stored],
            now=now,
            keep=[ErrorType.MISSING_RESOLUTION_FIELD, ErrorType.MISSING_CHILD_DATA],
        )
        self._settle_lacks(conn, ids, now)
        new = sum(not (k := self.known.get(i)) or not k.is_loaded for i in ids)
        self.result.created += new
        self.result.updated += len(ids) - new

    def _healed(self, stored: IndexObject) -> Healed:
        known = self.known.get(stored.stamps.case_id)
        return Healed(
            record_id=stored.stamps.case_id,
            is_changed=known is not None and 0 < known.generation < stored.stamps.generation,
            is_fallback=stored.stamps.space != self.world.embedder.space,
        )

    def _note(self, stored: IndexObject) -> str | None:
        """The seed's note: by whom, when it was not the preferred provider."""
        preferred = self.world.embedder.space
        return (
            None if stored.stamps.space == preferred else f"{stored.stamps.space.partition('/')[0]}_fallback"
        )

    def _settle_lacks(self, conn: Connection, ids: Sequence[str], now: datetime) -> None:
        """What is reported and does not keep a case: noted while it lasts."""
        lacks = [lack for i in ids if (lack := self.joins[i].lack)]
        whole = [i for i in ids if not self.joins[i].lack]
        failures.record(conn, lacks, now=now)
        failures.resolve(conn, whole, method="source_changed", now=now)

    def _load_failure(self, o: IndexObject, outcome: UpsertOutcome) -> Failure:
        return Failure(
            record_id=o.stamps.case_id,
            case_number=o.stamps.case_number,
            stage=FailureStage.WEAVIATE_LOAD,
            error_type=outcome.error_type or ErrorType.UNEXPECTED_ERROR,
            message=outcome.message,
            payload={"text_hash": o.stamps.text_hash, "space": o.stamps.space, "composite": o.composite},
        )

    # ── the books ────────────────────────────────────────────────────────────────────────────

    def _passed(
        self,
        conn: Connection,
        ids: Sequence[str],
        stage: Stage,
        entered: datetime,
        details: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        now = self.world.clock()
        lineage.advance(conn, [_version(self.joins[i]) for i in ids], stage=stage, at=now)
        self._record_passage(conn, ids, stage, entered, now, details)

    def _record_passage(
        self,
        conn: Connection,
        ids: Sequence[str],
        stage: Stage,
        entered: datetime,
        exited: datetime,
        details: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        events = [
            Event(record_id=i, stage=stage, event=event, at=at, detail=detail)
            for i in ids
            for event, at, detail in (("entered", entered, None), ("exited", exited, details.get(i)))
        ]
        lineage.append_events(conn, events, run_id=self.run_id)

    def fail(self, found: Sequence[Failure]) -> None:
        """Each of these cases has an open failure that says why, and nothing else happens to it."""
        if not found:
            return
        now = self.world.clock()
        rows = [
            FailedRow(
                record_id=f.record_id,
                generation=self.joins[f.record_id].case.generation if f.record_id in self.joins else None,
                stage=REACHED[f.stage],
                message=f.message,
                doubtful=fingerprint.object_id(f.case_number)
                if f.case_number and f.error_type in _DOUBTFUL
                else None,
            )
            for f in found
        ]
        events = [
            Event(record_id=f.record_id, stage=REACHED[f.stage], event="failed", at=now, detail=f.error_type)
            for f in found
        ]
        with self.world.pool.connection() as conn, conn.transaction():
            failures.record(conn, found, now=now)
            failures.supersede_others(conn, found, now=now)
            lineage.record_failed(conn, rows, recipe=self.world.recipe, at=now)
            lineage.append_events(conn, events, run_id=self.run_id)
        self.result.failed += len(found)
        for f in found:
            self.result.failures[f.error_type] = self.result.failures.get(f.error_type, 0) + 1
            known = self.known.get(f.record_id)
            is_first = known is None or not known.has_failed
            self.result.blamed += is_first and not POLICIES[f.error_type].is_outage


def _version(join: JoinResult) -> Versioned:
    return Versioned(record_id=join.case.record_id, generation=join.case.generation)


def _join_row(join: JoinResult) -> JoinRow:
    return JoinRow(
        record_id=join.case.record_id,
        generation=join.case.generation,
        children=join.children,
        fields=join.fields,
        is_limited=join.lack is not None,
    )
