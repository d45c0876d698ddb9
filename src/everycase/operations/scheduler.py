"""The schedule: run the jobs that are due, in order. Daemons, cron and timers may do so side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import structlog

from everycase.domain.errors import EverycaseError, RunInterrupted
from everycase.store import schedule
from everycase.store.db import Connection
from everycase.store.schedule import Claim

log = structlog.get_logger()

LOST = "schedule"
"""The name of the result that says that the database cannot be used."""

_SHORTEST_WAIT_S = 0.01

Connect = Callable[[], Connection]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledJob:
    """A periodic job. `every` of zero: switched off.

    `run` returns one sentence on what it did, and raises `EverycaseError` with one that says what to do.
    """

    name: str
    every: timedelta
    run: Callable[[], str]
    lead: timedelta | None = None
    """Started so much before `every` is over, and by as long as it took last time: what it brings is there
    within `every`. None: `every` from start to start."""


class JobOutcome(StrEnum):
    RAN = "ran"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """It was told to end; it is due again after a minute."""
    NOT_DUE = "not_due"
    BUSY = "busy"
    """Another daemon is running it."""
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """How one job ended."""

    name: str
    outcome: JobOutcome
    message: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run_due(
    connect: Connect, jobs: Sequence[ScheduledJob], stop: threading.Event | None = None
) -> list[JobResult]:
    """Run what is due, one after the other, in the order given. One that fails keeps none of the others.

    None begins once `stop` is set or one of them was told to end. Raises `DependencyUnreachable` where
    `connect` does.
    """
    with connect() as conn:
        schedule.add(conn, [j.name for j in jobs])
    results: list[JobResult] = []
    for job in jobs:
        if (stop and stop.is_set()) or any(r.outcome is JobOutcome.INTERRUPTED for r in results):
            break
        results.append(_run_if_due(connect, job))
    return results


def _run_if_due(connect: Connect, job: ScheduledJob) -> JobResult:
    if not job.every:
        return JobResult(name=job.name, outcome=JobOutcome.OFF)
    with connect() as conn, schedule.claim(conn, job.name, every=job.every, lead=job.lead) as claimed:
        if claimed.claim is not Claim.OURS:
            return JobResult(name=job.name, outcome=JobOutcome(claimed.claim.value))
        started = time.perf_counter()
        try:
            message, outcome = job.run(), JobOutcome.RAN
        except Exception as e:
            was_interrupted = isinstance(e, RunInterrupted)
            message = claimed.error = _sentence(e)
            outcome = JobOutcome.INTERRUPTED if was_interrupted else JobOutcome.FAILED
            log.debug("job_failed", job=job.name, error=type(e).__name__, exc_info=True)
        return JobResult(
            name=job.name, outcome=outcome, message=message, seconds=time.perf_counter() - started
        )


def serve(
    connect: Connect,
    jobs: Sequence[ScheduledJob],
    stop: threading.Event,
    *,
    poll_s: float,
    on_result: Callable[[JobResult], None],
) -> None:
    """Look for due jobs until `stop` is set: when the next is due, and every `poll_s` at least.

    A database that goes away is waited for.
    `on_result` is told of jobs that ran, failed or were interrupted, and once of a database that cannot be
    used.
    """
    was_lost = False
    while not stop.is_set():
        wait_s = poll_s
        try:
            results = run_due(connect, jobs, stop)
            wait_s = _wait_s(connect, jobs, poll_s)
            was_lost = False
        except EverycaseError as e:
            results = [] if was_lost else [_lost(e)]
            was_lost = True
        for result in results:
            if result.outcome in (JobOutcome.RAN, JobOutcome.FAILED, JobOutcome.INTERRUPTED):
                on_result(result)
        stop.wait(wait_s)


def _wait_s(connect: Connect, jobs: Sequence[ScheduledJob], longest: float) -> float:
    """Seconds until the next job is due, at most `longest`."""
    periods = {j.name: (j.every, j.lead) for j in jobs if j.every}
    with connect() as conn:
        found = schedule.seconds_to_next(conn, periods)
    return longest if found is None else min(max(found, _SHORTEST_WAIT_S), longest)


def _lost(error: Exception) -> JobResult:
    return JobResult(name=LOST, outcome=JobOutcome.FAILED, message=f"{_sentence(error)}; looked for again")


def _sentence(error: Exception) -> str:
    """Ours say what to do; of others only their type is told, for they may quote the data."""
    if isinstance(error, EverycaseError):
        return str(error)
    return f"unexpected {type(error).__name__}; everycase sync --debug shows where"
