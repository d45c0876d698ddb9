"""Engines: every batch comes out once, whatever dies."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from everycase.domain.errors import WrongUse
from everycase.pipeline.engine import EngineSpec, Stalled, WorkerLost, run


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


@pytest.mark.parametrize("text", ["threads", "threads:0", "threads:x", "processes:999", "dask:x", ""])
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


def test_a_stall_is_said_so() -> None:
    """Instead of waiting for ever."""
    release = threading.Event()
    outcomes = run(EngineSpec.parse("threads:1"), lambda _: release.wait(20), [1], stall_s=0.2)
    timer = threading.Timer(0.6, release.set)
    timer.start()
    started = time.monotonic()
    with pytest.raises(Stalled):
        list(outcomes)
    assert time.monotonic() - started < 15
