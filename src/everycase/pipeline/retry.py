"""Retry: a person has failures tried again now, with the cases' current content (contract §12, §15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self
from uuid import UUID

from everycase.domain.alerts import Facts, Told, work_facts
from everycase.domain.errors import ExitCode, WrongUse, interrupted_by
from everycase.domain.failures import Disposition, ErrorType, FailureStage
from everycase.domain.runs import BatchResult, Deferral, RunFigures, RunStatus
from everycase.pipeline import continuity
from everycase.pipeline.extract import Extraction
from everycase.pipeline.run import OpenRun, RunEnd, Shell
from everycase.pipeline.work import Crew
from everycase.ports import Source
from everycase.store import budget, failures, reads, staging
from everycase.store.db import Connection
from everycase.store.failures import Rearmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which open failures to try: by failure id, record id or case number (`key`), by type, by stage.

    Without any of these: all of them.
    """

    key: str | None = None
    records: Sequence[str] = ()
    """The record ids that `key` may mean."""
    error_type: ErrorType | None = None
    stage: FailureStage | None = None
    failures: Sequence[UUID] | None = None
    """Only these failures; None: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What a retry came to: `retried == recovered + still_open`."""

    retried: int
    still_open: int
    figures: RunFigures
    facts: Facts = field(default_factory=Facts)
    ended_by: int | None = None
    """The signal that ended it early."""
    undelivered: Sequence[str] = ()

    is_fully_clean = False
    """A retry compares nothing, so it sends no heartbeat."""

    @property
    def totals(self) -> BatchResult:
        return self.figures.totals

    @property
    def recovered(self) -> int:
        return self.retried - self.still_open

    @property
    def problems(self) -> list[str]:
        return [*self.figures.problems, *Told(undelivered=self.undelivered).problems]

    @property
    def status(self) -> RunStatus:
        if self.figures.stop_reason:
            return RunStatus.STOPPED
        if self.figures.deferral is Deferral.INTERRUPTED:
            return RunStatus.INTERRUPTED
        return RunStatus.DEFERRED if self.figures.deferral else RunStatus.COMPLETED

    @property
    def exit_code(self) -> ExitCode:
        if self.figures.stop_reason:
            return ExitCode.STOPPED
        if self.figures.deferral is Deferral.INTERRUPTED:
            return interrupted_by(self.ended_by)
        return ExitCode.UNRESOLVED if self.still_open else ExitCode.CLEAN

    def with_alerts(self, told: Told) -> Self:
        return replace(self, undelivered=told.undelivered)

    def as_dict(self) -> dict[str, Any]:
        return {
            "retried": self.retried,
            "recovered": self.recovered,
            "still_open": self.still_open,
            **self.figures.as_dict(),
            "problems": self.problems,
        }


@dataclass(frozen=True, kw_only=True)
class Retry:
    """A retry that is ready to run."""

    shell: Shell
    source: Callable[[], Source]
    crew: Callable[[], Crew]

    def run(self, run_id: UUID, choice: Choice) -> Retried:
        """Make the chosen failures due and work them off, and nothing else.

        Raises as `Shell.carry_out` does, and `WrongUse` where the one that is asked for cannot be tried.
        """
        return self.shell.carry_out(
            run_id, lambda run: _RetryJob(run=run, source=self.source(), crew=self.crew(), choice=choice)
        )


@dataclass(kw_only=True)
class _RetryJob:
    """One retry at work. It has no books of its own: the failures say what became of them."""

    run: OpenRun
    source: Source
    crew: Crew
    choice: Choice
    chosen: Sequence[Rearmed] = ()

    def begin(self) -> None:
        reads.bind(self.run.conn, self.source.identity)

    def work(self) -> None:
        run, processor, choice = self.run, self.crew.processor, self.choice
        self.chosen = failures.rearm(
            run.conn,
            now=processor.clock(),
            key=choice.key,
            records=choice.records,
            error_type=choice.error_type,
            stage=choice.stage,
            failures=choice.failures,
        )
        if not self.chosen and choice.key:
            raise WrongUse(
                "that has no open failure (what is merely noted is not tried): look with `everycase failures`"
            )
        continuity.open_database(run.conn, now=run.database_time)
        self._read_again()
        processor.index.prepare(processor.embedder.spaces)
        continuity.open_index(run.conn, processor.index, run_id=run.run_id, now=run.database_time)
        only = sorted({f.record_id for f in self.chosen})
        self.crew.work_off(run, source=self.source.kind, only=only)

    def _read_again(self) -> None:
        """Read the source again where failures arose there: rows that could not be read, missing parents."""
        conn, source, processor = self.run.conn, self.source, self.crew.processor
        doubtful = {f.source_object for f in self.chosen if f.stage is FailureStage.EXTRACTION}
        waiting = any(f.error_type is ErrorType.MISSING_CHILD_DATA for f in self.chosen)
        if not doubtful and not waiting:
            return
        for obj in processor.catalogue.objects:
            if obj.name in doubtful:
                staging.set_mark(conn, obj, source.identity, "")
        Extraction(
            conn=conn,
            source=source,
            catalogue=processor.catalogue,
            guard=self.crew.guard(0),
            run_id=self.run.run_id,
            now=processor.clock(),
            on_rows=self.crew.rows,
        ).run()

    def summarise(self, conn: Connection, end: RunEnd) -> Retried:  # noqa: ARG002 - no books to say it in
        run, processor = self.run, self.crew.processor
        breakers = budget.transitions(conn, since=run.database_time)
        waiting = failures.tally(conn).get(Disposition.MANUAL_REVIEW, 0)
        return Retried(
            retried=len(self.chosen),
            still_open=len(failures.open_among(conn, [f.failure_id for f in self.chosen])),
            figures=run.figures(processor.prices, processor.embedder.space, breakers),
            facts=replace(work_facts(run.worked.totals), manual_review=waiting),
            ended_by=self.crew.ending.signal,
        )

    def keep(self, conn: Connection, report: Retried) -> None:
        """Nothing to close."""
