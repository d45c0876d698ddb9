"""Where batches run: any `concurrent.futures.Executor`, and nobody else knows which.

The unit of work is a picklable function of a batch of ids, so threads, processes and a cluster are the
same code. A worker that dies takes nothing with it: its batches run again, suspects one at a time.
"""

from __future__ import annotations

import concurrent.futures as cf
import multiprocessing as mp
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from everycase.domain.errors import EverycaseError, WrongUse

B = TypeVar("B")
R = TypeVar("R")

TRIES = 3
STALL_S = 900.0
"""No batch finished for so long: the run gives up (contract §10, the stall limit)."""


class Stalled(EverycaseError):
    """No batch has finished within the stall limit."""


class WorkerLost(Exception):
    """The worker process died under this batch, each time it was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[B, R]):
    """One batch and what came of it: a value, or the error that its function raised."""

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

    def open(self) -> cf.Executor:
        if self.kind == "threads":
            return cf.ThreadPoolExecutor(self.workers, thread_name_prefix="everycase")
        if self.kind == "processes":
            return cf.ProcessPoolExecutor(self.workers, mp_context=mp.get_context("spawn"))
        return _Inline()


class _Inline(cf.Executor):
    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        future: cf.Future[object] = cf.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as e:
            future.set_exception(e)
        return future


def run(
    spec: EngineSpec, work: Callable[[B], R], batches: Iterable[B], *, stall_s: float = STALL_S
) -> Generator[Outcome[B, R], None, None]:
    """Every batch through `work`, as they finish; each comes out exactly once.

    At most twice as many batches as workers are under way, so a slow consumer holds the source back.
    Raises `Stalled` when nothing has finished for `stall_s` seconds.
    """
    return _Run(spec, work, batches, stall_s).outcomes()


class _Run(Generic[B, R]):
    def __init__(
        self, spec: EngineSpec, work: Callable[[B], R], batches: Iterable[B], stall_s: float
    ) -> None:
        self._spec, self._work, self._stall_s = spec, work, stall_s
        self._fresh = iter(batches)
        self._suspects: deque[tuple[B, int]] = deque()
        self._live: dict[cf.Future[R], tuple[B, int]] = {}
        self._executor = spec.open()

    def outcomes(self) -> Generator[Outcome[B, R], None, None]:
        try:
            while True:
                is_broken = self._fill()
                if not self._live and not is_broken:
                    return
                if self._live:
                    done = cf.wait(self._live, self._stall_s, cf.FIRST_COMPLETED).done
                    if not done:
                        raise Stalled(
                            f"no batch has finished for {self._stall_s:.0f} s: the run was given up; "
                            "nothing is lost, the next run goes on"
                        )
                    for future in done:
                        batch, attempt = self._live.pop(future)
                        outcome = self._settle(future, batch, attempt)
                        is_broken = is_broken or outcome is None
                        if outcome is not None:
                            yield outcome
                if is_broken:
                    self._replace_workers()
        finally:
            self._executor.shutdown(wait=self._spec.kind == "threads", cancel_futures=True)

    def _fill(self) -> bool:
        """Submit up to the window; True when the workers turn out to be dead."""
        window = 1 if self._suspects or self._spec.kind == "inline" else 2 * self._spec.workers
        while len(self._live) < window:
            if self._suspects:
                batch, attempt = self._suspects.popleft()
            else:
                try:
                    batch, attempt = next(self._fresh), 1
                except StopIteration:
                    return False
            try:
                self._live[self._executor.submit(self._work, batch)] = (batch, attempt)
            except cf.BrokenExecutor:
                self._suspects.append((batch, attempt))
                return True
        return False

    def _settle(self, future: cf.Future[R], batch: B, attempt: int) -> Outcome[B, R] | None:
        """The outcome of a finished batch; None when its worker died and it is to run again."""
        try:
            return Outcome(batch=batch, value=future.result())
        except (cf.BrokenExecutor, cf.CancelledError):
            if attempt < TRIES:
                self._suspects.append((batch, attempt + 1))
                return None
            self._replace_workers()
            return Outcome(batch=batch, error=WorkerLost("the worker process died under this batch"))
        except Exception as e:
            return Outcome(batch=batch, error=e)

    def _replace_workers(self) -> None:
        """Fresh workers; whatever was under way is suspect and goes one at a time."""
        self._suspects.extend((b, n + 1) for b, n in self._live.values())
        self._live.clear()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor = self._spec.open()
