"""Cases that are due, through the worker function, batch by batch; and those that are gone, out.

What sync and reconciliation have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from everycase.domain.errors import EverycaseError
from everycase.domain.providers import Purse, cost
from everycase.domain.runs import BatchResult, Deferral
from everycase.domain.thresholds import DeletionGuard, Thresholds, must_stop
from everycase.pipeline import engine, removal
from everycase.pipeline.engine import EngineSpec
from everycase.pipeline.process import Processor
from everycase.store import lineage, state
from everycase.store.db import Connection

log = structlog.get_logger()

LOCK_WAIT_S = 30.0
"""How long a run waits for the backend of a killed one to let go of the lock."""

DELETE_BATCH = 1000

MOST_WITHOUT_INDEX = 3
"""Batches in a row that have waited for an index in vain; the others need not."""

CHARACTERS_A_CASE = 4000
"""Of a composite text, about; for the price of a batch before one has been paid for."""

Work = Callable[[Sequence[str]], BatchResult]
GiveUp = Callable[[Sequence[str], Exception | None], BatchResult]
"""What becomes of cases that could not be worked on at all."""


class Progress(Protocol):
    """Told how far a run is; counts only."""

    def rows(self, source_object: str, count: int) -> None: ...

    def start(self, cases: int) -> None: ...

    def batch(self, result: BatchResult) -> None: ...


@dataclass(slots=True, kw_only=True)
class Worked:
    """What working off came to. `stop_reason`: why the pipeline was stopped in the middle of it."""

    totals: BatchResult = field(default_factory=BatchResult)
    stop_reason: str = ""
    deferred: int = 0
    """Cases that are left to the next run."""
    deferral: Deferral | None = None
    """Why."""

    @property
    def is_whole(self) -> bool:
        """Everything that was due was worked on."""
        return not (self.stop_reason or self.deferral)

    def add(self, other: Worked) -> None:
        """What came of working on after this."""
        self.totals.add(other.totals)
        self.stop_reason, self.deferral = other.stop_reason, other.deferral
        self.deferred += other.deferred


@dataclass(frozen=True, kw_only=True)
class Crew:
    """A processor and the engine that its batches run on.

    `work`: `processor.process` for a run, in a form that the engine may hand to other processes.
    """

    processor: Processor
    engine: EngineSpec
    work: Callable[[UUID], Work]
    batch_size: int
    stall_s: float
    thresholds: Thresholds
    progress: Progress
    max_cost: float | None = None
    """What this run may spend on embedding, in the money of the prices."""

    def guard(self, allow_deletes: int) -> DeletionGuard:
        """What this run may delete by itself."""
        return DeletionGuard(allowed=allow_deletes, most=self.thresholds.deletions)

    def work_off(
        self, conn: Connection, run_id: UUID, *, source: str, only: Sequence[str] | None = None
    ) -> Worked:
        """Everything that is due (of `only` these cases) through the stages.

        Stops the pipeline, and itself, when more fail than may (contract §13).
        """
        world = self.processor
        due = lineage.track(
            conn, run_id=run_id, source=source, recipe=world.recipe, now=world.clock(), only=only
        )
        found = self.through(
            self.work(run_id),
            lineage.batches(conn, run_id=run_id, size=self.batch_size),
            due=due,
            give_up=partial(world.give_up, run_id),
        )
        if found.stop_reason:
            state.stop(conn, reason=found.stop_reason, run_id=run_id, now=world.clock())
            log.warning("pipeline_stopped", failed=found.totals.blamed, cases=found.totals.cases)
        return found

    def through(self, work: Work, batches: Iterable[list[str]], *, due: int, give_up: GiveUp) -> Worked:
        """Batches of together `due` cases through `work`, on the engine.

        Until the purse is empty or the index is away (`deferral`), or more fail than may (`stop_reason`).
        """
        self.progress.start(due)
        found, purse, without_index = Worked(), self._purse(), 0
        outcomes = engine.run(self.engine, work, _Affordable(batches, purse), stall_s=self.stall_s)
        for outcome in outcomes:
            if outcome.value is not None:
                result = outcome.value
            else:
                result = _rescue(outcome.batch, outcome.error, give_up)
            found.totals.add(result)
            purse.pay(cost(result.usage, self.processor.prices))
            self.progress.batch(result)
            without_index = without_index + 1 if result.met_no_index else 0
            if without_index == MOST_WITHOUT_INDEX:
                found.deferral = Deferral.INDEX_AWAY
            elif self._is_too_much(found.totals, due):
                found.stop_reason = self._reason(found.totals)
            if found.deferral or found.stop_reason:
                outcomes.close()
                break
        if not found.stop_reason and not purse.can_afford:
            found.deferral = Deferral.BUDGET
        if found.deferral:
            found.deferred = due - found.totals.cases
        return found

    def _purse(self) -> Purse:
        world = self.processor
        tokens = world.embedder.estimate_tokens(self.batch_size * CHARACTERS_A_CASE)
        return Purse(limit=self.max_cost, guess=tokens / 1e6 * world.preferred_price)

    def delete_gone(self, conn: Connection, run_id: UUID, *, absent: bool = False) -> int:
        """Take what the source has no longer out of the index, then say so in the lineage.

        `absent`: also cases that staging does not know at all.
        """
        world = self.processor
        removal.remove_quarantined(conn, world.index, run_id=run_id)
        return removal.delete_gone(conn, world.index, run_id=run_id, now=world.clock(), absent=absent)

    def _is_too_much(self, totals: BatchResult, due: int) -> bool:
        fresh = totals.cases - totals.retries
        return must_stop(
            done=fresh, failed=totals.blamed, planned=due - totals.retries, thresholds=self.thresholds
        )

    def _reason(self, totals: BatchResult) -> str:
        worst = max(totals.failures, key=lambda t: totals.failures[t])
        return (
            f"{totals.blamed:,} of {totals.cases - totals.retries:,} cases failed, more than "
            f"{self.thresholds.failure_rate:.0%}; most of them with {worst}"
        )


def _rescue(ids: Sequence[str], error: Exception | None, give_up: GiveUp) -> BatchResult:
    """A batch that no worker survived is given up here; what is down is said so."""
    if isinstance(error, EverycaseError):
        raise error
    log.warning("batch_failed", cases=len(ids), error=type(error).__name__)
    return give_up(ids, error)


class _Affordable:
    """Batches while the purse allows; the others stay in progress, for the next run.

    The engine asks again whenever a batch is done, and what that has cost may allow another one then.
    """

    def __init__(self, batches: Iterable[list[str]], purse: Purse) -> None:
        self._batches, self._purse = iter(batches), purse

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        if not self._purse.can_afford:
            raise StopIteration
        batch = next(self._batches)
        self._purse.give()
        return batch
