"""The shell of every run: however it ends, its workers have ended before the next run begins."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from everycase.app import App
from everycase.cli.console import ProgressLines
from everycase.domain.errors import AnotherRunAtWork, DatabaseUnreachable, ExitCode
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.operations import jobs, work
from everycase.operations.setup import stop_server
from everycase.pipeline import run as shell
from everycase.pipeline.engine import Stalled
from everycase.pipeline.workers import is_any_left
from everycase.settings import Settings
from everycase.sources.sample.source import write_sample
from everycase.store import db, embedded, locks, runs
from tests.support.exports import case, child, record_id, write_export
from tests.support.world import World

CASES = 120
WAIT_S = 60.0
SMALL = ("local-small",)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "sample"
    write_sample(folder, cases=CASES, seed=11)
    return folder


class Stand:
    """A part of the outside that does what it did, but for what a test changes."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@contextmanager
def app_with(
    world: World, source: Path, *, part: str, make: Callable[[Any], Any], **settings: Any
) -> Iterator[App]:
    with world.app(source, embedders=SMALL, **settings) as app:
        changed = {part: make(getattr(app.processor, part))}
        app.__dict__["processor"] = replace(app.processor, **changed)
        yield app


def sync(app: App) -> Any:
    return work.sync(app, ProgressLines(quiet=True))


def last_sync(world: World) -> dict[str, Any]:
    return world.rows("select * from recon.sync_runs order by start_time desc limit 1")[0]


def loaded(world: World) -> int:
    n: int = world.rows("select count(*) as n from recon.data_lineage where status = 'completed'")[0]["n"]
    return n


def is_locked(world: World) -> bool:
    with db.connect(world.dsn) as conn:
        return locks.is_anybody_at_work(conn)


class RaisesOnce(Stand):
    """An embedder whose first call raises when three others are at work; those go on a little later."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self._others = threading.Barrier(4)
        self._is_first = threading.Semaphore(1)
        self._has_raised = threading.Event()

    def embed_documents(self, texts: list[str], **given: Any) -> Any:
        if self._has_raised.is_set():
            return self.inner.embed_documents(texts, **given)
        is_first = self._is_first.acquire(blocking=False)
        self._others.wait(WAIT_S)
        if is_first:
            self._has_raised.set()
            raise DatabaseUnreachable("PostgreSQL was lost, says the test")
        self._has_raised.wait(WAIT_S)
        return self.inner.embed_documents(texts, **given)


def test_a_worker_that_raises_ends_the_run_when_the_three_others_have_written(
    world: World, source: Path
) -> None:
    """Their work is counted, and nobody writes any more when the lock is free."""
    with app_with(world, source, part="embedder", make=RaisesOnce, engine="threads:4", batch_size=10) as app:
        with pytest.raises(DatabaseUnreachable, match="says the test"):
            sync(app)
        assert not is_any_left()
        assert not is_locked(world)
        written = loaded(world)
    kept = last_sync(world)
    assert 30 <= written == kept["report"]["created"] < CASES
    assert (kept["status"], loaded(world)) == ("failed", written)
    assert "says the test" in kept["report"]["error"]
    assert world.sync(source, embedders=SMALL).is_clean
    assert loaded(world) == CASES


class GoesAway(Stand):
    """An index that takes one batch and is away from then on."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self._is_first = threading.Semaphore(1)

    def upsert(self, objects: Any) -> Any:
        if self._is_first.acquire(blocking=False):
            return self.inner.upsert(objects)
        raise LoadFailure(ErrorType.WEAVIATE_UNAVAILABLE, "connection refused")

    replace = upsert


def test_what_finished_before_an_early_stop_is_counted(world: World, source: Path) -> None:
    """The batch that was loaded, those that met no index, and what is left: together all that was due."""
    with app_with(world, source, part="index", make=GoesAway, engine="threads:2", batch_size=10) as app:
        report = sync(app)
    totals = report.totals
    assert report.figures.deferral == "index_away"
    assert totals.created == loaded(world) == 10
    assert totals.cases + report.figures.deferred == CASES
    assert last_sync(world)["report"]["created"] == 10
    assert report.exit_code is ExitCode.UNREACHABLE


class NeverReturns(Stand):
    """An embedder that does not return until it is released."""

    released = threading.Event()

    def embed_documents(self, texts: list[str], **given: Any) -> Any:
        self.released.wait()
        return self.inner.embed_documents(texts, **given)


def test_a_worker_that_was_left_behind_keeps_the_next_run_out(
    world: World, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stalled run has ended, its worker has not: the next run waits for it, and says so."""
    monkeypatch.setattr(shell, "LOCK_WAIT_S", 0.5)
    NeverReturns.released.clear()
    settings: dict[str, Any] = {"engine": "threads:2", "stall_after": "2s"}
    with app_with(world, source, part="embedder", make=NeverReturns, **settings) as app:
        with pytest.raises(Stalled):
            sync(app)
        assert last_sync(world)["status"] == "failed"
        with pytest.raises(AnotherRunAtWork, match="a worker of an earlier everycase run"):
            world.sync(source, embedders=SMALL)
        NeverReturns.released.set()
        monkeypatch.setattr(shell, "LOCK_WAIT_S", WAIT_S)
        assert world.sync(source, embedders=SMALL).is_clean
    assert loaded(world) == CASES


STALLING = """
import os, sys, threading
from everycase.app import App
from everycase.cli.__main__ import main
from everycase.embedders.wordllama import WordLlamaEmbedder
WordLlamaEmbedder.embed_documents = lambda *_, **__: threading.Event().wait()
sys.argv = ["everycase", "sync", "--json"]
main()
"""


def test_a_command_whose_worker_never_returns_exits(world: World, source: Path) -> None:
    """With one sentence; nobody releases the worker."""
    env = world.environment(source, embedders=SMALL, engine="threads:2", stall_after="2s")
    done = subprocess.run(
        [sys.executable, "-c", STALLING], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "no batch has finished for 2 s" in done.stderr
    assert world.sync(source, embedders=SMALL).is_clean


def test_a_dry_run_disturbs_no_run(world: World, source: Path) -> None:
    """It goes through while another run holds the lock, says so, and leaves no books."""
    world.sync(source, embedders=SMALL)
    with db.connect(world.dsn) as conn, locks.wait_for(conn, locks.PIPELINE, seconds=1):
        found = world.reconcile(source, dry_run=True, embedders=SMALL)
    assert found["gaps"] == {}
    assert any("a run is at work" in p for p in found["problems"])
    assert world.rows("select from recon.reconciliation_runs") == []


def test_each_job_of_serve_reads_the_source_as_it_is_then(world: World, tmp_path: Path) -> None:
    """A file that comes later is seen, and so is one that was replaced."""
    folder = tmp_path / "x"
    write_export(folder, Case=[case(n) for n in range(3)])
    with world.app(folder, embedders=SMALL) as app:
        job = jobs.list_jobs(app, lambda: ProgressLines(quiet=True))[0]
        assert job.run().startswith("3 created")
        write_export(folder, Case=[case(n) for n in range(5)], Task=[child("Task", 1, record_id("Case", 1))])
        assert job.run().startswith("2 created, 1 updated")


def test_stop_refuses_while_a_run_or_its_worker_is_at_work() -> None:
    """And ends the server when they are over."""
    home = Path("/tmp") / f"ecs{os.getpid()}"
    settings = Settings(home=home)
    try:
        dsn = embedded.start(home)
        with db.connect(dsn) as conn:
            with locks.wait_for(conn, locks.BUILD, seconds=1), pytest.raises(AnotherRunAtWork):
                stop_server(settings)
            with locks.at_work(conn, locks.PIPELINE), pytest.raises(AnotherRunAtWork):
                stop_server(settings)
        assert stop_server(settings)
        assert not stop_server(settings)
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


# ── processes and signals ────────────────────────────────────────────────────────────────────────


def start(world: World, source: Path, *words: str, **settings: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "everycase.cli", *words],
        env=world.environment(source, embedders=SMALL, batch_size=2, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_it_loads(world: World, process: subprocess.Popen[str]) -> None:
    """Until a few cases are loaded and most are not."""
    deadline = time.monotonic() + WAIT_S
    while loaded(world) < 4:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def prepared(world: World) -> World:
    """Its schema is there, so that a test can look while the first load is at work."""
    with world.app() as app:
        app.connect().close()
    return world


@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGINT, ExitCode.INTERRUPTED)]
)
@pytest.mark.parametrize("engine", ["threads:2", "processes:2"])
def test_a_signal_ends_a_load_at_the_next_batch(
    prepared: World, source: Path, engine: str, sign: signal.Signals, code: ExitCode
) -> None:
    """What was begun is finished and counted, the rest is left to the next sync."""
    process = start(prepared, source, "sync", "--json", engine=engine)
    wait_until_it_loads(prepared, process)
    process.send_signal(sign)
    process.communicate(timeout=WAIT_S)
    kept = last_sync(prepared)
    report = kept["report"]
    assert (process.returncode, kept["status"], report["deferral"]) == (code, "interrupted", "interrupted")
    assert 0 < report["created"] == loaded(prepared) < CASES
    assert report["created"] + report["failed"] + report["deferred"] == CASES
    assert not is_locked(prepared)
    assert prepared.sync(source, embedders=SMALL).is_clean
    assert loaded(prepared) == CASES


def test_a_second_signal_ends_it_at_once(prepared: World, source: Path) -> None:
    """While a worker does not return; the books say by the lock that it is over."""
    env = prepared.environment(source, embedders=SMALL, engine="threads:2")
    process = subprocess.Popen(
        [sys.executable, "-c", STALLING], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + WAIT_S
    while not prepared.rows("select from recon.data_lineage where current_stage = 'pii_removed'"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    while process.poll() is None:
        assert time.monotonic() < deadline
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    assert process.returncode == -signal.SIGTERM
    assert last_sync(prepared)["status"] == "running"
    with prepared.app(source) as app, app.pool.connection() as conn:
        wait_for_the_lock(prepared)
        last = runs.last(conn)
        assert last
        assert last["status"] == "interrupted"


def wait_for_the_lock(world: World) -> None:
    """The server needs a moment to notice that its client is gone."""
    deadline = time.monotonic() + WAIT_S
    while is_locked(world):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_serve_can_be_told_to_end_in_its_first_load(prepared: World, source: Path) -> None:
    """It ends in order, with exit code 0, and the load is due again soon."""
    process = start(prepared, source, "serve", "--json", engine="threads:2")
    wait_until_it_loads(prepared, process)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert '"interrupted"' in out
    assert 0 < loaded(prepared) < CASES
    assert last_sync(prepared)["status"] == "interrupted"
    assert prepared.rows("select from recon.reconciliation_runs") == []


def test_a_sync_right_after_a_kill_waits_for_the_workers_of_the_killed_one(
    prepared: World, source: Path
) -> None:
    """The parent alone is killed; its worker processes end by themselves, and nothing is lost or doubled."""
    process = start(prepared, source, "sync", "--json", engine="processes:2")
    wait_until_it_loads(prepared, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    report = prepared.sync(source, embedders=SMALL)
    assert report.is_clean
    assert psutil.wait_procs([w for w in workers if "spawn_main" in " ".join(_words(w))], timeout=60)[1] == []
    process.communicate()
    assert len(prepared.index()) == loaded(prepared) == CASES
    assert sorted(r["status"] for r in prepared.rows("select status from recon.sync_runs")) == [
        "completed",
        "interrupted",
    ]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
