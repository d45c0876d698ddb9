"""Golden queries: kept by command, and asked before another model or recipe is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from everycase.app import App
from everycase.domain.errors import WrongUse
from everycase.embedders.wordllama import WordLlamaEmbedder
from everycase.operations import golden, trial
from everycase.pipeline.run import OpenRun
from everycase.ports import Embedding, EmbeddingBatch
from everycase.store import budget
from tests.support.exports import case, write_export
from tests.support.world import World

SUBJECTS = (
    "The server does not boot after the memory upgrade",
    "A drive of the array has failed and was rebuilt",
    "Fans run at full speed although the room is cool",
    "The licence key of the remote console is rejected",
    "The network adapter loses its link under load",
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    rows = [case(n, Subject=subject, Description=subject) for n, subject in enumerate(SUBJECTS)]
    return write_export(tmp_path / "export", Case=rows)


def test_a_query_is_kept_asked_and_forgotten(world: World, export: Path) -> None:
    """The same again changes nothing; a case that nobody has is refused."""
    world.sync(export)
    with world.app(export) as app:
        number = app.index.search("fans", {}).hits[0].case_number
        for _ in range(2):
            assert golden.add(app, " fans are loud ", number).query == "fans are loud"
        assert [(f.golden.query, f.place) for f in golden.list_queries(app)] == [("fans are loud", 1)]
        with pytest.raises(WrongUse, match="no case"):
            golden.add(app, "fans", "99999999")
        with pytest.raises(WrongUse, match="needs words"):
            golden.add(app, " ", number)
        assert golden.remove(app, "fans are loud") == 1
        with pytest.raises(WrongUse, match="no such golden query"):
            golden.remove(app, "fans are loud")


class Poor(WordLlamaEmbedder):
    """A model that finds every case but the one that is wanted."""

    space = "poor/model@2"
    spaces = {space: 2}  # noqa: RUF012

    def embed_documents(self, texts: Sequence[str], **_kept: object) -> EmbeddingBatch:
        vectors = [[0.0, 1.0] if "Fans" in t else [1.0, 0.1] for t in texts]
        return EmbeddingBatch(
            outcomes=[Embedding(vector=np.array(v, dtype=np.float32), space=self.space) for v in vectors],
            calls=1,
            tokens=0,
        )

    def embed_query(self, text: str, space: str) -> np.ndarray:
        if space != self.space:
            return WordLlamaEmbedder().embed_query(text, space)
        return np.array([1.0, 0.0], dtype=np.float32)


def test_a_worse_model_is_refused_with_the_worst_queries(world: World, export: Path) -> None:
    """Before anything is embedded for good; a better one is taken."""
    world.sync(export)
    with world.app(export) as app:
        wanted = app.index.search("fans", {}).hits[0].case_number
        golden.add(app, "fans are loud", wanted)
        check_change(app)
        app.embedder = Poor()
        with pytest.raises(WrongUse, match=f'"fans are loud" finds {wanted} in place 5'):
            check_change(app)
        app.index = WithSpaces(app.index, {WordLlamaEmbedder.space: 4, Poor.space: 1})
        with pytest.raises(WrongUse, match=f'"fans are loud" finds {wanted} in place 5'):
            check_change(app)  # one case that it embedded as a fallback makes it no model of the index
        app.settings = replace_loss(app.settings)
        check_change(app)
    with world.app(export, embedders=("local",)) as app:
        check_change(app)
    assert world.sync(export, embedders=("local",)).figures.totals.updated == len(SUBJECTS)


def test_a_recipe_that_finds_less_is_refused_in_place(world: World, export: Path, tmp_path: Path) -> None:
    """A deny list takes the query's words out of its case: nothing is written. A harmless list is taken."""
    world.sync(export)
    with world.app(export) as app:
        wanted = app.index.search("fans", {}).hits[0].case_number
        golden.add(app, "fans at full speed", wanted)
    served = world.index()
    list_of = {name: tmp_path / name for name in ("harmful", "harmless")}
    list_of["harmful"].write_text("Fans run\nfull speed\n")
    list_of["harmless"].write_text("nobody has this\n")
    with pytest.raises(
        WrongUse, match=f'words the new recipe finds less.*"fans at full speed" finds {wanted}'
    ):
        world.sync(export, redaction={"deny": list_of["harmful"]})
    assert world.index() == served
    run = world.rows("select run_id, status, report from recon.sync_runs order by start_time desc limit 1")[0]
    assert run["status"] == "failed"
    assert "fans at full speed" in run["report"]["error"]
    assert "sync_error" in {a["rule"] for a in run["report"]["alerts"]}
    assert _paid(world) == [len(SUBJECTS), 1], "the trial embeds the text that the list changes"
    with pytest.raises(WrongUse):
        world.sync(export, redaction={"deny": list_of["harmful"]})
    assert _paid(world) == [len(SUBJECTS), 1], "a trial that was paid is paid again"
    assert world.sync(export, redaction={"deny": list_of["harmless"]}).figures.totals.updated == len(SUBJECTS)


def _paid(world: World) -> list[int]:
    """Texts that each run had embedded, of the runs that had any."""
    rows = world.rows("select embedded from recon.embedding_ledger where embedded > 0 order by at")
    return [r["embedded"] for r in rows]


def check_change(app: App) -> None:
    """As a run does that has just begun."""
    with app.pool.connection() as conn:
        now = budget.clock(conn)
        trial.check_change(app, OpenRun(run_id=uuid4(), conn=conn, started_at=now, database_time=now))


def replace_loss(settings):
    return settings.model_copy(update={"golden_loss": 1.0})


def test_a_build_that_finds_less_is_refused(world: World, export: Path) -> None:
    """By the golden queries and by what cases say of themselves; of all that lose three are named."""
    world.sync(export)
    with world.app(export) as app:
        for query in ("fans are loud", "drive failed", "licence key rejected", "memory upgrade"):
            wanted = app.index.search(query, {}).hits[0].case_number
            golden.add(app, query, wanted)
        judge = golden.judge_of(app)
        assert judge(app.index, app.index) == []
        found = judge(app.index, Emptied(app.index))
    assert len(found) == 2
    assert "4 of 4 queries lose, the worst 3: " in found[0]
    assert found[0].count("nowhere, now in place 1") == 3
    assert found[1].count("nowhere, now in place 1") == 3


class WithSpaces:
    """An index of which it is said how many cases each of its spaces has."""

    def __init__(self, index, sizes: dict[str, int]) -> None:
        self._index, self._sizes = index, sizes

    def about_spaces(self) -> dict[str, int]:
        return self._sizes

    def __getattr__(self, name: str):
        return getattr(self._index, name)


class Emptied:
    """An index that lists its cases and finds none of them."""

    def __init__(self, index) -> None:
        self._index = index

    def search(self, *_asked: object, **_how: object):
        return replace(self._index.search("the of", {}), hits=())

    def __getattr__(self, name: str):
        return getattr(self._index, name)
