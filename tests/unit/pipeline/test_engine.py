"""Engines: every batch comes out once, whatever dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from everycase.domain.errors import WrongUse
from everycase.pipeline.engine import SPARED, TRIES, EngineSpec, Job, WorkerLost, run
from everycase.pipeline.workers import is_any_left


def double(n: int) -> int:
    if n == 13:
        raise ValueError("thirteen")
    return 2 * n


def die_once(where: tuple[str, int]) -> int:
    """Kills its own process at the first try of the batch 3."""
    folder, n = where
    mark = Path(folder) / str(n)
    if n == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def die_always(n: int) -> int:
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


@pytest.mark.parametrize(
    "text", ["threads", "threads:0", "threads:x", "processes:999", "dask:x", "dask:tcp://host", ""]
)
def test_an_engine_that_is_none_is_wrong_use(text: str) -> None:
    """And the message says what there is."""
    with pytest.raises(WrongUse, match="threads:N"):
        EngineSpec.parse(text)


@pytest.mark.parametrize("text", ["inline", "threads:3", "processes:2"])
def test_every_batch_comes_out_once_and_errors_are_its_own(text: str) -> None:
    """A poison batch fails alone."""
    found = list(run(EngineSpec.parse(text), double, range(30)))
    assert sorted(o.batch for o in found) == list(range(30))
    assert {o.value for o in found if o.error is None} == {2 * n for n in range(30) if n != 13}
    assert [type(o.error) for o in found if o.error] == [ValueError]


def test_a_batch_whose_worker_dies_runs_again(tmp_path: Path) -> None:
    """And its siblings too."""
    found = list(run(EngineSpec.parse("processes:2"), die_once, [(str(tmp_path), n) for n in range(8)]))
    assert sorted(o.value for o in found if o.value is not None) == list(range(8))


def test_a_batch_that_kills_every_worker_is_given_up_alone() -> None:
    """After three tries; the others are done."""
    found = list(run(EngineSpec.parse("processes:2"), die_always, range(6)))
    assert sorted(o.batch for o in found) == list(range(6))
    assert [o.batch for o in found if isinstance(o.error, WorkerLost)] == [3]


def test_deaths_count_against_a_batch_unless_workers_die_without_it() -> None:
    """It is tried three times, and more often where something else kills workers, but not for ever."""
    assert count_tries(lambda _: False) == TRIES
    assert count_tries(lambda _: True) == SPARED + TRIES
    assert count_tries(lambda n: n % 2 == 0) == 2 * TRIES - 1


def count_tries(others_died: Callable[[int], bool]) -> int:
    job, tries = Job("batch"), 1
    while following := job.after_death(others_died=others_died(tries)):
        job, tries = following, tries + 1
    return tries


def test_a_slow_consumer_holds_the_source_back() -> None:
    """Never more batches under way than twice the workers."""
    taken = []

    def source():
        for n in range(100):
            taken.append(n)
            yield n

    outcomes = run(EngineSpec.parse("threads:2"), double, source())
    next(outcomes)
    assert len(taken) <= 5
    outcomes.close()


STALL = """
import threading
from everycase.pipeline.engine import EngineSpec, Stalled, run
try:
    list(run(EngineSpec.parse("{engine}"), {work}, [1], stall_s=1))
except Stalled as e:
    print("stalled:", e)
"""


@pytest.mark.parametrize(
    ("engine", "work"),
    [
        ("threads:2", "lambda _: threading.Event().wait()"),
        ("processes:2", "__import__('tests.unit.pipeline.test_engine', fromlist=['x']).never_return"),
    ],
)
def test_a_worker_that_never_returns_keeps_neither_the_run_nor_the_process(engine: str, work: str) -> None:
    """The run ends at the stall limit, and the process exits although nobody releases the worker."""
    done = subprocess.run(
        [sys.executable, "-c", STALL.format(engine=engine, work=work)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "stalled: no batch has finished for 1 s" in done.stdout


def test_a_generator_that_is_closed_waits_for_its_workers() -> None:
    """Nobody writes any more when the caller goes on."""
    at_work, written = threading.Semaphore(0), []

    def write(n: int) -> int:
        if n == 0:
            return n
        at_work.release()
        time.sleep(0.2)
        written.append(n)
        return n

    outcomes = run(EngineSpec.parse("threads:4"), write, range(100))
    assert next(outcomes).batch == 0
    for _ in range(3):
        at_work.acquire()
    outcomes.close()
    settled = list(written)
    assert len(settled) >= 3
    assert not is_any_left()
    assert written == settled


@pytest.mark.parametrize("text", ["inline", "threads:2", "processes:2"])
def test_a_run_that_is_told_to_end_yields_what_it_has_begun_and_begins_no_more(text: str) -> None:
    """At most the batches that its workers have already taken come out after that."""
    found = []
    for outcome in run(EngineSpec.parse(text), double, range(1000), should_end=lambda: len(found) >= 5):
        found.append(outcome.batch)
    assert 5 <= len(found) <= 12
    assert len(set(found)) == len(found)


def test_no_worker_process_outlives_its_run() -> None:
    """They are waited for, whether the run ended or was left."""
    outcomes = run(EngineSpec.parse("processes:2"), double, range(50))
    next(outcomes)
    outcomes.close()
    assert multiprocessing.active_children() == []


def never_return(n: int) -> int:
    threading.Event().wait()
    return n


def tell_who_i_am(folder: str) -> str:
    (Path(folder) / str(os.getpid())).touch()
    threading.Event().wait()
    return folder


PARENT = """
import sys
from everycase.pipeline.engine import EngineSpec, run
from tests.unit.pipeline.test_engine import tell_who_i_am
if __name__ == "__main__":
    list(run(EngineSpec.parse("processes:2"), tell_who_i_am, [sys.argv[1]] * 2))
"""


def test_worker_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """Without a word from it, within seconds."""
    folder = tmp_path / "workers"
    folder.mkdir()
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(folder)], env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    deadline = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2:
        assert time.monotonic() < deadline, "the workers did not start"
        time.sleep(0.05)
    workers = [psutil.Process(int(mark.name)) for mark in folder.iterdir()]
    parent.kill()
    parent.wait()
    assert psutil.wait_procs(workers, timeout=60)[1] == []
