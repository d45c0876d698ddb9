"""Runs batches on any `concurrent.futures.Executor`; the only module that knows which one.

The unit of work is a picklable function of a batch of ids, so threads, processes and a cluster are the
same code. When a worker process dies, the batches that were under way run again, one at a time, so that
the one that kills its worker is found.
"""

from __future__ import annotations

import concurrent.futures as cf
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from everycase.domain.errors import EverycaseError, WrongUse
from everycase.pipeline.workers import DaemonThreads, Inline, Processes

log = structlog.get_logger()

B = TypeVar("B")
R = TypeVar("R")

TRIES = 3
STALL_S = 900.0
"""A run gives up when no batch has finished for so many seconds (contract §10, the stall limit)."""


class Stalled(EverycaseError):
    """No batch has finished within the stall limit."""


class WorkerLost(Exception):
    """The worker process died under this batch, each time it was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[B, R]):
    """One batch with the value that its function returned, or the error that it raised."""

    batch: B
    value: R | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """`inline`, `threads:4` or `processes:2`."""

    kind: str
    workers: int

    @staticmethod
    def parse(text: str) -> EngineSpec:
        """Raises `WrongUse` for anything else."""
        kind, _, count = text.strip().partition(":")
        if kind == "inline" and not count:
            return EngineSpec(kind=kind, workers=1)
        if kind in ("threads", "processes") and count.isdigit() and 1 <= int(count) <= 256:
            return EngineSpec(kind=kind, workers=int(count))
        raise WrongUse(
            f"EVERYCASE_ENGINE {text!r} is none of inline, threads:N and processes:N (N from 1 to 256)"
        )

    @property
    def window(self) -> int:
        """Batches that may be submitted at a time: one for each worker, and one that waits for it."""
        return 1 if self.kind == "inline" else 2 * self.workers

    def open(self) -> cf.Executor:
        if self.kind == "threads":
            return DaemonThreads(self.workers)
        if self.kind == "processes":
            return Processes(self.workers)
        return Inline()


def run(
    spec: EngineSpec,
    work: Callable[[B], R],
    batches: Iterable[B],
    *,
    stall_s: float = STALL_S,
    should_end: Callable[[], bool] = lambda: False,
) -> Generator[Outcome[B, R], None, None]:
    """Run every batch through `work`; yield outcomes as they finish, each batch exactly once.

    At most twice as many batches as workers are under way, so a slow consumer holds the source back.
    Once `should_end` is true, no further batch begins; those under way are finished and yielded. However
    the generator ends, it waits for its workers first, at most `stall_s` seconds; worker processes that
    are at work even then are killed, threads are left behind. Raises `Stalled` when nothing has finished
    for `stall_s` seconds.
    """
    return _Run(spec, work, batches, stall_s, should_end).outcomes()


class _Run(Generic[B, R]):
    def __init__(
        self,
        spec: EngineSpec,
        work: Callable[[B], R],
        batches: Iterable[B],
        stall_s: float,
        should_end: Callable[[], bool],
    ) -> None:
        self._spec, self._work, self._stall_s, self._should_end = spec, work, stall_s, should_end
        self._fresh = iter(batches)
        self._suspects: deque[tuple[B, int]] = deque()
        self._live: dict[cf.Future[R], tuple[B, int]] = {}
        self._executor = spec.open()
        self._is_broken = False
        self._is_stalled = False

    def outcomes(self) -> Generator[Outcome[B, R], None, None]:
        try:
            while self._fill():
                for future in self._finished():
                    batch, attempt = self._live.pop(future)
                    if outcome := self._settle(future, batch, attempt):
                        yield outcome
                if self._is_broken:
                    self._replace_workers()
        finally:
            self._close()

    def _fill(self) -> bool:
        """Submit batches up to the window; whether any is under way or has to run again."""
        if self._should_end():
            self._withdraw()
        else:
            self._submit()
        return bool(self._live or self._suspects)

    def _submit(self) -> None:
        window = 1 if self._suspects else self._spec.window
        while len(self._live) < window and not self._is_broken and (job := self._next()):
            try:
                self._live[self._executor.submit(self._work, job[0])] = job
            except cf.BrokenExecutor:
                self._suspects.append(job)
                self._is_broken = True

    def _next(self) -> tuple[B, int] | None:
        if self._suspects:
            return self._suspects.popleft()
        for batch in self._fresh:
            return batch, 1
        return None

    def _withdraw(self) -> None:
        """Take back the batches that no worker has begun."""
        self._suspects.clear()
        for future in [f for f in self._live if f.cancel()]:
            del self._live[future]

    def _finished(self) -> set[cf.Future[R]]:
        """Wait for at least one batch, unless there is none to wait for."""
        if not self._live:
            return set()
        done = cf.wait(self._live, self._stall_s, cf.FIRST_COMPLETED).done
        if not done:
            self._is_stalled = True
            raise Stalled(
                f"no batch has finished for {self._stall_s:.0f} s: the run was given up; "
                "nothing is lost, the next run goes on"
            )
        return done

    def _settle(self, future: cf.Future[R], batch: B, attempt: int) -> Outcome[B, R] | None:
        """The outcome of a finished batch; None when its worker died and it is to run again."""
        try:
            return Outcome(batch=batch, value=future.result())
        except (cf.BrokenExecutor, cf.CancelledError):
            self._is_broken = True
            if attempt == TRIES:
                return Outcome(batch=batch, error=WorkerLost("the worker process died under this batch"))
            self._suspects.append((batch, attempt + 1))
            return None
        except Exception as e:
            return Outcome(batch=batch, error=e)

    def _replace_workers(self) -> None:
        """Start new workers. Any batch that was under way may have killed the old ones: run one at a time."""
        self._suspects.extend((b, n + 1) for b, n in self._live.values())
        self._live.clear()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor, self._is_broken = self._spec.open(), False

    def _close(self) -> None:
        """Wait for the workers to finish what they are doing, then let them go."""
        self._withdraw()
        late = cf.wait(self._live, 0 if self._is_stalled else self._stall_s).not_done
        if late:
            log.warning("workers_left_behind", batches=len(late), engine=self._spec.kind)
        if isinstance(self._executor, Processes) and late:
            self._executor.kill()
        is_waited_for = not late or self._spec.kind == "processes"
        self._executor.shutdown(wait=is_waited_for, cancel_futures=True)
