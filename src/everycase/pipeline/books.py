"""The records of a batch: lineage, events, failures, and the counts of its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from everycase.domain import fingerprint
from everycase.domain.cases import IndexObject
from everycase.domain.failures import REMOVES_OBJECT, ErrorType, Failure, FailureStage
from everycase.domain.lineage import EventKind, Stage
from everycase.domain.runs import BatchResult
from everycase.pipeline.join import JoinResult
from everycase.pipeline.redact import Redacted
from everycase.store import failures, lineage, staging
from everycase.store.db import Connection
from everycase.store.failures import Healed
from everycase.store.lineage import Event, FailedRow, JoinRow, Known, LoadedRow, Versioned

REACHED = {
    FailureStage.EXTRACTION: Stage.EXTRACTED,
    FailureStage.JOIN: Stage.EXTRACTED,
    FailureStage.PII_REMOVAL: Stage.EXTRACTED,
    FailureStage.EMBEDDING_GENERATION: Stage.PII_REMOVED,
    FailureStage.WEAVIATE_LOAD: Stage.EMBEDDING_GENERATED,
}
"""The lineage stage at which a case stands that failed in a stage."""

_NOTED = (ErrorType.MISSING_RESOLUTION_FIELD, ErrorType.MISSING_CHILD_DATA)
"""Types of failure that stay open when their case is loaded."""


@dataclass
class Books:
    """The records of one batch under way. Its methods write to the connection that they are given."""

    clock: Callable[[], datetime]
    recipe: str
    space: str
    """The preferred one."""
    run_id: UUID
    result: BatchResult = field(default_factory=BatchResult)
    known: dict[str, Known] = field(default_factory=dict)
    """What lineage says of the cases before they are worked on."""
    joins: dict[str, JoinResult] = field(default_factory=dict)

    def joined(self, conn: Connection, found: Sequence[JoinResult], unchanged: Sequence[JoinResult]) -> None:
        """Record the joined cases; `unchanged`: those that the index holds just as they are."""
        lineage.record_join(conn, [_join_row(j) for j in found])
        self.statistics(conn, [j for j in found if j.blocker], {})
        if not unchanged:
            return
        ids = [j.case.record_id for j in unchanged]
        lineage.record_unchanged(conn, [version(j) for j in unchanged], at=self.clock())
        failures.resolve(conn, ids, method="source_changed", now=self.clock(), keep=_NOTED[:1])
        self.result.unchanged += len(unchanged)

    def statistics(
        self, conn: Connection, joins: Sequence[JoinResult], redacted: Mapping[str, Redacted]
    ) -> None:
        """One row of join statistics for each case."""
        now = self.clock()
        rows = [_statistics(j, redacted.get(j.case.record_id), now) for j in joins]
        staging.add_join_statistics(conn, rows)

    def passed(
        self,
        conn: Connection,
        ids: Sequence[str],
        stage: Stage,
        entered: datetime,
        details: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Record that these cases have passed a stage."""
        now = self.clock()
        lineage.advance(conn, [version(self.joins[i]) for i in ids], stage=stage, at=now)
        self._passage(conn, ids, stage, entered, now, details)

    def loaded(self, conn: Connection, stored: Sequence[IndexObject], entered: datetime) -> None:
        """Record that the index has confirmed these objects, and that no other case owns them any more."""
        now = self.clock()
        stamps = [o.stamps for o in stored]
        ids = [s.case_id for s in stamps]
        lineage.disown(conn, stamps)
        lineage.record_loaded(conn, [self._loaded_row(o) for o in stored], recipe=self.recipe, at=now)
        self._passage(conn, ids, Stage.WEAVIATE_LOADED, entered, now)
        failures.resolve_loaded(conn, [self._healed(o) for o in stored], now=now, keep=_NOTED)
        self._settle_lacks(conn, ids, now)
        new = sum(not (k := self.known.get(i)) or k.is_new_to_index for i in ids)
        self.result.created += new
        self.result.updated += len(ids) - new

    def failed(self, conn: Connection, found: Sequence[Failure], doubtful: Mapping[str, UUID]) -> None:
        """Open a failure for each of these cases.

        `doubtful`: by case, objects that may or may not have been written.
        """
        now = self.clock()
        found = self._completed(conn, found)
        events = [_event(f.record_id, REACHED[f.stage], EventKind.FAILED, now, f.error_type) for f in found]
        with conn.transaction():
            failures.record(conn, found, now=now)
            failures.supersede_others(conn, found, now=now)
            rows = [self._failed_row(f, doubtful) for f in found]
            lineage.record_failed(conn, rows, recipe=self.recipe, at=now)
            lineage.append_events(conn, events, run_id=self.run_id)
        self._count(found)

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    def _loaded_row(self, o: IndexObject) -> LoadedRow:
        """The seed's note says by whom a case was embedded, when it was not the preferred provider."""
        space, row_hash = o.stamps.space, self.joins[o.stamps.case_id].case.case.row_hash
        note = None if space == self.space else f"{space.partition('/')[0]}_fallback"
        return LoadedRow(stamps=o.stamps, row_hash=row_hash, note=note)

    def _healed(self, stored: IndexObject) -> Healed:
        known = self.known.get(stored.stamps.case_id)
        return Healed(
            record_id=stored.stamps.case_id,
            is_changed=known is not None and 0 < known.generation < stored.stamps.generation,
            is_fallback=stored.stamps.space != self.space,
        )

    def _failed_row(self, f: Failure, doubtful: Mapping[str, UUID]) -> FailedRow:
        join = self.joins.get(f.record_id)
        return FailedRow(
            record_id=f.record_id,
            generation=join.case.generation if join else None,
            stage=REACHED[f.stage],
            message=f.message,
            doubtful=doubtful.get(f.record_id),
            removes_object=f.error_type in REMOVES_OBJECT,
        )

    def _completed(self, conn: Connection, found: Sequence[Failure]) -> list[Failure]:
        """With the case's number and the hash of its content, as far as they are known."""
        numbers = lineage.numbers(conn, [f.record_id for f in found if not f.case_number])
        return [
            replace(
                f,
                case_number=f.case_number or numbers.get(f.record_id),
                content=fingerprint.content_hash(j.case) if (j := self.joins.get(f.record_id)) else None,
            )
            for f in found
        ]

    def _settle_lacks(self, conn: Connection, ids: Sequence[str], now: datetime) -> None:
        """Note what loaded cases lack, such as a resolution text, and close the notes of the others."""
        lacks = [lack for i in ids if (lack := self.joins[i].lack)]
        whole = [i for i in ids if not self.joins[i].lack]
        failures.record(conn, lacks, now=now)
        failures.resolve(conn, whole, method="source_changed", now=now)

    def _passage(
        self,
        conn: Connection,
        ids: Sequence[str],
        stage: Stage,
        entered: datetime,
        exited: datetime,
        details: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        moments: list[tuple[EventKind, datetime, Mapping[str, str]]] = [
            (EventKind.ENTERED, entered, {}),
            (EventKind.EXITED, exited, details),
        ]
        events = [_event(i, stage, kind, at, said.get(i)) for i in ids for kind, at, said in moments]
        lineage.append_events(conn, events, run_id=self.run_id)

    def _count(self, found: Sequence[Failure]) -> None:
        for f in found:
            known = self.known.get(f.record_id)
            self.result.count_failure(f.error_type, is_first=known is None or not known.has_failed)


def version(join: JoinResult) -> Versioned:
    """The case at the generation that was joined."""
    return Versioned(record_id=join.case.record_id, generation=join.case.generation)


def _event(record_id: str, stage: Stage, kind: EventKind, at: datetime, detail: str | None) -> Event:
    return Event(record_id=record_id, stage=stage, event=kind, at=at, detail=detail)


def _join_row(join: JoinResult) -> JoinRow:
    return JoinRow(
        record_id=join.case.record_id,
        generation=join.case.generation,
        children=join.children,
        fields=join.fields,
        is_limited=join.lack is not None,
    )


def _statistics(join: JoinResult, clean: Redacted | None, at: datetime) -> staging.JoinStatistics:
    return staging.JoinStatistics(
        case_id=join.case.record_id,
        case_number=join.case.case_number,
        children=join.children,
        composite_text_length=clean.composite.full_length if clean else None,
        was_truncated=clean.composite.was_truncated if clean else None,
        fields_populated=join.fields.total,
        at=at,
    )


def say_redactions(counts: Mapping[str, int]) -> str:
    """What was removed from a case, by type: `3 PERSON, 1 PHONE`. Never what it said."""
    found = sorted(counts.items(), key=lambda i: (-i[1], i[0]))
    return ", ".join(f"{n} {kind}" for kind, n in found) or "nothing personal found"
