"""`sync --shard I/N`: the parts side by side are the whole, whatever is killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from everycase.sources.sample.source import write_sample
from tests.acceptance.test_kill import kill_tree
from tests.support.damage import Damage
from tests.support.databases import Databases
from tests.support.shell import Shell
from tests.support.world import World

CASES, PARTS = 240, 4
OWN = {"loaded_at", "generation"}
"""Columns that tell two loads apart."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "sample"
    write_sample(folder, cases=CASES, seed=7)
    return folder


def start(world: World, source: Path, n: int, *words: str) -> subprocess.Popen[str]:
    words = words or ("sync",)
    return subprocess.Popen(
        [sys.executable, "-m", "everycase.cli", *words, "--shard", f"{n}/{PARTS}", "--json"],
        env=world.environment(source, engine="threads:1", batch_size=4),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    return dict(json.loads(out))


def contents(world: World) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in OWN} for row in world.index()]


def must_equal_the_whole(world: World, source: Path, databases: Databases, tmp_path: Path) -> None:
    with databases.fresh() as dsn:
        whole = World(dsn, tmp_path / "whole")
        whole.sync(source)
        assert contents(world) == contents(whole)
    assert world.rows("select sum(embedded)::int as n from recon.embedding_ledger") == [{"n": CASES}]
    assert world.sync(source).totals.cases == 0
    assert world.failures() == []


@pytest.mark.slow
def test_parts_at_the_same_time_are_the_whole(
    world: World, source: Path, databases: Databases, tmp_path: Path
) -> None:
    """One of them reads the source; each case is done by one, and the books of all are closed."""
    reports = [ended(p) for p in [start(world, source, n) for n in range(1, PARTS + 1)]]
    assert sum(r["created"] for r in reports) == CASES
    assert all(r["created"] > CASES / PARTS / 2 for r in reports)
    assert {r["shard"] for r in reports} == {f"{n}/{PARTS}" for n in range(1, PARTS + 1)}
    read = [r for r in reports if any(o["was_read"] for o in r["rows"].values())]
    assert len(read) == 1
    assert {r["status"] for r in world.rows("select status from recon.sync_runs")} == {"completed"}
    must_equal_the_whole(world, source, databases, tmp_path)


@pytest.mark.slow
def test_a_part_that_is_killed_and_run_again(
    world: World, source: Path, databases: Databases, tmp_path: Path
) -> None:
    """Equal to the whole, and no text is embedded twice."""
    rng = random.Random(4)
    processes = [start(world, source, n) for n in range(1, PARTS + 1)]
    world.wait_until_at_work(processes[1])
    time.sleep(rng.uniform(1.0, 4.0))
    kill_tree(processes[1])  # type: ignore[arg-type]
    again = start(world, source, 2)
    for process in (processes[0], *processes[2:], again):
        ended(process)
    must_equal_the_whole(world, source, databases, tmp_path)


def test_parts_one_after_the_other_are_the_whole(
    world: World, source: Path, databases: Databases, tmp_path: Path
) -> None:
    """As under a scheduler with one worker; each of them reads an unchanged source in no time."""
    shell = Shell(world, source)
    created = [shell.json("sync", "--shard", f"{n}/{PARTS}")["created"] for n in range(1, PARTS + 1)]
    assert sum(created) == CASES
    must_equal_the_whole(world, source, databases, tmp_path)


def test_no_part_is_wrong_use(world: World, source: Path) -> None:
    """Before anything is begun."""
    done = Shell(world, source)("sync", "--shard", "5/4")
    assert (done.returncode, "the second of four" in done.stderr) == (2, True)
    assert world.rows("select * from recon.sync_runs") == []


def test_the_parts_of_a_deep_reconciliation_mend_what_the_whole_would(world: World, source: Path) -> None:
    """Each its own objects, of every kind of damage to the index; the books of a part are no whole look."""
    world.sync(source)
    damage = Damage(world)
    damage.lose(40)
    damage.overwrite_vectors(20)
    damage.alter_stamps(20)
    damage.duplicate(6)
    damage.insert_foreign(6)
    dry = world.reconcile(source, deep=True, dry_run=True)
    parts = [ended(start_deep(world, source, n)) for n in range(1, PARTS + 1)]
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part["gaps"])
        assert part["status"] == "completed"
    assert dict(found) == dry["gaps"]
    assert sum(p["checked"]["read_back"] for p in parts) == dry["checked"]["read_back"]
    assert {p["shard"] for p in parts} == {f"{n}/{PARTS}" for n in range(1, PARTS + 1)}
    world.must_be_healthy(source)


@pytest.mark.slow
def test_the_parts_of_a_deep_reconciliation_run_side_by_side(world: World, source: Path) -> None:
    """While they repair, none of them takes what another has under way for damage."""
    world.sync(source)
    Damage(world).lose(60)
    reports = [ended(p) for p in [start_deep(world, source, n) for n in range(1, PARTS + 1)]]
    assert sum(r["gaps"]["missing"] for r in reports) == 60
    assert {r["status"] for r in reports} == {"completed"}
    world.must_be_healthy(source)


@pytest.mark.parametrize("words", [["reconcile"], ["reconcile", "--deep", "--dry-run"]])
def test_only_deep_work_is_divided(world: World, source: Path, words: list[str]) -> None:
    """And not that which writes nothing."""
    done = Shell(world, source)(*words, "--shard", "1/2")
    assert (done.returncode, "--deep" in done.stderr) == (2, True)


def start_deep(world: World, source: Path, n: int) -> subprocess.Popen[str]:
    return start(world, source, n, "reconcile", "--deep")
