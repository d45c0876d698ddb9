"""What everything is compared by is computed anew: row hashes of what is staged, both halves of the index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from everycase.domain.errors import WrongUse
from everycase.domain.gaps import RunType
from everycase.indexes.embedded.index import EmbeddedIndex
from everycase.store import db, staging
from tests.support.exports import case, child, record_id, write_export
from tests.support.world import World

CASES = 40


@pytest.fixture
def source(tmp_path: Path) -> Path:
    comments = [child("CaseComment", n, record_id("Case", n)) for n in range(CASES)]
    return write_export(tmp_path / "x", Case=[case(n) for n in range(CASES)], CaseComment=comments)


@pytest.mark.parametrize("deep", [True, False])
def test_staged_rows_that_were_altered_in_place_are_found_and_read_again(
    world: World, source: Path, deep: bool
) -> None:
    """Their hash was kept, so nothing else sees it; daily in a sample, here of all."""
    world.sync(source)
    changed = [record_id("Case", n) for n in range(5)]
    world.do("update udp.case set subject = 'Somebody typed here' where id = any (%s)", changed)
    world.do(
        "update udp.casecomment set comment_body = 'Here too' where parent_id > %s", record_id("Case", 5)
    )
    altered = 5 + CASES - 6
    found = world.reconcile(source, deep=deep, sample_size=1000)
    assert (found["gaps"], found["recovered"]) == ({"altered": altered}, {"restaged": altered})
    assert found["embedding_calls"] == 0
    staged = world.rows("select count(*) as n from udp.case where subject = 'Somebody typed here'")
    assert staged == [{"n": 0}]
    world.must_be_healthy(source)


def test_an_altered_text_that_was_indexed_already_is_replaced(world: World, source: Path) -> None:
    """It went into the index with another change of its case."""
    world.sync(source)
    first = record_id("Case", 0)
    world.do(
        "update udp.case set subject = 'Somebody typed here', generation = generation + 1 where id = %s",
        first,
    )
    world.sync(source)
    assert [r["case_id"] for r in world.index() if r["subject"] == "Somebody typed here"] == [first]
    found = world.reconcile(source, deep=True)
    assert found["gaps"] == {"altered": 1}
    assert not [r for r in world.index() if r["subject"] == "Somebody typed here"]
    world.must_be_healthy(source)


def test_an_altered_text_is_replaced_in_the_index_although_all_hashes_were_kept(
    world: World, source: Path
) -> None:
    """All cases are loaded anew for another reason, from rows that were altered: of a case and of a child."""
    world.sync(source)
    world.do("update udp.case set subject = 'Somebody typed here' where id = %s", record_id("Case", 3))
    world.do(
        "update udp.casecomment set comment_body = 'Here too' where parent_id = %s", record_id("Case", 7)
    )
    world.do("update recon.data_lineage set recipe = 'of before', tried_recipe = 'of before'")
    world.sync(source)
    altered = (
        "select id from vector_index.support_case "
        "where composite like '%%typed here%%' or composite like '%%Here too%%'"
    )
    assert len(world.rows(altered)) == 2
    found = world.reconcile(source, deep=True)
    assert (found["gaps"], found["status"]) == ({"altered": 2}, "completed")
    assert world.rows(altered) == []
    world.must_be_healthy(source)


def test_a_dry_run_finds_altered_rows_and_leaves_them(world: World, source: Path) -> None:
    """Nothing is written."""
    world.sync(source)
    world.do("update udp.case set subject = 'x' where id = %s", record_id("Case", 0))
    before = world.rows("select id, row_hash from udp.case order by id")
    assert world.reconcile(source, deep=True, dry_run=True)["gaps"] == {"altered": 1}
    assert world.rows("select id, row_hash from udp.case order by id") == before


def test_every_row_of_the_sample_source_hashes_as_it_was_read(world: World) -> None:
    """All objects, with their dates, flags, identity columns and blanks."""
    world.sync("sample", sample_cases=60)
    with world.app("sample", sample_cases=60) as app, db.connect(world.dsn) as conn:
        for obj in app.catalogue.objects:
            assert list(staging.altered_rows(conn, obj, sample=None, seed=1)) == []


@pytest.mark.parametrize(
    "damage",
    [
        "update vector_index.case_words set lexemes = ''::tsvector",
        "update vector_index.case_words set identifiers = '{}'",
        "delete from vector_index.case_words",
    ],
)
def test_the_lexical_half_of_the_index_is_checked_and_mended(world: World, source: Path, damage: str) -> None:
    """Vectors and properties are whole; searching by words finds nothing."""
    world.sync(source)
    whole = world.rows("select id, lexemes, identifiers from vector_index.case_words order by id")
    world.do(damage)
    found = world.reconcile(source, run_type=RunType.DAILY)
    assert set(found["gaps"]) == {"unsearchable"}
    assert (found["status"], found["embedding_calls"]) == ("completed", 0)
    assert world.rows("select id, lexemes, identifiers from vector_index.case_words order by id") == whole
    world.must_be_healthy(source)


# ── limits and marks ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("width", [4001, 4096, 8000])
def test_vectors_that_the_index_cannot_search_are_refused_with_a_sentence(
    database_url: str, width: int
) -> None:
    """Before anything is loaded, and not as an outage."""
    pool = db.open_pool(database_url, size=2)
    try:
        with pytest.raises(WrongUse, match=rf"{width:,} dimensions.*4,000"):
            EmbeddedIndex(pool).prepare({f"x/y@{width}": width})
        EmbeddedIndex(pool).prepare({"x/y@4000": 4000})
    finally:
        pool.close()


def test_a_schema_of_somebody_else_is_neither_written_nor_cleaned_up(world: World, source: Path) -> None:
    """Its name is that of our index, and it carries neither our mark nor our columns."""
    world.do("drop schema if exists vector_index cascade")
    world.do("create schema vector_index")
    world.do("create table vector_index.support_case (id uuid primary key, note text)")
    world.do("insert into vector_index.support_case values (gen_random_uuid(), 'theirs')")
    for attempt in (world.sync, world.reconcile):
        with pytest.raises(WrongUse, match="not everycase's"):
            attempt(source)
    assert [r["note"] for r in world.rows("select note from vector_index.support_case")] == ["theirs"]


# ── missing parents ──────────────────────────────────────────────────────────────────────────────


def test_children_outside_the_window_of_an_export_are_counted_once_and_noted_after_a_day(
    world: World, tmp_path: Path
) -> None:
    """A hundred missing parents are named, the others are one failure; after 24 h nobody has to act.

    The Case file has a row without an id, so nobody can say that the parents are not in it.
    """

    def export(more: int) -> Path:
        comments = [child("CaseComment", n, record_id("Case", n + 1000)) for n in range(250 + more)]
        cases = [*(case(n) for n in range(3)), case(3, Id="unreadable")]
        return write_export(tmp_path / "x", Case=cases, CaseComment=comments)

    def missing() -> list[dict[str, Any]]:
        return [f for f in world.failures() if f["error_type"] == "MissingChildData"]

    source = export(0)
    report = world.sync(source)
    kept = missing()
    assert len(kept) == staging.MOST_NAMED + 1
    (rest,) = [f for f in kept if f["record_id"] == "Case"]
    assert "150 more Case rows" in rest["error_message"]
    assert {f["next_retry_time"] for f in kept} == {None}
    assert report.exit_code == 1
    world.do("update recon.failed_records set failed_at = failed_at - interval '25 hours'")
    for more in (1, 2):
        again = world.sync(export(more))
        assert {f["disposition"] for f in missing()} == {"skip"}
        assert (len(missing()), again.totals.failed) == (staging.MOST_NAMED + 1, 0)
