"""What every run does with cases: bring those that are due through the stages, remove those that are gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from everycase.domain.completeness import percent
from everycase.domain.errors import EverycaseError
from everycase.domain.failures import ErrorType
from everycase.domain.runs import BatchResult, Deferral, Worked
from everycase.domain.thresholds import DeletionGuard, Thresholds, must_stop
from everycase.domain.usage import Purse, cost
from everycase.pipeline import engine, removal
from everycase.pipeline.ending import Ending
from everycase.pipeline.engine import BatchOutcome, EngineSpec
from everycase.pipeline.loading import make_up, putting_off
from everycase.pipeline.process import give_up
from everycase.pipeline.processor import Processor
from everycase.pipeline.run import OpenRun
from everycase.store import lineage, state

log = structlog.get_logger()

MOST_WITHOUT_INDEX = 3
"""After so many batches in a row that met no index, the run leaves the rest to the next one."""

CHARACTERS_A_CASE = 4000
"""The usual length of a composite text. It prices a batch before the first one has been paid for."""

BatchWorker = Callable[[Sequence[str]], BatchResult]
GiveUp = Callable[[Sequence[str], Exception | None], BatchResult]
"""Called with a batch that no worker survived; returns what to count for its cases."""


class Progress(Protocol):
    """Shows how far a run is. It is given counts only."""

    def rows(self, source_object: str, count: int, expected: int | None) -> None: ...

    def step(self, doing: str, count: int) -> None:
        """Something that has no end in sight: `listing the index`, 3,000 so far."""

    def start(self, cases: int) -> None: ...

    def batch(self, result: BatchResult) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Crew:
    """A processor and the engine that its batches run on.

    `work`: `process` with the processor, for a run, in a form that the engine may hand to other processes.
    """

    processor: Processor
    engine: EngineSpec
    work: Callable[[UUID], BatchWorker]
    batch_size: int
    stall_s: float
    thresholds: Thresholds
    progress: Progress
    ending: Ending
    max_cost: float | None = None
    """What this run may spend on embedding, in the money of the prices."""

    def guard(self, allow_deletes: int) -> DeletionGuard:
        """What this run may delete by itself."""
        return DeletionGuard(allowed=allow_deletes, most=self.thresholds.deletions)

    def rows(self, source_object: str, count: int, expected: int | None) -> None:
        """Pass on how many rows have been read. Raises `RunInterrupted` once the run is told to end."""
        self.progress.rows(source_object, count, expected)
        self.ending.check()

    def work_off(
        self, run: OpenRun, *, source: str, only: Sequence[str] | None = None, refused: int = 0
    ) -> Worked:
        """Bring everything that is due (of `only` these cases) through the stages; returns what came of it.

        Stops the pipeline, and itself, when more fail than may (contract §13). `refused`: cases whose row
        this run was the first to find unreadable; they count as failed.
        """
        processor, conn = self.processor, run.conn
        due = lineage.track(
            conn,
            run_id=run.run_id,
            source=source,
            recipe=processor.recipe,
            now=processor.clock(),
            only=only,
            shard=run.shard,
        )
        with putting_off(conn, processor.index, processor.embedder.space, due):
            worked = self.through(
                run,
                self.work(run.run_id),
                lineage.batches(conn, run_id=run.run_id, size=self.batch_size),
                due=due,
                refused=refused,
                give_up=partial(give_up, processor, run.run_id),
            )
        if worked.deferral not in (Deferral.INTERRUPTED, Deferral.INDEX_AWAY):
            make_up(conn, processor.index)
        if worked.stop_reason:
            state.stop(conn, reason=worked.stop_reason, run_id=run.run_id, now=processor.clock())
            log.warning("pipeline_stopped", failed=worked.totals.blamed, cases=worked.totals.cases)
        return worked

    def through(
        self,
        run: OpenRun,
        work: BatchWorker,
        batches: Iterable[list[str]],
        *,
        due: int,
        give_up: GiveUp,
        refused: int = 0,
    ) -> Worked:
        """Bring batches of together `due` cases through `work`, on the engine; returns what came of it.

        Ends early when the purse is empty, the index is away or the run is told to end (`deferral`), and
        when more fail than may (`stop_reason`). What the workers have begun by then is finished and
        counted in `run.worked`, also where one of them raises: that error comes out when they are done.
        """
        shift = _Shift(crew=self, batches=iter(batches), due=due, give_up=give_up, refused=refused)
        self.progress.start(due)
        outcomes = engine.run(
            self.engine, work, shift, stall_s=self.stall_s, should_end=lambda: shift.is_over
        )
        try:
            with closing(outcomes):
                for outcome in outcomes:
                    shift.take(outcome)
        finally:
            shift.settle()
            run.worked.add(shift.worked)
        if shift.error:
            raise shift.error
        return shift.worked

    def purse(self) -> Purse:
        """What this run may spend, with a guess at the price of a batch."""
        processor = self.processor
        tokens = processor.embedder.estimate_tokens(self.batch_size * CHARACTERS_A_CASE)
        return Purse(limit=self.max_cost, guess=tokens / 1e6 * processor.preferred_price)

    def delete_gone(self, run: OpenRun, *, absent: bool = False) -> int:
        """Delete the objects of cases that the source no longer has, then mark their lineage; how many.

        `absent`: also cases that staging does not know at all.
        """
        index, now = self.processor.index, self.processor.clock()
        removal.remove_quarantined(run.conn, index, run_id=run.run_id)
        return removal.delete_gone(run.conn, index, run_id=run.run_id, now=now, absent=absent)


@dataclass(kw_only=True)
class _Shift:
    """Batches given out while the purse allows and nothing ends the run, and what came of them.

    The engine asks for another one whenever a batch is done, and what that has cost may allow one then.
    Cases that are not given out stay in progress, for the next run.
    """

    crew: Crew
    batches: Iterator[list[str]]
    due: int
    give_up: GiveUp
    refused: int = 0
    worked: Worked = field(default_factory=Worked)
    error: Exception | None = None
    without_index: int = 0
    """Batches in a row that met no index."""
    purse: Purse = field(init=False)

    def __post_init__(self) -> None:
        self.purse = self.crew.purse()
        if self.refused and self._is_too_much():
            self.worked.stop_reason = self._reason()

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        if not self.purse.can_afford:
            raise StopIteration
        batch = next(self.batches)
        self.purse.give()
        return batch

    @property
    def is_over(self) -> bool:
        """Whether no further batch may begin."""
        return bool(self.error or not self.worked.is_whole or self.crew.ending.is_asked)

    def take(self, outcome: BatchOutcome[list[str], BatchResult]) -> None:
        """Count a batch, and judge whether the run may go on."""
        try:
            result = outcome.value or self._rescue(outcome)
        except EverycaseError as e:
            self.error = self.error or e
            return
        self.worked.totals.add(result)
        self.purse.pay(cost(result.usage, self.crew.processor.prices))
        self.crew.progress.batch(result)
        self._judge(result)

    def _rescue(self, outcome: BatchOutcome[list[str], BatchResult]) -> BatchResult:
        """Give up a batch that no worker survived. Raises the error of one that could not be worked on."""
        ids, error = outcome.batch, outcome.error
        if isinstance(error, EverycaseError):
            raise error
        log.warning("batch_failed", cases=len(ids), error=type(error).__name__)
        return self.give_up(ids, error)

    def _judge(self, result: BatchResult) -> None:
        self.without_index = self.without_index + 1 if result.met_no_index else 0
        if not self.worked.is_whole:
            return
        if self.without_index == MOST_WITHOUT_INDEX:
            self.worked.deferral = Deferral.INDEX_AWAY
        elif self._is_too_much():
            self.worked.stop_reason = self._reason()

    def settle(self) -> None:
        """Say what is left, and why, once the last batch is counted."""
        worked = self.worked
        left = self.due - worked.totals.cases
        if worked.is_whole and left and self.crew.ending.is_asked:
            worked.deferral = Deferral.INTERRUPTED
        elif worked.is_whole and not self.purse.can_afford:
            worked.deferral = Deferral.BUDGET
        if worked.deferral:
            worked.deferred = left

    def _is_too_much(self) -> bool:
        totals = self.worked.totals
        return must_stop(
            done=totals.cases - totals.retries + self.refused,
            failed=totals.blamed + self.refused,
            planned=self.due - totals.retries + self.refused,
            thresholds=self.crew.thresholds,
        )

    def _reason(self) -> str:
        totals = self.worked.totals
        causes = Counter({**totals.failures, ErrorType.MALFORMED_RECORD: self.refused})
        return (
            f"{totals.blamed + self.refused:,} of {totals.cases - totals.retries + self.refused:,} cases "
            f"failed, more than {percent(self.crew.thresholds.failure_rate)}; most of them with "
            f"{causes.most_common(1)[0][0]}"
        )
