"""Jobs that come round: due, not due, caught up, and never twice at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from everycase.domain.errors import DependencyUnreachable, EverycaseError
from everycase.operations.jobs import poll_seconds
from everycase.operations.scheduler import JobOutcome, JobResult, ScheduledJob, run_due, serve
from everycase.store import db, schedule
from everycase.store.schedule import seconds_to_next

HOUR = timedelta(hours=1)
PATIENCE_S = 120.0
"""What has not happened by then will not: a busy machine takes its time."""

DAEMON = """
import sys, threading, time
from datetime import timedelta
from itertools import pairwise
from everycase.operations.scheduler import ScheduledJob, serve
from everycase.store import db
dsn, every, takes, lasts = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
def run():
    with db.connect(dsn) as conn:
        n = conn.execute("insert into ran (began) values (clock_timestamp()) returning n").fetchone()[0]
        time.sleep(takes)
        conn.execute("update ran set ended = clock_timestamp() where n = %s", (n,))
    return "done"
stop = threading.Event()
threading.Timer(lasts, stop.set).start()
serve(lambda: db.connect(dsn), [ScheduledJob(name="j", every=timedelta(seconds=every), run=run)], stop,
      poll_s=0.05, on_result=lambda r: None)
"""


@pytest.fixture
def dsn(database_url: str) -> str:
    with db.connect(database_url) as conn:
        conn.execute("create table ran (n serial primary key, began timestamptz, ended timestamptz)")
    return database_url


def test_a_start_that_has_not_come_yet_stops_no_job(dsn: str) -> None:
    """A clock was ahead when it was written."""
    job = ScheduledJob(name="j", every=HOUR, run=lambda: "done")
    assert outcomes(dsn, job) == [JobOutcome.RAN]
    with db.connect(dsn) as conn:
        conn.execute("update recon.schedule set last_start = now() + interval '3 years'")
    assert outcomes(dsn, job) == [JobOutcome.RAN]
    assert outcomes(dsn, job) == [JobOutcome.NOT_DUE]


def daemon(dsn: str, *, every: float, takes: float, lasts: float) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", DAEMON, dsn, *map(str, (every, takes, lasts))]
    return subprocess.Popen(words, stderr=subprocess.DEVNULL)


def outcomes(dsn: str, *jobs: ScheduledJob) -> list[JobOutcome]:
    return [r.outcome for r in run_due(lambda: db.connect(dsn), jobs)]


def shift(dsn: str, seconds: float) -> None:
    """As if so much time had gone by."""
    with db.connect(dsn) as conn:
        moved = "update recon.schedule set last_start = last_start - %s, last_end = last_end - %s"
        conn.execute(moved, (timedelta(seconds=seconds),) * 2)


def test_a_job_runs_when_it_is_due_and_once_after_a_long_time_off(dsn: str) -> None:
    """At first at once; then not before its time; after three days off once, not 72 times."""
    seen: list[int] = []
    job = ScheduledJob(name="sync", every=HOUR, run=lambda: str(seen.append(1)))
    assert outcomes(dsn, job) == [JobOutcome.RAN]
    assert outcomes(dsn, job) == [JobOutcome.NOT_DUE]
    shift(dsn, 3599)
    assert outcomes(dsn, job) == [JobOutcome.NOT_DUE]
    shift(dsn, 3 * 86400)
    assert outcomes(dsn, job) == [JobOutcome.RAN]
    assert outcomes(dsn, job) == [JobOutcome.NOT_DUE]
    assert len(seen) == 2


def test_a_job_that_fails_keeps_no_other_and_is_tried_again_soon(dsn: str) -> None:
    """Its sentence is kept; what an unforeseen error says is not."""

    def fail() -> str:
        raise EverycaseError("the source is away: check it")

    def explode() -> str:
        raise ValueError("odalys@brightmoor.example")

    jobs = [
        ScheduledJob(name="a", every=HOUR, run=fail),
        ScheduledJob(name="b", every=HOUR, run=explode),
        ScheduledJob(name="c", every=HOUR, run=lambda: "fine"),
        ScheduledJob(name="d", every=timedelta(0), run=fail),
    ]
    assert outcomes(dsn, *jobs) == [JobOutcome.FAILED, JobOutcome.FAILED, JobOutcome.RAN, JobOutcome.OFF]
    with db.connect(dsn) as conn:
        errors = {r.name: r.error for r in schedule.last_runs(conn)}
    assert errors["a"] == "the source is away: check it"
    assert "ValueError" in errors["b"]
    assert "odalys" not in errors["b"]
    assert errors["c"] is None
    assert outcomes(dsn, *jobs[:3]) == [JobOutcome.NOT_DUE] * 3
    shift(dsn, 61)
    assert outcomes(dsn, *jobs[:3]) == [JobOutcome.FAILED, JobOutcome.FAILED, JobOutcome.NOT_DUE]


def test_three_daemons_never_run_a_job_twice(dsn: str) -> None:
    """No two at once, and none twice in its period: a second claim would follow sooner than half of it."""
    daemons = [daemon(dsn, every=1, takes=0.05, lasts=5) for _ in range(3)]
    for d in daemons:
        d.wait()
    with db.connect(dsn) as conn:
        rows = conn.execute("select began, ended from ran order by began").fetchall()
    assert len(rows) >= 2
    for (began, ended), (following, _) in pairwise(rows):
        assert ended is not None
        assert ended <= following
        assert (following - began).total_seconds() >= 0.5


def test_a_job_with_a_lead_is_done_within_its_period(dsn: str) -> None:
    """It starts earlier by the lead and by as long as it took, but not before half of its period."""
    hour = ScheduledJob(name="j", every=HOUR, run=lambda: "", lead=timedelta(minutes=5))
    assert outcomes(dsn, hour) == [JobOutcome.RAN]
    for ago, took, outcome in ((49, 5, "not_due"), (51, 5, "ran"), (29, 50, "not_due"), (31, 50, "ran")):
        began(dsn, ago=ago, took=took)
        assert outcomes(dsn, hour) == [JobOutcome(outcome)]
    began(dsn, ago=51, took=5)
    assert outcomes(dsn, replace(hour, lead=None)) == [JobOutcome.NOT_DUE]


def test_the_next_look_is_when_a_job_is_due(dsn: str) -> None:
    """By period and lead; a job that is due already is no reason to look at once."""
    assert outcomes(dsn, ScheduledJob(name="j", every=HOUR, run=lambda: "")) == [JobOutcome.RAN]
    began(dsn, ago=10, took=2)
    lead = timedelta(minutes=3)
    with db.connect(dsn) as conn:
        assert seconds_to_next(conn, {"j": (HOUR, None)}) == pytest.approx(50 * 60, abs=PATIENCE_S)
        assert seconds_to_next(conn, {"j": (HOUR, lead)}) == pytest.approx(45 * 60, abs=PATIENCE_S)
        assert seconds_to_next(conn, {"j": (timedelta(minutes=5), None)}) is None


def began(dsn: str, *, ago: int, took: int) -> None:
    """The job started so many minutes ago, and took as many."""
    with db.connect(dsn) as conn:
        conn.execute(
            "update recon.schedule set last_start = clock_timestamp() - make_interval(mins => %(ago)s),"
            " last_end = clock_timestamp() - make_interval(mins => %(ago)s - %(took)s) where name = 'j'",
            {"ago": ago, "took": took},
        )


def test_when_the_holder_is_killed_a_sibling_goes_on(dsn: str) -> None:
    """The lock ends with its connection; a job that died in mid-run is due after its pause."""
    first = daemon(dsn, every=0.4, takes=30, lasts=30)
    wait_for_row(dsn)
    assert outcomes(dsn, ScheduledJob(name="j", every=HOUR, run=lambda: "")) == [JobOutcome.BUSY]
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    deadline = time.monotonic() + PATIENCE_S
    found = [JobOutcome.BUSY]
    while found != [JobOutcome.RAN] and time.monotonic() < deadline:
        found = outcomes(dsn, ScheduledJob(name="j", every=timedelta(seconds=0.4), run=lambda: ""))
        time.sleep(0.05)
    assert found == [JobOutcome.RAN]


def wait_for_row(dsn: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    with db.connect(dsn) as conn:
        while time.monotonic() < deadline:
            if conn.execute("select count(*) from ran").fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("the daemon did nothing")


def test_serving_stops_at_once_and_outlives_its_database(dsn: str) -> None:
    """A database that is away is told of once, and looked for again."""
    stop, told = threading.Event(), []
    calls: list[int] = []

    def connect() -> db.Connection:
        calls.append(1)
        if len(calls) < 4:
            raise DependencyUnreachable("PostgreSQL is away")
        return db.connect(dsn)

    def hear(result: JobResult) -> None:
        told.append(result)
        if result.outcome is JobOutcome.RAN:
            stop.set()

    jobs = [ScheduledJob(name="j", every=HOUR, run=lambda: "worked")]
    thread = threading.Thread(
        target=serve, args=(connect, jobs, stop), kwargs={"poll_s": 0.01, "on_result": hear}
    )
    thread.start()
    thread.join(timeout=PATIENCE_S)
    assert not thread.is_alive()
    assert [(r.name, r.message) for r in told] == [
        ("schedule", "PostgreSQL is away; looked for again"),
        ("j", "worked"),
    ]
    idle = threading.Event()
    waiting = threading.Thread(
        target=serve, args=(connect, jobs, idle), kwargs={"poll_s": 600, "on_result": hear}
    )
    waiting.start()
    idle.set()
    waiting.join(timeout=PATIENCE_S)
    assert not waiting.is_alive()


@pytest.mark.parametrize(
    ("periods", "seconds"), [([0, 3600], 15.0), ([3600, 21600], 15.0), ([4, 3600], 1.0), ([0, 0], 15.0)]
)
def test_a_short_period_is_kept(periods: list[int], seconds: float) -> None:
    """serve looks often enough for the shortest one."""
    assert poll_seconds([timedelta(seconds=p) for p in periods]) == seconds
