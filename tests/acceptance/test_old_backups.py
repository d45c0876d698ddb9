"""Something was restored to an older state: the next sync says so, and one reconciliation heals it.

600 cases were loaded, a copy was made, 500 changes were loaded, and then a part of the copy came back.
What is right is judged by plain SQL on what the export says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from everycase.domain.gaps import RunType
from tests.support.backups import lose, restore
from tests.support.databases import Databases
from tests.support.exports import Row, case, child, record_id, write_export
from tests.support.weaviate_server import GivenServer, WeaviateServer
from tests.support.weaviate_world import WeaviateWorld
from tests.support.world import World

pytestmark = pytest.mark.slow

CASES, CHANGED, ADDED, DELETED = 600, 470, 25, 5
"""500 changes: more than the guard against mass deletion lets go would be another test."""

Restore = Callable[[str, str], None]
RESTORED: Mapping[str, Restore] = {
    "index": lambda dsn, old: restore(dsn, old, "vector_index"),
    "udp": lambda dsn, old: restore(dsn, old, "udp"),
    "udp without sequences": lambda dsn, old: restore(dsn, old, "udp", sequences=False),
    "udp and recon": lambda dsn, old: restore(dsn, old, "udp", "recon"),
    "udp and recon without sequences": lambda dsn, old: restore(dsn, old, "udp", "recon", sequences=False),
    "everything": lambda dsn, old: restore(dsn, old, "udp", "recon", "vector_index"),
    "nothing but the index is left": lambda dsn, old: lose(dsn, "udp", "recon"),
}
KEEPS_VECTORS = ("index", "udp", "udp without sequences")
"""The cache has every vector after these."""

BETWEEN = ("udp", "udp without sequences", "udp and recon", "udp and recon without sequences")
"""After these the database disagrees with itself or with the index, and a sync can see that."""


def old_rows() -> list[Row]:
    return [case(n, Description=f"oldtext {n}") for n in range(CASES)]


def new_rows() -> list[Row]:
    rows = [case(n, Description=f"{'newtext' if n < CHANGED else 'oldtext'} {n}") for n in range(CASES)]
    return rows[:-DELETED] + [case(n, Description=f"newtext {n}") for n in range(CASES, CASES + ADDED)]


def comments() -> list[Row]:
    return [child("CaseComment", n, record_id("Case", n)) for n in range(0, CHANGED, 10)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export as it is now."""
    return write_export(tmp_path_factory.mktemp("now") / "x", Case=new_rows(), CaseComment=comments())


@pytest.fixture(scope="module")
def old(databases: Databases, tmp_path_factory: pytest.TempPathFactory, source: Path) -> Iterator[str]:
    """The backup: a database of the time before the changes."""
    home = tmp_path_factory.mktemp("old")
    with databases.fresh() as dsn:
        World(dsn, home).sync(write_export(home / "x", Case=old_rows(), CaseComment=comments()))
        yield dsn


@pytest.fixture(scope="module")
def current(
    databases: Databases, old: str, tmp_path_factory: pytest.TempPathFactory, source: Path
) -> Iterator[str]:
    """The database with the changes."""
    with databases.copy(old) as dsn:
        report = World(dsn, tmp_path_factory.mktemp("current")).sync(source)
        assert report.totals.created + report.totals.updated + report.deleted == CHANGED + ADDED + DELETED
        yield dsn


@pytest.fixture
def world(databases: Databases, current: str, tmp_path: Path) -> Iterator[World]:
    with databases.copy(current) as dsn:
        yield World(dsn, tmp_path)


def assert_as_exported(world: World) -> None:
    """Staging, lineage and index hold the export's cases, each with its present text, once."""
    truth = {r["Id"]: r["Description"] for r in new_rows()}
    staged = world.rows("select id, description from udp.case where not is_deleted")
    assert {r["id"]: r["description"] for r in staged} == truth
    indexed = world.index()
    assert sorted(r["case_id"] for r in indexed) == sorted(truth)
    assert {r["case_id"]: r["description"] for r in indexed} == truth
    assert all(truth[r["case_id"]] in r["composite"] for r in indexed)
    lineage = {i: r for i, r in world.lineage().items() if r["status"] != "deleted"}
    assert {i: r["status"] for i, r in lineage.items()} == dict.fromkeys(truth, "completed")
    assert {r["case_id"]: r["id"] for r in indexed} == {i: r["object_id"] for i, r in lineage.items()}


@pytest.mark.parametrize("run_type", list(RunType))
@pytest.mark.parametrize("part", RESTORED)
def test_one_reconciliation_of_any_type_heals_what_was_restored(
    world: World, source: Path, old: str, part: str, run_type: RunType
) -> None:
    """Without a sync before it, and without a call where the cache has the vectors."""
    RESTORED[part](world.dsn, old)
    report = world.reconcile(source, run_type=run_type)
    assert (report["status"], report["gaps_left"]) == ("completed", {})
    if part in KEEPS_VECTORS:
        assert report["embedding_calls"] == 0
    assert_as_exported(world)
    world.must_be_healthy(source)


@pytest.mark.parametrize("part", RESTORED)
def test_a_sync_and_a_light_reconciliation_heal_what_was_restored(
    world: World, source: Path, old: str, part: str
) -> None:
    """The order of `everycase run`; together they make no call where the cache has the vectors."""
    RESTORED[part](world.dsn, old)
    synced = world.sync(source)
    report = world.reconcile(source, run_type=RunType.HOURLY)
    assert (report["status"], report["gaps_left"]) == ("completed", {})
    if part in KEEPS_VECTORS:
        assert (synced.totals.embedding_calls, report["embedding_calls"]) == (0, 0)
    assert_as_exported(world)


@pytest.mark.parametrize("part", BETWEEN)
def test_a_sync_says_that_the_database_was_restored(world: World, source: Path, old: str, part: str) -> None:
    """One of its problems tells of an older state; it does not report that all is unchanged and well."""
    RESTORED[part](world.dsn, old)
    problems = world.sync(source).problems
    assert any(re.search("restore|older than what was loaded", p) for p in problems), problems


# ── a Weaviate beside the database ───────────────────────────────────────────────────────────────


@pytest.fixture
def beside_weaviate(
    databases: Databases, tmp_path: Path, weaviate: WeaviateServer | GivenServer
) -> Iterator[WeaviateWorld]:
    with databases.fresh() as dsn:
        world = WeaviateWorld(dsn, tmp_path, weaviate)
        yield world
        world.clear()


@pytest.mark.parametrize("part", ["collection", "udp and recon", "nothing but the index is left"])
def test_one_light_reconciliation_heals_what_was_restored_beside_weaviate(
    beside_weaviate: WeaviateWorld, databases: Databases, source: Path, part: str
) -> None:
    """An old copy of the collection, an old database beside it, or a database made anew."""
    world = beside_weaviate
    world.sync(write_export(world.home / "old", Case=old_rows(), CaseComment=comments()))
    held = world.held()
    with databases.copy(world.dsn) as backup:
        world.sync(source)
        if part == "collection":
            world.hold(held)
        else:
            RESTORED[part](world.dsn, backup)
        report = world.reconcile(source, run_type=RunType.HOURLY)
    assert (report["status"], report["gaps_left"]) == ("completed", {})
    if part == "collection":
        assert report["embedding_calls"] == 0
    truth = {r["Id"]: r["Description"] for r in new_rows()}
    indexed = world.index()
    assert {r["case_id"]: r["description"] for r in indexed} == truth
    assert len(indexed) == len(truth)
    again = world.reconcile(source, deep=True)
    assert set(again["gaps"]) <= {"unsearchable"}  # many deletions put some out of reach of Weaviate's graph
    assert (again["gaps_left"], again["embedding_calls"]) == ({}, 0)
