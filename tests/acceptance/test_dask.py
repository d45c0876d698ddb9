"""A sync on a Dask cluster: equal to one without, whatever dies; workers have settings of their own."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from distributed import Client

from everycase.domain.errors import DependencyUnreachable, EverycaseError
from everycase.operations.progress import Silence
from everycase.pipeline.ending import Ending
from everycase.sources.sample.source import write_sample
from tests.support.cluster import DaskCluster, dask_cluster
from tests.support.databases import Databases
from tests.support.shell import Shell
from tests.support.world import World

CASES, BATCH = 200, 8
UNDER_WAY = 10 * BATCH
"""Texts that may be embedded again: those of the batches that a killed worker had, for each kill."""
OWN = {"loaded_at", "generation"}
"""Columns that tell two loads apart."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dask") / "sample"
    write_sample(folder, cases=CASES, seed=5)
    return folder


@pytest.fixture
def cluster(world: World, source: Path, tmp_path: Path) -> Iterator[DaskCluster]:
    """Two workers with the settings of the world in their environment, and a home for each."""
    with dask_cluster(tmp_path / "cluster", world.environment(source)) as found:
        yield found


def contents(world: World) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in OWN} for row in world.index()]


def must_be_whole(world: World, source: Path) -> None:
    """Every case is loaded once, no text embedded twice but those under way, and nothing is left to do."""
    [paid] = world.rows("select sum(embedded)::int as n from recon.embedding_ledger")
    assert CASES <= paid["n"] <= CASES + UNDER_WAY
    assert len(world.index()) == CASES
    assert {(r["current_stage"], r["status"]) for r in world.lineage().values()} == {
        ("weaviate_loaded", "completed")
    }
    assert world.failures() == []
    assert world.sync(source).totals.cases == 0


def test_a_cluster_loads_what_one_process_loads(
    world: World, source: Path, cluster: DaskCluster, databases: Databases, tmp_path: Path
) -> None:
    """Row by row, and a second sync does nothing, without the cluster."""
    report = world.sync(source, engine=cluster.engine, batch_size=BATCH)
    assert (report.totals.created, report.is_clean) == (CASES, True)
    with databases.fresh() as dsn:
        inline = World(dsn, tmp_path / "inline")
        inline.sync(source, engine="inline")
        assert contents(world) == contents(inline)
    cluster.kill_scheduler()
    assert world.sync(source, engine=cluster.engine).totals.cases == 0


def test_a_task_holds_ids_and_no_setting(world: World, source: Path, cluster: DaskCluster) -> None:
    """Neither the database's address nor anything secret travels over the scheduler."""
    secret = "sk-" + uuid4().hex
    with world.app(source, engine=cluster.engine, chathpe={"api_key": secret}) as app:
        work = app.crew(Silence(), Ending()).work(uuid4())
        sent = pickle.dumps((work, ["5000000000000001AA"]))
    assert secret.encode() not in sent
    assert world.dsn.encode() not in sent
    assert len(sent) < 1000


@pytest.mark.slow
def test_killed_workers_lose_and_double_nothing(world: World, source: Path, cluster: DaskCluster) -> None:
    """A worker is killed whenever a further tenth is done; the run itself does not notice."""
    killed: list[int] = []

    class Killer(Silence):
        done = 0

        def batch(self, result: Any) -> None:
            self.done += result.cases
            if self.done >= (len(killed) + 1) * CASES / 10 and cluster.kill_worker(len(killed) % 2):
                killed.append(self.done)

    with world.app(source, engine=cluster.engine, batch_size=BATCH) as app:
        report = app.new_sync(Killer(), Ending()).run(uuid4())
    assert killed
    assert report.is_clean
    must_be_whole(world, source)


@pytest.mark.slow
def test_a_scheduler_that_is_lost_is_a_sentence_and_the_next_run_goes_on(
    world: World, source: Path, cluster: DaskCluster
) -> None:
    """Nothing is lost or doubled, and every text was embedded once but for the batches under way."""
    settings = {"engine": cluster.engine, "batch_size": BATCH, "dask": {"connect_timeout": "3"}}
    with world.app(source, **settings) as app, pytest.raises(DependencyUnreachable, match="nothing is lost"):
        app.new_sync(killing(cluster, after=CASES // 4), Ending()).run(uuid4())
    assert 0 < len(world.index()) < CASES
    shell = Shell(world, source, **{**settings, "engine": cluster.engine})
    done = shell("sync", EVERYCASE_DASK__CONNECT_TIMEOUT="1")
    assert done.returncode == 4
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert world.sync(source, batch_size=BATCH).is_clean
    must_be_whole(world, source)


@pytest.mark.slow
def test_a_scheduler_that_comes_back_is_gone_on_with(
    world: World, source: Path, cluster: DaskCluster
) -> None:
    """As where something restarts it: the run connects again and ends clean."""

    def restart() -> None:
        cluster.start_scheduler()
        cluster.start_worker()

    progress = killing(cluster, after=CASES // 4, then=restart)
    with world.app(source, engine=cluster.engine, batch_size=BATCH) as app:
        report = app.new_sync(progress, Ending()).run(uuid4())
    assert report.is_clean
    must_be_whole(world, source)


def killing(cluster: DaskCluster, *, after: int, then: Any = lambda: None) -> Silence:
    """Progress that kills the scheduler once so many cases are done, and then does something."""

    class Killer(Silence):
        done = 0

        def batch(self, result: Any) -> None:
            before, self.done = self.done, self.done + result.cases
            if before < after <= self.done:
                cluster.kill_scheduler()
                then()

    return Killer()


def test_workers_with_other_settings_are_refused(
    world: World, source: Path, tmp_path: Path, databases: Databases
) -> None:
    """Another recipe, and another database, are named; nothing is written with them."""
    with databases.fresh() as other:
        for variable, value, sentence in (
            ("EVERYCASE_KEEP_HARDWARE_ADDRESSES", "false", "works with recipe"),
            ("EVERYCASE_DATABASE_URL", other, "is not at work on the database"),
        ):
            env = {**world.environment(source), variable: value}
            with (
                dask_cluster(tmp_path / variable, env, workers=1) as cluster,
                pytest.raises(EverycaseError, match=sentence),
            ):
                world.sync(source, engine=cluster.engine)
    assert world.index() == []
    assert world.failures() == []


def test_a_batch_of_a_run_that_has_ended_does_nothing(
    world: World, source: Path, cluster: DaskCluster
) -> None:
    """As one that a scheduler still had when the run was killed."""
    with world.app(source, engine=cluster.engine) as app:
        work = app.crew(Silence(), Ending()).work(uuid4())
        with app.engine.open_cluster() as opened, pytest.raises(EverycaseError, match="is not at work"):
            opened.submit(work, ["5000000000000001AA"]).result(timeout=60)
    assert world.rows("select count(*) as n from recon.lineage_events") == [{"n": 0}]


def test_doctor_knows_the_cluster(world: World, source: Path, cluster: DaskCluster) -> None:
    """Its workers, and whether they would make the same of a case; without it, a sentence and code 4."""
    shell = Shell(world, source, engine=cluster.engine, dask={"connect_timeout": "2"})
    with Client(cluster.address) as client:
        client.wait_for_workers(2, timeout=60)
    found = shell.json("doctor")
    assert "checks" in found, found
    checks = {c["name"]: c for c in found["checks"]}
    assert "2 workers, 2 threads" in checks["engine"]["detail"]
    assert checks["workers"]["ok"], checks["workers"]["detail"]
    cluster.kill_scheduler()
    done = shell("doctor")
    assert done.returncode == 4
    assert "does not answer" in done.stdout
