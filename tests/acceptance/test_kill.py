"""A run that is killed at any instant is finished by the next one: no case is lost or loaded twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from everycase.sources.sample.source import write_sample
from tests.support.damage import Damage
from tests.support.world import World

CASES = 400
BATCH = 16
WORKERS = 2


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kill") / "sample"
    write_sample(folder, cases=CASES, seed=11)
    return folder


def start(world: World, source: Path, engine: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "everycase.cli", *words, "--json"],
        env=world.environment(source, engine=engine, batch_size=BATCH),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """The process and all its children, at once, without a word."""
    family = [process.pid]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += [c.pid for c in psutil.Process(process.pid).children(recursive=True)]
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "seed"), [("threads:2", 1), ("processes:2", 2)])
def test_a_load_that_is_killed_again_and_again_is_finished(
    world: World, source: Path, engine: str, seed: int
) -> None:
    """Five kills at random instants; then ids in the index are ids staged, and no text was paid for twice.

    The cache keeps a text's vector before it is used, so at most the batches in flight are embedded again:
    their vectors were not kept yet.
    """
    rng = random.Random(seed)
    for _ in range(5):
        process = start(world, source, engine, "sync")
        world.wait_until_at_work(process)
        time.sleep(rng.uniform(0.0, 2.5))
        kill_tree(process)
    final = world.sync(source, batch_size=BATCH)
    assert final.is_clean
    staged = {r["id"] for r in world.rows("select id from udp.case where not is_deleted")}
    indexed = [r["case_id"] for r in world.index()]
    assert len(indexed) == len(staged) == CASES
    assert set(indexed) == staged
    assert {(r["current_stage"], r["status"]) for r in world.lineage().values()} == {
        ("weaviate_loaded", "completed")
    }
    kept = world.rows("select count(*) as n from recon.embedding_cache")[0]["n"]
    assert kept == CASES
    assert world.sync(source).totals.cases == 0


@pytest.mark.slow
def test_a_reconciliation_that_is_killed_again_and_again_is_completed(world: World, source: Path) -> None:
    """Ten kills at random instants in the repair of every kind of damage: completed, nothing repaired twice.

    A repair that was recorded is never done again: no case has more recoveries than damages.
    """
    rng = random.Random(3)
    world.sync(source, batch_size=BATCH)
    damage = Damage(world)
    lost = damage.lose(150)
    damage.overwrite_vectors(30)
    damage.alter_stamps(30)
    damage.drop_lineage(20)
    damage.leave_in_progress(20)
    damage.duplicate(10)
    damage.insert_foreign(10)
    for _ in range(10):
        process = start(world, source, "threads:2", "reconcile", "--type", "daily", "--deep")
        world.wait_until_at_work(process)
        time.sleep(rng.uniform(0.0, 1.5))
        kill_tree(process)
    final = world.reconcile(source, deep=True, batch_size=BATCH)
    assert (final["status"], final["gaps_left"]) == ("completed", {})
    assert world.reconcile(source, deep=True)["gaps"] == {}
    assert len({r["case_id"] for r in world.index()}) == len(world.index()) == CASES
    lineage = world.lineage()
    assert {(r["current_stage"], r["status"]) for r in lineage.values()} == {("weaviate_loaded", "completed")}
    assert max(r["recovery_count"] for r in lineage.values()) == 1
    assert all(lineage[i]["recovery_count"] == 1 for i in lost)
    runs = [r["status"] for r in world.rows("select status from recon.reconciliation_runs")]
    assert "running" not in runs


@pytest.mark.slow
def test_killed_servers_come_back(tmp_path: Path) -> None:
    """The embedded PostgreSQL is killed too: its stale pid file is no obstacle, and all commits are there."""
    from everycase.store import embedded
    from tests.support.world import World as W

    home = Path("/tmp") / f"eck{os.getpid()}"
    try:
        dsn = embedded.start(home)
        write_sample(tmp_path / "s", cases=5, seed=1)
        W(dsn, tmp_path).sync(tmp_path / "s")
        pid = int((home / "pg" / "postmaster.pid").read_text().splitlines()[0])
        server = psutil.Process(pid)
        family = [server, *server.children()]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=60)
        assert embedded.start(home) == dsn
        assert len(W(dsn, tmp_path).index()) == 5
    finally:
        embedded.stop(home)
        subprocess.run(["rm", "-rf", str(home)], check=False)
