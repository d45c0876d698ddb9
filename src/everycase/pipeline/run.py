"""What every run has around its work, once for sync, reconcile, retry and build (contract §12).

The lock, the pipeline's state, the books, and alerts. However the work ends, its workers have ended
before the lock is given back: `Crew.through` waits for them, and a worker that cannot be waited for holds
a lock of its own (`locks.at_work`), which the next run waits for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar
from uuid import UUID

import structlog
from psycopg.pq import TransactionStatus
from structlog.contextvars import bound_contextvars

from everycase.domain.alerts import Facts, Told
from everycase.domain.errors import (
    DependencyUnreachable,
    EverycaseError,
    PipelineStopped,
    RunInterrupted,
    WrongUse,
)
from everycase.domain.failures import LoadFailure
from everycase.domain.runs import RunFigures, RunKind, RunStatus, Worked
from everycase.domain.shards import Shard, ShardedWork
from everycase.domain.usage import Prices
from everycase.pipeline.ending import Ending
from everycase.store import budget, locks, shards, state
from everycase.store.db import Connection
from everycase.store.shards import Round

log = structlog.get_logger()

LOCK_WAIT_S = 30.0
"""How long a run waits for what a killed one has left behind: its backend, its workers."""


class RunReport(Protocol):
    """What the shell needs of a report. Reports are frozen."""

    @property
    def facts(self) -> Facts: ...

    @property
    def is_fully_clean(self) -> bool: ...

    def with_alerts(self, told: Told) -> Self: ...


R = TypeVar("R", bound=RunReport)


class Teller(Protocol):
    """Sends people the alerts of a run."""

    def tell(self, conn: Connection, facts: Facts, *, is_clean: bool, now: datetime) -> Told: ...

    def tell_unremembered(self, kind: RunKind, error: str) -> None: ...


@dataclass(kw_only=True)
class OpenRun:
    """A run at work. `conn` holds its lock; `worked` counts what its batches have come to so far."""

    run_id: UUID
    conn: Connection
    started_at: datetime
    database_time: datetime
    """When it started, by the database's clock."""
    worked: Worked = field(default_factory=Worked)
    round: Round | None = None
    """Of a shard: the round that it takes part in."""
    findings: list[str] = field(default_factory=list)
    """Signs that the database or the index is of another time, or that a clock was wrong: a sentence each."""
    started: float = field(default_factory=time.perf_counter)

    @property
    def shard(self) -> Shard | None:
        """The part of the cases that this run works on; None: all of them."""
        return self.round.shard if self.round else None

    @property
    def leads(self) -> bool:
        """Whether it reads the source and prepares the index; other shards find that done."""
        return self.round is None or self.round.leads

    def let_others_in(self) -> None:
        """Let the other shards begin, once the leading shard has prepared the work."""
        if self.round:
            self.round.open()

    @property
    def duration_s(self) -> float:
        return time.perf_counter() - self.started

    def figures(self, prices: Prices, space: str, breakers: Sequence[Mapping[str, Any]]) -> RunFigures:
        """What it has worked off and spent until now. `space`: the preferred embedding space."""
        return RunFigures.of(
            self.worked, prices=prices, space=space, breakers=breakers, duration_s=self.duration_s
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How the work ended. `error` is one sentence, empty where nothing was raised."""

    status: RunStatus | None = None
    """`failed` or `interrupted`; None where the work came to its end."""
    error: str = ""


NOT_OPENED = "not opened"
"""What the books name as the source of a run that did not open one."""

KeepUnmade = Callable[[Connection, OpenRun, RunEnd, Told], None]
"""Writes into the books how a run ended that was refused, or could not open its source or index."""


Approve = Callable[[OpenRun], None]
"""Called before a run does anything; raises an error if the run must not go on."""


def approve_any(run: OpenRun) -> None:
    """Let every run go on."""


class Job(Protocol[R]):
    """The work of one run, and the books that it is kept in."""

    def begin(self) -> None:
        """Open the books."""

    def work(self) -> None:
        """Do everything; keep what is known for `summarise`."""

    def summarise(self, conn: Connection, end: RunEnd) -> R:
        """A report of what is known by now, also after an error."""

    def keep(self, conn: Connection, report: R) -> None:
        """Close the books."""


@dataclass(frozen=True, kw_only=True)
class Shell:
    """Carries out one job at a time on a database.

    `connect`: a connection of its own, to a database whose schema is up to date.
    """

    kind: RunKind
    connect: Callable[[], Connection]
    clock: Callable[[], datetime]
    ending: Ending
    teller: Teller
    held: Sequence[str] = (locks.PIPELINE,)
    """The locks to hold, in this order."""
    sharing: tuple[ShardedWork, Shard] | None = None
    """Work on a part, side by side with the other parts."""

    def carry_out(
        self, run_id: UUID, make_job: Callable[[OpenRun], Job[R]], keep_unmade: KeepUnmade | None = None
    ) -> R:
        """Do the job, keep its report and tell people, whatever happens to it.

        `keep_unmade`: writes into the books that the job could not even be made.

        Raises `AnotherRunAtWork`, `PipelineStopped`, `RunInterrupted`, `DependencyUnreachable`, and what
        the job raises.
        """
        with ExitStack() as stack:
            stack.enter_context(self.ending.on_signals())
            conn = stack.enter_context(self._connected())
            joined = self._hold(stack, conn)
            stack.enter_context(locks.alive(conn, run_id))
            stack.enter_context(bound_contextvars(run_id=str(run_id)))
            self._check_state(conn)
            return self._work(self._open(conn, run_id, joined), make_job, keep_unmade)

    def _hold(self, stack: ExitStack, conn: Connection) -> Round | None:
        """Hold the locks for as long as `stack` is open."""
        if self.sharing:
            work, shard = self.sharing
            return stack.enter_context(
                shards.joined(conn, work, shard, seconds=LOCK_WAIT_S, check=self.ending.check)
            )
        for name in self.held:
            stack.enter_context(locks.wait_for(conn, name, seconds=LOCK_WAIT_S))
        return None

    def try_out(self, run_id: UUID, make_job: Callable[[OpenRun], Job[R]]) -> R:
        """Do a job that writes nothing: without lock, books and alerts, beside whatever run is at work."""
        with self.ending.on_signals(), self.connect() as conn, reaching_index():
            job = make_job(self._open(conn, run_id))
            job.work()
            return job.summarise(conn, RunEnd())

    def _connected(self) -> Connection:
        try:
            return self.connect()
        except EverycaseError as e:
            self.teller.tell_unremembered(self.kind, str(e))
            raise

    def _check_state(self, conn: Connection) -> None:
        """Raises `PipelineStopped`, of which people are reminded once a day."""
        try:
            state.check(conn)
        except PipelineStopped:
            self._tell(conn, Facts(), RunEnd(status=RunStatus.STOPPED), is_clean=False)
            raise

    def _open(self, conn: Connection, run_id: UUID, joined: Round | None = None) -> OpenRun:
        return OpenRun(
            run_id=run_id,
            conn=conn,
            started_at=self.clock(),
            database_time=budget.clock(conn),
            round=joined,
        )

    def _work(self, run: OpenRun, make_job: Callable[[OpenRun], Job[R]], keep_unmade: KeepUnmade | None) -> R:
        job: Job[R] | None = None
        try:
            with reaching_index():
                self.ending.check()
                job = make_job(run)
                job.begin()
                job.work()
            return self._close(run.conn, job, RunEnd())
        except BaseException as e:
            self._close_after(run, job, self._end_of(e), keep_unmade)
            raise

    def _close(self, conn: Connection, job: Job[R], end: RunEnd) -> R:
        with locks.alone(conn, locks.BOOKS):
            report = job.summarise(conn, end)
            told = self._tell(conn, report.facts, end, is_clean=report.is_fully_clean)
            report = report.with_alerts(told)
            job.keep(conn, report)
        return report

    def _close_after(
        self, run: OpenRun, job: Job[R] | None, end: RunEnd, keep_unmade: KeepUnmade | None
    ) -> None:
        """Close the books of a run that raised; where PostgreSQL is away, people are told at least."""
        try:
            with self._usable(run.conn) as conn:
                if job is None:
                    told = self._tell(conn, Facts(), end, is_clean=False)
                    if keep_unmade:
                        keep_unmade(conn, run, end, told)
                else:
                    self._close(conn, job, end)
        except EverycaseError as e:
            log.warning("books_left_open", error=type(e).__name__)
            if end.error:
                self.teller.tell_unremembered(self.kind, end.error)

    @contextmanager
    def _usable(self, conn: Connection) -> Iterator[Connection]:
        """The run's own connection, or a fresh one where that is lost or in the middle of something."""
        if _is_idle(conn):
            yield conn
            return
        with self.connect() as fresh:
            yield fresh

    def _tell(self, conn: Connection, facts: Facts, end: RunEnd, *, is_clean: bool) -> Told:
        has_ended = end.status in (None, RunStatus.FAILED)
        stop = state.stopped(conn)
        found = replace(
            facts,
            errors={self.kind: end.error} if has_ended else {},
            stop_reason=stop.reason if stop else "",
        )
        return self.teller.tell(conn, found, is_clean=is_clean, now=self.clock())

    def _end_of(self, error: BaseException) -> RunEnd:
        """How a run ended that raised. Wrong use by a person is no alert: the command prints the error."""
        if isinstance(error, RunInterrupted) or not isinstance(error, Exception):
            return RunEnd(status=RunStatus.INTERRUPTED)
        by_hand = self.kind in (RunKind.RETRY, RunKind.BUILD) and isinstance(error, WrongUse)
        return RunEnd(status=RunStatus.FAILED, error="" if by_hand else sentence_of(error))


def sentence_of(error: Exception) -> str:
    """One sentence for people. Ours say what to do; of others only the type, for they may quote data."""
    if isinstance(error, EverycaseError):
        return str(error)
    return f"unexpected {type(error).__name__}; everycase sync --debug shows where"


def _is_idle(conn: Connection) -> bool:
    try:
        conn.execute("select 1")
    except EverycaseError:
        return False
    return conn.info.transaction_status is TransactionStatus.IDLE


@contextmanager
def reaching_index() -> Iterator[None]:
    """Raises `DependencyUnreachable` for the index that cannot be used within the block."""
    try:
        yield
    except LoadFailure as e:
        raise DependencyUnreachable(
            f"the index cannot be used ({e}): nothing was concluded from that and nothing is lost; run it "
            "again when the index is back"
        ) from None
