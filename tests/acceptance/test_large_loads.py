"""A large first load puts the graph of nearest neighbours off, and whoever ends it builds it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks import scale

from everycase.indexes.embedded import graphs
from everycase.indexes.embedded.index import EmbeddedIndex
from everycase.pipeline import loading
from everycase.store.db import Pool, connect, open_pool
from tests.acceptance.test_kill import kill_tree
from tests.support.world import World

CASES = graphs.FEWEST
SETTINGS = {"identity": "none", "engine": "processes:1", "batch_size": 50}
SPACE = "one/model@8"
GRAPHS = "select from pg_indexes where schemaname = 'vector_index' and indexdef like '%%USING hnsw%%'"


@pytest.fixture
def pool(world: World) -> Iterator[Pool]:
    with open_pool(world.dsn, size=2) as found:
        yield found


def has_graph(world: World) -> bool:
    return bool(world.rows(GRAPHS))


def test_a_large_load_that_is_killed_is_searched_exactly_and_the_next_run_builds_its_graph(
    world: World, tmp_path: Path
) -> None:
    """What is loaded is found while the graph is not there; after the next run it is."""
    source = tmp_path / "export"
    scale.write(source, CASES)
    process = subprocess.Popen(
        [sys.executable, "-m", "everycase.cli", "sync", "--json"],
        env=world.environment(source, **SETTINGS),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    loaded: list[dict[str, str]] = []
    while not loaded and process.poll() is None:
        with contextlib.suppress(Exception):  # no table yet
            loaded = world.rows("select subject, case_number from vector_index.support_case limit 1")
        time.sleep(0.02)
    kill_tree(process)
    assert not has_graph(world)
    with world.app(source, **SETTINGS) as app:
        said, space = loaded[0]["subject"], app.embedder.space
        hits = app.index.search(said, {space: app.embedder.embed_query(said, space)}).hits
        assert loaded[0]["case_number"] in {h.case_number for h in hits}
    assert world.sync(source, **SETTINGS).index_count == CASES
    assert has_graph(world)
    world.reconcile(source, deep=True, **SETTINGS)


def test_of_two_loads_at_once_the_last_one_builds_the_graph(world: World, pool: Pool) -> None:
    """The first to end leaves the table to the other, which still writes to it."""
    index = EmbeddedIndex(pool)
    index.prepare({SPACE: 8})
    with connect(world.dsn) as one, connect(world.dsn) as two:
        with loading.putting_off(two, index, SPACE, CASES):
            with loading.putting_off(one, index, SPACE, CASES):
                assert not has_graph(world)
            loading.make_up(one, index)
            assert not has_graph(world)
        loading.make_up(two, index)
    assert has_graph(world)


@pytest.mark.parametrize("objects", [graphs.FEWEST - 1, 4])
def test_a_small_load_keeps_the_graph(world: World, pool: Pool, objects: int) -> None:
    """An hourly sync of some hundred changes never takes it away."""
    index = EmbeddedIndex(pool)
    index.prepare({SPACE: 8})
    index.begin_load(SPACE, objects)
    assert has_graph(world)
