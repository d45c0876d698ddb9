"""A person's word: try these failures again, now, with the cases' current content (contract §12, §15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from everycase.domain.errors import ExitCode, WrongUse
from everycase.domain.failures import ErrorType, FailureStage
from everycase.domain.runs import BatchResult
from everycase.pipeline.extract import Extraction
from everycase.pipeline.work import LOCK_WAIT_S, Crew
from everycase.ports import Source
from everycase.store import db, failures, locks, reads, staging, state
from everycase.store.db import Connection
from everycase.store.failures import Rearmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which open failures: by failure id, record id or case number (`key`), by type, by stage; none: all."""

    key: str | None = None
    records: Sequence[str] = ()
    """The record ids that `key` may mean."""
    error_type: ErrorType | None = None
    stage: FailureStage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What a retry came to: `retried == recovered + still_open`."""

    retried: int
    still_open: int
    totals: BatchResult
    stop_reason: str

    @property
    def recovered(self) -> int:
        return self.retried - self.still_open

    @property
    def exit_code(self) -> ExitCode:
        if self.stop_reason:
            return ExitCode.STOPPED
        return ExitCode.UNRESOLVED if self.still_open else ExitCode.CLEAN

    def as_dict(self) -> dict[str, Any]:
        return {
            "retried": self.retried,
            "recovered": self.recovered,
            "still_open": self.still_open,
            "embedded": self.totals.embedded,
            "reused": self.totals.reused,
            "embedding_calls": self.totals.embedding_calls,
            "stop_reason": self.stop_reason,
        }


def retry_failures(dsn: str, source: Source, crew: Crew, choice: Choice, *, run_id: UUID) -> Retried:
    """Make the chosen failures due and work them off, and nothing else.

    Raises `WrongUse` where the one that is asked for cannot be tried, `PipelineStopped` when nothing may run.
    """
    now = crew.processor.clock
    with db.connect(dsn) as conn, locks.wait_for(conn, locks.PIPELINE, seconds=LOCK_WAIT_S):
        state.check(conn)
        reads.bind(conn, source.identity)
        chosen = failures.rearm(
            conn,
            now=now(),
            key=choice.key,
            records=choice.records,
            error_type=choice.error_type,
            stage=choice.stage,
        )
        if not chosen and choice.key:
            raise WrongUse(
                "that has no open failure (what is merely noted is not tried): look with `everycase failures`"
            )
        _read_again(conn, source, crew, chosen, run_id)
        crew.processor.index.prepare(crew.processor.embedder.spaces)
        worked = crew.work_off(conn, run_id, source=source.kind, only=sorted({f.record_id for f in chosen}))
        left = failures.open_among(conn, [f.failure_id for f in chosen])
    return Retried(
        retried=len(chosen), still_open=len(left), totals=worked.totals, stop_reason=worked.stop_reason
    )


def _read_again(
    conn: Connection, source: Source, crew: Crew, chosen: Sequence[Rearmed], run_id: UUID
) -> None:
    """Failures of rows and of missing parents are tried where they arose: at the source."""
    catalogue = crew.processor.catalogue
    doubtful = {f.source_object for f in chosen if f.stage is FailureStage.EXTRACTION}
    waiting = any(f.error_type is ErrorType.MISSING_CHILD_DATA for f in chosen)
    if not doubtful and not waiting:
        return
    for obj in catalogue.objects:
        if obj.name in doubtful:
            staging.set_mark(conn, obj, source.identity, "")
    Extraction(
        conn=conn,
        source=source,
        catalogue=catalogue,
        guard=crew.guard(0),
        run_id=run_id,
        now=crew.processor.clock(),
        on_rows=crew.progress.rows,
    ).run()
