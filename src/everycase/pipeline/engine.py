"""Runs batches on any `concurrent.futures.Executor`; the only module that knows which one.

The unit of work is a picklable function of a batch of ids, so threads, processes and a cluster are the
same code. When a worker process dies, the batches that were under way run again, one at a time, so that
the one that kills its worker is found. A Dask cluster gives them to other workers itself; a batch that
several of its workers died under is the suspect there. A connection to its scheduler that is lost is opened
again.
"""

from __future__ import annotations

import concurrent.futures as cf
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import structlog

from everycase.domain.errors import DependencyUnreachable, EverycaseError, WrongUse
from everycase.pipeline import cluster
from everycase.pipeline.cluster import Cluster, ClusterOptions, SchedulerLost, WorkersDied
from everycase.pipeline.workers import DaemonThreads, Inline, Processes

log = structlog.get_logger()

B = TypeVar("B")
R = TypeVar("R")

TRIES = 3
"""How often a batch is tried whose worker dies each time."""
SPARED = 8
"""How many tries of a batch are not counted, at most, because workers of the cluster died without it too."""
LOSSES = 3
"""A scheduler that is lost more often than that, without a batch being finished meanwhile, is given up."""
_CHECK_S = 5.0
"""How often a cluster is looked at while nothing finishes."""
STALL_S = 900.0
"""A run gives up when no batch has finished for so many seconds (contract §10, the stall limit)."""


class Stalled(EverycaseError):
    """No batch has finished within the stall limit."""


class WorkerLost(Exception):
    """The worker process died under this batch, each time it was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome(Generic[B, R]):
    """One batch with the value that its function returned, or the error that it raised."""

    batch: B
    value: R | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Job(Generic[B]):
    """A batch that is to run, and how often its workers have died."""

    batch: B
    attempt: int = 1
    """Of `TRIES`; after the first one it runs alone."""
    spared: int = 0

    def after_death(self, *, others_died: bool = False) -> Job[B] | None:
        """The next try of this batch; None when it was tried often enough.

        `others_died`: workers died that did not have the batch, so something else kills them, and this try
        does not count. That has a limit, for the batch may kill its workers all the same.
        """
        if others_died and self.spared < SPARED:
            return replace(self, spared=self.spared + 1)
        return replace(self, attempt=self.attempt + 1) if self.attempt < TRIES else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """`inline`, `threads:4`, `processes:2` or `dask:tcp://host:8786`."""

    kind: str
    workers: int
    """In this process or below it; the workers of a cluster are not known before it is opened."""
    address: str = ""
    """Of the scheduler."""
    options: ClusterOptions = field(default_factory=ClusterOptions)

    @staticmethod
    def parse(text: str, options: ClusterOptions | None = None) -> EngineSpec:
        """Raises `WrongUse` for anything else, and for `dask` where its extra is not installed."""
        kind, _, rest = text.strip().partition(":")
        if kind == "inline" and not rest:
            return EngineSpec(kind=kind, workers=1)
        if kind in ("threads", "processes") and rest.isdigit() and 1 <= int(rest) <= 256:
            return EngineSpec(kind=kind, workers=int(rest))
        if kind == "dask" and rest.startswith(cluster.SCHEMES) and ":" in rest[6:]:
            cluster.check_installed()
            return EngineSpec(kind=kind, workers=1, address=rest, options=options or ClusterOptions())
        raise WrongUse(
            f"EVERYCASE_ENGINE {text!r} is none of inline, threads:N, processes:N (N from 1 to 256) and "
            "dask:tcp://host:port (or tls://)"
        )

    def open(self) -> cf.Executor:
        if self.kind == "dask":
            return self.open_cluster()
        if self.kind == "threads":
            return DaemonThreads(self.workers)
        if self.kind == "processes":
            return Processes(self.workers)
        return Inline()

    def open_cluster(self) -> Cluster:
        """Raises `DependencyUnreachable` without scheduler or workers."""
        return Cluster(self.address, self.options)

    def window(self, executor: cf.Executor) -> int:
        """Batches that may be submitted at a time: one for each worker, and one that waits for it."""
        if self.kind == "inline":
            return 1
        return 2 * (executor.threads if isinstance(executor, Cluster) else self.workers)


def run(
    spec: EngineSpec,
    work: Callable[[B], R],
    batches: Iterable[B],
    *,
    stall_s: float = STALL_S,
    should_end: Callable[[], bool] = lambda: False,
) -> Generator[BatchOutcome[B, R], None, None]:
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
        self._again: deque[Job[B]] = deque()
        """Batches that are not suspected: their scheduler was lost, or workers die without them as well."""
        self._suspects: deque[Job[B]] = deque()
        self._live: dict[cf.Future[R], Job[B]] = {}
        self._executor: cf.Executor | None = None
        self._losses = 0
        self._is_broken = False
        self._is_stalled = False

    def outcomes(self) -> Generator[BatchOutcome[B, R], None, None]:
        try:
            while self._fill():
                for future in self._finished():
                    if outcome := self._settle(future, self._live.pop(future)):
                        self._losses = 0
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
        return bool(self._live or self._suspects or self._again)

    def _submit(self) -> None:
        is_alone = bool(self._suspects)
        while not self._is_broken and len(self._live) < self._window(is_alone) and (job := self._next()):
            self._executor = self._executor or self._spec.open()
            try:
                self._live[self._executor.submit(self._work, job.batch)] = job
            except cf.BrokenExecutor as e:
                self._put_back(job, e)
                self._is_broken = True

    def _window(self, is_alone: bool) -> int:
        """How many batches may be live. The executor is opened with the first one."""
        if is_alone or not self._executor:
            return 1
        return self._spec.window(self._executor)

    def _next(self) -> Job[B] | None:
        for waiting in (self._suspects, self._again):
            if waiting:
                return waiting.popleft()
        for batch in self._fresh:
            return Job(batch)
        return None

    def _put_back(self, job: Job[B], error: cf.BrokenExecutor) -> None:
        (self._again if isinstance(error, SchedulerLost) else self._suspects).append(job)

    def _withdraw(self) -> None:
        """Take back the batches that no worker has begun."""
        self._suspects.clear()
        self._again.clear()
        for future in [f for f in self._live if f.cancel()]:
            del self._live[future]

    def _finished(self) -> set[cf.Future[R]]:
        """Wait for at least one batch, unless there is none to wait for."""
        if not self._live:
            return set()
        if not (done := self._wait()):
            self._is_stalled = True
            raise Stalled(
                f"no batch has finished for {self._stall_s:.0f} s: the run was given up; "
                "nothing is lost, the next run goes on"
            )
        return done

    def _wait(self) -> set[cf.Future[R]]:
        """The batches that have finished; none at the stall limit."""
        deadline = time.monotonic() + self._stall_s
        while (left := deadline - time.monotonic()) > 0:
            step = min(left, _CHECK_S) if isinstance(self._executor, Cluster) else left
            if done := cf.wait(self._live, step, cf.FIRST_COMPLETED).done:
                return done
            self._check_cluster()
        return set()

    def _check_cluster(self) -> None:
        """Raises `DependencyUnreachable` for a cluster that has lost its workers for good."""
        try:
            if isinstance(self._executor, Cluster):
                self._executor.check()
        except DependencyUnreachable:
            self._is_stalled = True
            raise

    def _settle(self, future: cf.Future[R], job: Job[B]) -> BatchOutcome[B, R] | None:
        """The outcome of a finished batch; None when it is to run again."""
        try:
            return BatchOutcome(batch=job.batch, value=future.result())
        except SchedulerLost:
            self._is_broken = True
            self._again.append(job)
        except WorkersDied as e:
            return self._try_again(job, others_died=e.others_died)
        except (cf.BrokenExecutor, cf.CancelledError):
            self._is_broken = True
            return self._try_again(job)
        except Exception as e:
            return BatchOutcome(batch=job.batch, error=e)
        return None

    def _try_again(self, job: Job[B], *, others_died: bool = False) -> BatchOutcome[B, R] | None:
        """Have the batch run again, alone if it is suspected; after the last try, its outcome."""
        following = job.after_death(others_died=others_died)
        if not following:
            error = WorkerLost("the worker process died under this batch")
            return BatchOutcome(batch=job.batch, error=error)
        (self._again if following.attempt == 1 else self._suspects).append(following)
        return None

    def _replace_workers(self) -> None:
        """Start new workers, or connect again.

        Any batch that was under way may have killed a worker process: they run one at a time.
        """
        is_cluster = self._spec.kind == "dask"
        for job in self._live.values():
            if is_cluster:
                self._again.append(job)
            else:
                self._suspects.append(replace(job, attempt=job.attempt + 1))
        self._live.clear()
        if self._executor:
            self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor, self._is_broken = None, False
        self._losses += is_cluster
        if self._losses > LOSSES:
            raise cluster.unreachable(self._spec.address)

    def _close(self) -> None:
        """Wait for the workers to finish what they are doing, then let them go."""
        self._withdraw()
        late = cf.wait(self._live, 0 if self._is_stalled else self._stall_s).not_done
        if late:
            log.warning("workers_left_behind", batches=len(late), engine=self._spec.kind)
        if isinstance(self._executor, Processes) and late:
            self._executor.kill()
        if self._executor:
            is_waited_for = not late or self._spec.kind == "processes"
            self._executor.shutdown(wait=is_waited_for, cancel_futures=True)
