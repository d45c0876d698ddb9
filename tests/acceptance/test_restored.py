"""A part was restored from a backup: the next sync says so, and one reconciliation of any type heals it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everycase.cli.console import ProgressLines
from everycase.domain.gaps import RunType
from everycase.operations import work
from tests.support.exports import case, child, record_id, write_export
from tests.support.restores import Backup
from tests.support.world import World

CASES = 60
TYPES = [RunType.HOURLY, RunType.DAILY]


def old_export(folder: Path) -> Path:
    comments = [child("CaseComment", n, record_id("Case", n)) for n in range(CASES)]
    return write_export(folder / "x", Case=[case(n) for n in range(CASES)], CaseComment=comments)


def new_export(folder: Path) -> Path:
    """Since then: texts and comments changed, cases gone and come, numbers swapped."""
    rows = [case(n) for n in range(CASES)]
    for n in range(20):
        rows[n]["Subject"] = f"Server {n} burns"
    rows[20]["CaseNumber"], rows[21]["CaseNumber"] = rows[21]["CaseNumber"], rows[20]["CaseNumber"]
    rows = [*rows[:55], *(case(n) for n in range(100, 110))]
    comments = [child("CaseComment", n, record_id("Case", n)) for n in range(55)]
    for n in range(30, 40):
        comments[n]["CommentBody"] = f"Comment {n} was written anew."
    return write_export(folder / "x", Case=rows, CaseComment=comments)


def must_be_whole(world: World, source: Path) -> None:
    """The index is what a new everycase would make of the source."""
    subjects = {r["case_number"]: r["subject"] for r in world.index()}
    assert len(subjects) == 65
    assert all(subjects[f"{40_000_000 + n}"] == f"Server {n} burns" for n in range(20))
    world.must_be_healthy(source)


@pytest.mark.parametrize("run_type", TYPES)
@pytest.mark.parametrize("comments", [True, False])
def test_a_restored_index_is_named_and_healed_without_an_embedding(
    world: World, tmp_path: Path, run_type: RunType, comments: bool
) -> None:
    """With the mark of its schema and without: what was loaded last is not there as it was loaded."""
    source = old_export(tmp_path)
    world.sync(source)
    backup = Backup(world.dsn, "vector_index")
    world.sync(new_export(tmp_path))
    backup.restore(comments=comments)
    report = world.sync(source)
    assert (report.exit_code, len(report.findings)) == (1, 1)
    assert "index" in report.findings[0]
    healed = world.reconcile(source, run_type=run_type)
    assert (healed["status"], healed["embedding_calls"]) == ("completed", 0)
    assert world.sync(source).exit_code == 0
    must_be_whole(world, source)


@pytest.mark.parametrize("run_type", TYPES)
@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("schemas", [("udp",), ("recon",), ("udp", "recon")])
def test_a_restored_database_is_named_and_healed(
    world: World, tmp_path: Path, schemas: tuple[str, ...], sequences: bool, run_type: RunType
) -> None:
    """Staging alone, the books alone, and both, with sequences and without."""
    source = old_export(tmp_path)
    world.sync(source)
    backup = Backup(world.dsn, *schemas)
    world.sync(new_export(tmp_path))
    backup.restore(sequences=sequences)
    report = world.sync(source)
    assert report.findings
    assert report.exit_code == 1
    assert report.totals.superseded == 0
    healed = world.reconcile(source, run_type=run_type)
    assert (healed["status"], healed["gaps_left"]) == ("completed", {})
    if "recon" not in schemas:
        assert healed["embedding_calls"] == report.figures.totals.embedding_calls == 0
    must_be_whole(world, source)


@pytest.mark.parametrize("run_type", TYPES)
def test_a_restored_database_is_healed_by_a_reconciliation_alone(
    world: World, tmp_path: Path, run_type: RunType
) -> None:
    """Nobody has run a sync first; what is not staged yet is no stranger in the index."""
    source = old_export(tmp_path)
    world.sync(source)
    backup = Backup(world.dsn, "udp", "recon")
    world.sync(new_export(tmp_path))
    backup.restore(sequences=False)
    healed = world.reconcile(source, run_type=run_type)
    assert (healed["withheld"], healed["gaps_left"], healed["status"]) == ({}, {}, "completed")
    must_be_whole(world, source)


@pytest.mark.parametrize("run_type", TYPES)
def test_an_empty_database_beside_a_full_index_is_named_and_healed(
    world: World, tmp_path: Path, run_type: RunType
) -> None:
    """The index was kept, the database was lost."""
    source = old_export(tmp_path)
    world.sync(source)
    world.sync(new_export(tmp_path))
    world.do("drop schema udp cascade")
    world.do("drop schema recon cascade")
    report = world.sync(source)
    assert "index" in report.findings[0]
    assert report.totals.superseded == 0
    healed = world.reconcile(source, run_type=run_type)
    assert (healed["status"], healed["embedding_calls"]) == ("completed", 0)
    must_be_whole(world, source)


def test_edits_that_get_old_numbers_are_processed(world: World, tmp_path: Path) -> None:
    """The counter alone was set back: what is due is decided by content."""
    source = old_export(tmp_path)
    world.sync(source)
    for _ in range(3):
        world.do("select setval('udp.generation', 1, false)")
        world.sync(new_export(tmp_path))
        report = world.sync(old_export(tmp_path))
        assert report.totals.superseded == 0
    world.reconcile(source)
    subjects = {r["subject"] for r in world.index()}
    assert len(subjects) == CASES
    assert not any("burns" in s for s in subjects)


def test_a_staged_row_of_other_content_with_the_same_number_is_processed(
    world: World, tmp_path: Path
) -> None:
    """Nobody raised the generation, and the content differs all the same."""
    source = old_export(tmp_path)
    world.sync(source)
    world.do(
        "update udp.case set subject = 'Another', row_hash = 'another' where id = %s", record_id("Case", 3)
    )
    world.sync(source)
    report = world.sync(source)
    assert (report.totals.cases, report.exit_code) == (0, 0)
    world.must_be_healthy(source)


def test_an_index_with_higher_numbers_keeps_nothing_out(world: World, tmp_path: Path) -> None:
    """Even where nothing else gives the other life away."""
    source = old_export(tmp_path)
    world.sync(source)
    world.do("update vector_index.support_case set generation = generation + 9000000000000")
    report = world.sync(new_export(tmp_path))
    assert report.totals.superseded == 0
    assert report.exit_code == 1
    world.reconcile(source)
    must_be_whole(world, source)


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────


def test_times_that_have_not_come_yet_hold_nothing_up(world: World, tmp_path: Path) -> None:
    """They are named, and count as now: the schedule, the look at what was loaded, the retry."""
    source = old_export(tmp_path)
    world.sync(source)
    world.reconcile(source)
    world.do(
        "insert into recon.schedule (name, last_start, last_end) "
        "values ('sync', now() + interval '3 years', now())"
    )
    world.do("update recon.reconciliation_runs set start_time = now() + interval '3 years'")
    world.do("update recon.sync_runs set start_time = now() + interval '3 years'")
    report = world.sync(source)
    assert len(report.findings) == 2
    assert all("in the future" in f for f in report.findings)
    ahead = world.rows(
        "select (select count(*) from recon.schedule where last_start > now()) "
        "+ (select count(*) from recon.reconciliation_runs where start_time > now()) as n"
    )
    assert ahead == [{"n": 0}]
    assert world.sync(source).findings == ()


def test_a_machine_whose_clock_is_ahead_removes_nothing_before_its_time(world: World, tmp_path: Path) -> None:
    """What is kept for 30 days is kept for 30 days of the database: vectors have been paid for."""
    world.sync(write_export(tmp_path / "x", Case=[case(n) for n in range(4)]))
    source = write_export(tmp_path / "x", Case=[case(n, Subject=f"Other {n}") for n in range(4)])
    world.sync(source)
    with world.app(source) as app:
        app.__dict__["processor"] = replace(
            app.processor, clock=lambda: datetime.now(UTC) + timedelta(days=4000)
        )
        work.reconcile(app, ProgressLines(quiet=True), RunType.DAILY)
    assert world.rows("select count(*) as n from recon.embedding_cache") == [{"n": 8}]


def test_a_pause_that_a_clock_ahead_wrote_lasts_as_long_as_it_was_meant_to(
    world: World, tmp_path: Path
) -> None:
    """A breaker that was opened for 30 s by a clock 3 years ahead is half open after 30 s."""
    source = old_export(tmp_path)
    world.sync(source)
    world.do(
        "insert into recon.provider_state (provider, updated_at, open_until, held_until, requests_at) "
        "select 'chathpe', t, t + interval '30 s', t, t + interval '10 s' "
        "from (select now() + interval '3 years' as t)"
    )
    report = world.sync(source)
    assert [f for f in report.findings if "pauses of embedding providers" in f]
    (state,) = world.rows(
        "select extract(epoch from open_until - updated_at)::int as open_s, updated_at <= now() as is_past, "
        "extract(epoch from requests_at - updated_at)::int as queue_s, "
        "open_until < now() + interval '1 hour' as is_near "
        "from recon.provider_state where provider = 'chathpe'"
    )
    assert state == {"open_s": 30, "is_past": True, "queue_s": 10, "is_near": True}
    assert world.sync(source).findings == ()
