"""The whole pipeline on a real Weaviate: what it loses, doubles and spoils is found and mended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from everycase.cli.console import ProgressLines
from everycase.domain.errors import DependencyUnreachable, WrongUse
from everycase.operations.search import find_cases, parse_condition
from everycase.operations.status import read_status
from everycase.pipeline import load
from everycase.pipeline.ending import Ending
from tests.support.damage import as_the_issue_lists_it
from tests.support.exports import case, child, record_id, write_export
from tests.support.providers import KEY, StandIn
from tests.support.spaces import half_in_each_space
from tests.support.weaviate_server import GivenServer, WeaviateServer, running
from tests.support.weaviate_world import WeaviateDamage, WeaviateWorld

CASES = 60
WIDTHS = (3072, 768)


@pytest.fixture
def world(
    database_url: str, tmp_path: Path, weaviate: WeaviateServer | GivenServer
) -> Iterator[WeaviateWorld]:
    found = WeaviateWorld(database_url, tmp_path, weaviate)
    yield found
    found.clear()


@pytest.fixture(scope="module")
def mortal_weaviate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeaviateServer]:
    """A server that a test may kill."""
    with running(tmp_path_factory.mktemp("mortal")) as server:
        yield server


@pytest.fixture
def mortal(database_url: str, tmp_path: Path, mortal_weaviate: WeaviateServer) -> Iterator[WeaviateWorld]:
    """Its server may be killed."""
    found = WeaviateWorld(database_url, tmp_path, mortal_weaviate)
    yield found
    found.clear()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    comments = [child("CaseComment", i, record_id("Case", i)) for i in range(CASES)]
    return write_export(tmp_path / "x", Case=[case(i) for i in range(CASES)], CaseComment=comments)


def agrees(world: WeaviateWorld) -> int:
    """Ids and stamps in Weaviate are those of lineage, one object a case; how many."""
    names = ("case_id", "case_number", "checksum", "children_checksum", "text_hash", "space", "recipe")
    held = {r["id"]: tuple(r[n] for n in (*names, "vector_hash", "object_hash")) for r in world.index()}
    rows = world.rows("select * from recon.data_lineage where status <> 'deleted'")
    known = {
        r["object_id"]: tuple(r[n] for n in ("record_id", *names[1:], "vector_hash", "object_hash"))
        for r in rows
    }
    assert held == known
    return len(held)


@pytest.mark.slow
def test_3334_real_cases_are_loaded_and_mended(world: WeaviateWorld, shared_data: Path) -> None:
    """400 lost, 50 overwritten, 50 altered, 30 foreign, 20 doubled, 40 untracked, 25 stuck: to the last."""
    export = shared_data / "jira-2019-01-31.zip"
    first = world.sync(export, engine="processes:2")
    assert (first.totals.created, first.index_count) == (3334, 3334)
    assert agrees(world) == 3334
    again = world.sync(export)
    assert (again.unchanged, again.totals.cases, again.totals.embedding_calls) == (3334, 0, 0)
    due = as_the_issue_lists_it(WeaviateDamage(world))
    found = world.reconcile(export, deep=True, engine="processes:2")
    found_beside = {k: n for k, n in found["gaps"].items() if k != "unsearchable"}
    assert found_beside == due  # so many deletions can put a few objects out of reach of the server's graph
    assert (found["embedding_calls"], found["gaps_left"], found["status"]) == (0, {}, "completed")
    assert agrees(world) == 3334
    again = world.reconcile(export, deep=True)  # the server tidies its graph meanwhile
    assert (set(again["gaps"]) <= {"unsearchable"}, again["gaps_left"]) == (True, {})
    assert (again["embedding_calls"], agrees(world)) == (0, 3334)


def test_a_vanished_collection_is_refilled_from_the_cache(world: WeaviateWorld, source: Path) -> None:
    """Alias and collection are deleted: one reconciliation makes them again without a provider call."""
    world.sync(source)
    world.clear()
    found = world.reconcile(source)
    assert (found["gaps"], found["recovered"]) == ({"missing": CASES}, {"reloaded": CASES})
    assert found["embedding_calls"] == 0
    assert agrees(world) == CASES
    world.must_be_healthy(source)


def test_a_server_that_is_down_is_said_so_and_nothing_is_lost(
    mortal: WeaviateWorld, mortal_weaviate: WeaviateServer, source: Path
) -> None:
    """One sentence and the exit code of an unreachable dependency; later the run finishes the work."""
    mortal.sync(source)
    mortal_weaviate.kill()
    try:
        with pytest.raises(DependencyUnreachable, match=r"Weaviate at .* does not answer"):
            mortal.sync(source)
        with pytest.raises(DependencyUnreachable, match="does not answer"):
            mortal.reconcile(source)
        with mortal.app(source) as app:
            seen = read_status(app)
        assert (seen.index_count, seen.is_index_ready, seen.census["completed"]) == (None, False, CASES)
    finally:
        mortal_weaviate.restart()
    found = mortal.reconcile(source)
    assert (set(found["gaps"]) <= {"unsearchable"}, found["embedding_calls"]) == (True, 0)
    mortal.must_be_healthy(source)


@pytest.mark.slow
def test_a_server_that_is_killed_in_mid_load_loses_nothing(
    mortal: WeaviateWorld, mortal_weaviate: WeaviateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was under way is an open failure; when the server is back, all is there, once, and findable."""
    given = {"sample_cases": 300, "engine": "threads:2"}
    monkeypatch.setattr(load, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(load, "LONGEST_WAIT_S", 0.02)

    def killer() -> None:
        while (
            mortal.rows("select count(*) as n from recon.data_lineage where status = 'completed'")[0]["n"]
            < 100
        ):
            time.sleep(0.02)
        mortal_weaviate.kill()

    with mortal.app("sample", **given) as app:
        _ = app.pool  # the tables are there before anybody looks into them
    death = threading.Thread(target=killer)
    death.start()
    report = mortal.sync("sample", **given)
    death.join()
    assert report.index_count is None
    assert set(report.totals.failures) <= {"WeaviateUnavailable", "WeaviateTimeout"}
    assert report.totals.failed > 0
    assert report.exit_code != 0
    mortal_weaviate.restart()
    mortal.sync("sample", **given)
    mortal.reconcile("sample", **given)
    assert mortal.failures() == []
    assert agrees(mortal) == 300
    assert mortal.unfindable() == 0


# ── blue/green ───────────────────────────────────────────────────────────────────────────────────


STAGES = ("join", "redact", "embed", "load")


def quiet() -> ProgressLines:
    return ProgressLines(quiet=True)


def test_the_index_is_built_anew_beside_the_served_one(world: WeaviateWorld, source: Path) -> None:
    """From cache and staging, without a call; what a sync brings to the served one meanwhile comes too."""
    world.sync(source)
    with world.app(source) as app:
        built = app.new_rebuild(quiet(), Ending()).build(UUID(int=1))
        assert (built.totals.created, built.totals.embedding_calls, built.count) == (CASES, 0, CASES)
        assert {n: s.written for n, s in built.totals.stages.items()} == dict.fromkeys(STAGES, CASES)
        assert [(c.name[-3:], c.is_served) for c in app.collections.listed()] == [
            ("_v1", True),
            ("_v2", False),
        ]
    changed = [case(i, Description=f"changed {i}" if i < 5 else "x") for i in range(2, CASES + 1)]
    write_export(source.parent / "x2", Case=changed, CaseComment=[])
    synced = world.sync(source.parent / "x2", allow_deletes=200)
    assert (synced.deleted, synced.totals.created) == (2, 1)
    with world.app(source.parent / "x2") as app:
        switched = app.new_rebuild(quiet(), Ending()).switch(UUID(int=2))
        assert (switched.is_served, switched.problems, switched.deleted) == (True, [], 2)
        assert switched.compared == CASES - 1
        with pytest.raises(WrongUse, match="served"):
            app.new_rebuild(quiet(), Ending()).drop(f"{world.alias}_v2")
        app.new_rebuild(quiet(), Ending()).drop(f"{world.alias}_v1")
        assert [(c.name[-3:], c.is_served, c.count) for c in app.collections.listed()] == [
            ("_v2", True, CASES - 1)
        ]
    assert agrees(world) == CASES - 1
    world.must_be_healthy(source.parent / "x2")


def test_cases_of_another_recipe_wait_for_the_build(
    world: WeaviateWorld, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync with new rules would make all of them anew in place; while a build is under way it does not."""
    world.sync(source)
    other = {"keep_hardware_addresses": False}
    with world.app(source, **other) as app:
        app.new_rebuild(quiet(), Ending(), max_cost=0.0).build(UUID(int=1))  # begun, and cut short
    assert world.sync(source, **other).unchanged == CASES
    assert world.reconcile(source, **other)["gaps"] == {}
    with world.app(source, **other) as app:
        assert app.new_rebuild(quiet(), Ending()).switch(UUID(int=2)).adopted == CASES
    assert agrees(world) == CASES
    assert len({r["recipe"] for r in world.index()}) == 1
    assert world.sync(source, **other).unchanged == CASES


def test_a_build_that_lacks_cases_is_not_served(world: WeaviateWorld, source: Path) -> None:
    """A case that cannot be made any more: its old object stays findable until somebody approves."""
    world.sync(source)
    number = world.index()[7]["case_number"]
    world.do(
        "update udp.case set subject = null, description = null, generation = generation + 1 "
        "where case_number = %s",
        number,
    )
    with world.app(source) as app:
        built = app.new_rebuild(quiet(), Ending()).build(UUID(int=1))
        assert (built.totals.failures, built.lacking) == ({"MissingRequiredField": 1}, 1)
        assert built.totals.stages["join"].failed == 1
        refused = app.new_rebuild(quiet(), Ending()).switch(UUID(int=2))
        assert (refused.is_served, refused.lacking, int(refused.exit_code)) == (False, 1, 1)
        assert number in {r["case_number"] for r in world.index()}
        assert app.new_rebuild(quiet(), Ending()).switch(UUID(int=3), allow_missing=1).is_served
        with pytest.raises(WrongUse, match="index build"):
            app.new_rebuild(quiet(), Ending()).switch(UUID(int=4))


@pytest.mark.slow
def test_a_search_never_fails_while_the_index_is_rebuilt(world: WeaviateWorld) -> None:
    """A client that searches in a loop: not one failed or empty answer."""
    given = {"sample_cases": 100, "engine": "threads:2"}
    world.sync("sample", **given)
    answers: list[object] = []
    over = threading.Event()

    def search() -> None:
        with world.app("sample", **given) as app:
            while not over.wait(0.01):
                try:
                    hits = find_cases(app.index, app.embedder, "fan runs at full speed").hits
                except Exception as e:
                    answers.append(e)
                else:
                    answers.append(len(hits))

    client = threading.Thread(target=search)
    with world.app("sample", **given) as app:
        client.start()
        for n in (1, 2):
            app.new_rebuild(quiet(), Ending()).build(UUID(int=n))
            assert app.new_rebuild(quiet(), Ending()).switch(UUID(int=n)).is_served
            app.new_rebuild(quiet(), Ending()).drop(f"{world.alias}_v{n}")
        over.set()
        client.join()
    assert len(answers) > 20
    assert set(answers) == {10}
    assert agrees(world) == 100


# ── search ───────────────────────────────────────────────────────────────────────────────────────


def test_half_in_each_space_is_one_answer(
    world: WeaviateWorld, tmp_path: Path, primary: StandIn, fallback: StandIn
) -> None:
    """One search returns hits of both spaces, and a filter holds for all of them."""
    rows = [case(i, Status="Open" if i % 2 else "Closed") for i in range(40)]
    given = {
        "embedders": ("chathpe", "nomic"),
        "chathpe": {"url": primary.url, "api_key": KEY},
        "nomic": {"url": fallback.url, "api_key": KEY},
    }
    source = half_in_each_space(world, tmp_path, rows, given, primary)
    with world.app(source, **given) as app:
        assert sorted(app.index.spaces().values()) == [20, 20]
        both = find_cases(app.index, app.embedder, "server fan", limit=40).hits
        where = [parse_condition("status=open", app.catalogue)]
        some = find_cases(app.index, app.embedder, "server fan", where=where, limit=40).hits
    assert (len(both), len({h.space for h in both})) == (40, 2)
    assert (len(some), len({h.space for h in some})) == (20, 2)
    assert all(int(h.case_number) % 2 for h in some)
    paid = world.reconcile(source, **given)
    assert (paid["recovered"], paid["gaps_left"]) == ({"upgraded": 20}, {})
    assert agrees(world) == 40


def test_a_filter_holds_and_a_case_is_found_by_its_number(world: WeaviateWorld, tmp_path: Path) -> None:
    """A filter holds for every hit, and a search for a case number finds that case first."""
    rows = [case(i, Status="Open" if i % 2 else "Closed", Subject=f"Fan {i} is loud") for i in range(20)]
    source = write_export(tmp_path / "s", Case=rows)
    world.sync(source)
    with world.app(source) as app:
        where = [parse_condition("status=open", app.catalogue)]
        hits = find_cases(app.index, app.embedder, "loud fan", where=where, limit=20).hits
        number = rows[3]["CaseNumber"]
        best = find_cases(app.index, app.embedder, str(number), limit=1).hits[0]
    assert len(hits) == 10
    assert best.case_number == number
