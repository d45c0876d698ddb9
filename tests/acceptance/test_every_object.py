"""No case takes another's object with it; every object ever loaded is judged; poison stands alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from everycase.cli.console import ProgressLines
from everycase.domain import fingerprint
from everycase.domain.failures import ErrorType, RedactionFailure
from everycase.domain.gaps import RunType
from everycase.operations import work
from tests.support.damage import Damage
from tests.support.exports import case, record_id, write_export
from tests.support.world import World

CASES = 40
LONG = "".join(map(chr, range(0x4E00, 0x4E00 + 6000)))
"""6,000 characters that no compression makes short enough for an index of PostgreSQL."""


def number(n: int) -> str:
    return f"{40_000_000 + n}"


def export(folder: Path, changes: dict[int, dict[str, str]] | None = None, *, leave_out: int = -1) -> Path:
    """An export of the cases; each call writes a newer one."""
    rows = [case(n, **(changes or {}).get(n, {})) for n in range(CASES) if n != leave_out]
    return write_export(folder / "x", Case=rows)


class Refuses:
    """The real redactor, but for cases with a word that it does not let pass."""

    def __init__(self, inner, error_type: ErrorType) -> None:
        self.inner, self.version, self.error_type = inner, inner.version, error_type

    def redact(self, found):
        if "arsenic" in found.case.values["Description"]:
            raise RedactionFailure(self.error_type, "something is left in the text")
        return self.inner.redact(found)


class Explodes(Refuses):
    """A bug of ours in the middle of a batch."""

    def redact(self, found):
        redacted = self.inner.redact(found)
        return None if "arsenic" in found.case.values["Description"] else redacted


def run_with(world: World, source: Path, redactor=None, *, engine: str = "inline", reconcile: bool = False):
    """A sync, or a reconciliation, with another redactor."""
    with world.app(source, engine=engine) as app:
        if redactor:
            app.__dict__["processor"] = replace(app.processor, redactor=redactor(app.processor.redactor))
        if reconcile:
            return work.reconcile(app, ProgressLines(quiet=True), RunType.DAILY, deep=True).as_dict()
        return work.sync(app, ProgressLines(quiet=True))


def refuses(error_type: ErrorType):
    return lambda inner: Refuses(inner, error_type)


def must_own_their_objects(world: World, owners: dict[str, str]) -> None:
    """Each case number is served by its case, and lineage says the same."""
    there = {r["case_number"]: r["case_id"] for r in world.index()}
    assert {n: there.get(n) for n in owners} == owners
    lineage = world.lineage()
    for case_number, owner in owners.items():
        assert lineage[owner]["object_id"] == fingerprint.object_id(case_number)
        assert lineage[owner]["index_state"] == "loaded"


# ── neighbours ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("batch_size", [64, 1])
def test_two_cases_that_swap_their_numbers_keep_both_objects(
    world: World, tmp_path: Path, batch_size: int
) -> None:
    """In one batch and in two."""
    world.sync(export(tmp_path))
    swapped = {0: {"CaseNumber": number(1)}, 1: {"CaseNumber": number(0)}}
    report = world.sync(export(tmp_path, swapped), batch_size=batch_size)
    assert len(world.index()) == CASES
    must_own_their_objects(world, {number(0): record_id("Case", 1), number(1): record_id("Case", 0)})
    assert report.is_clean
    world.must_be_healthy(tmp_path / "x")


@pytest.mark.parametrize("batch_size", [64, 1])
def test_a_number_that_goes_round_three_cases_loses_nothing(
    world: World, tmp_path: Path, batch_size: int
) -> None:
    """0 takes 1's, 1 takes 2's, 2 takes 0's."""
    world.sync(export(tmp_path))
    turned = {n: {"CaseNumber": number((n + 1) % 3)} for n in range(3)}
    world.sync(export(tmp_path, turned), batch_size=batch_size)
    must_own_their_objects(world, {number((n + 1) % 3): record_id("Case", n) for n in range(3)})
    world.must_be_healthy(tmp_path / "x")


@pytest.mark.parametrize("leaver", ["renumbered", "deleted"])
def test_a_case_that_takes_a_former_number_keeps_its_object(
    world: World, tmp_path: Path, leaver: str
) -> None:
    """Whoever had the number before has another one now, or is gone."""
    world.sync(export(tmp_path))
    changes = {5: {"CaseNumber": number(0)}}
    if leaver == "renumbered":
        changes[0] = {"CaseNumber": "59999999"}
    world.sync(export(tmp_path, changes, leave_out=0 if leaver == "deleted" else -1))
    must_own_their_objects(world, {number(0): record_id("Case", 5)})
    assert number(5) not in {r["case_number"] for r in world.index()}
    world.must_be_healthy(tmp_path / "x")


def test_a_case_whose_number_was_taken_has_no_object_when_it_fails(world: World, tmp_path: Path) -> None:
    """Its former object is the other one's now, and nobody looks for it there."""
    world.sync(export(tmp_path))
    changes = {
        0: {"CaseNumber": number(1)},
        1: {"CaseNumber": number(0), "Description": "There is arsenic in the fan."},
    }
    source = export(tmp_path, changes)
    run_with(world, source, refuses(ErrorType.PII_REMOVAL_FAILURE))
    must_own_their_objects(world, {number(1): record_id("Case", 0)})
    found = run_with(world, source, refuses(ErrorType.PII_REMOVAL_FAILURE), reconcile=True)
    assert (found["gaps"], found["gaps_left"]) == ({}, {})
    must_own_their_objects(world, {number(1): record_id("Case", 0)})


def test_a_case_that_takes_the_number_of_another_is_still_served_by_its_own(
    world: World, tmp_path: Path
) -> None:
    """It fails; its object keeps the number that it was loaded with, and is no gap."""
    world.sync(export(tmp_path))
    source = export(tmp_path, {1: {"CaseNumber": number(0)}})
    assert not world.sync(source).is_clean
    own = {number(n): record_id("Case", n) for n in range(CASES)}
    for run_type in ("hourly", "daily"):
        found = world.reconcile(source, run_type=RunType(run_type))
        assert (found["gaps"], found["problems"], found["status"]) == ({}, [], "completed")
        must_own_their_objects(world, own)
    world.sync(export(tmp_path))
    world.must_be_healthy(source)


# ── every object ─────────────────────────────────────────────────────────────────────────────────


def test_the_object_of_a_case_whose_update_failed_is_looked_for(world: World, tmp_path: Path) -> None:
    """What was loaded before is still owed to whoever searches."""
    world.sync(export(tmp_path))
    poison = {n: {"Description": "There is arsenic in the fan."} for n in (0, 1)}
    source = export(tmp_path, poison)
    run_with(world, source, refuses(ErrorType.PII_REMOVAL_FAILURE))
    world.do(
        "delete from vector_index.support_case where case_id = any (%s)",
        [record_id("Case", n) for n in (0, 1)],
    )
    found = run_with(world, source, refuses(ErrorType.PII_REMOVAL_FAILURE), reconcile=True)
    assert found["gaps"] == {"missing": 2}
    assert found["recovered"] == {}


def test_an_altered_object_of_a_case_whose_update_failed_is_found(world: World, tmp_path: Path) -> None:
    """Also by its content; and when the cause is gone, all is well."""
    world.sync(export(tmp_path))
    source = export(tmp_path, {0: {"Description": "There is arsenic in the fan."}})
    run_with(world, source, refuses(ErrorType.PII_REMOVAL_FAILURE))
    world.do(
        "update vector_index.support_case set subject = 'other' where case_id = %s", record_id("Case", 0)
    )
    found = run_with(world, source, refuses(ErrorType.PII_REMOVAL_FAILURE), reconcile=True)
    assert found["gaps"] == {"stale": 1}
    healed = world.reconcile(source, deep=True)
    assert (healed["status"], healed["still_failed"]) == ("completed", {"PIIRemovalFailure": 1})
    export(tmp_path, {0: {"Description": "There is dust in the fan."}})
    world.sync(source)
    world.must_be_healthy(source)


def test_the_object_of_a_case_whose_update_failed_is_searched_by_words_again(
    world: World, tmp_path: Path
) -> None:
    """It is written anew as the index has it, for the case itself cannot be loaded."""
    world.sync(export(tmp_path))
    source = export(tmp_path, {3: {"Subject": "", "Description": ""}})
    world.sync(source)
    whole = world.rows("select id, lexemes from vector_index.case_words order by id")
    world.do("update vector_index.case_words set lexemes = ''::tsvector")
    found = world.reconcile(source, deep=True)
    assert (found["gaps"], found["gaps_left"]) == ({"unsearchable": CASES}, {})
    assert (found["recovered"], found["still_failed"]) == (
        {"delete_then_insert": CASES},
        {"MissingRequiredField": 1},
    )
    assert world.rows("select id, lexemes from vector_index.case_words order by id") == whole
    assert world.reconcile(source, deep=True)["gaps"] == {}


def test_a_quarantined_case_leaves_the_index(world: World, tmp_path: Path) -> None:
    """Its older object was made by the same rules: at once, and for as long as it is quarantined."""
    world.sync(export(tmp_path))
    source = export(tmp_path, {0: {"Description": "There is arsenic in the fan."}})
    run_with(world, source, refuses(ErrorType.PII_RESIDUAL))
    assert record_id("Case", 0) not in {r["case_id"] for r in world.index()}
    assert world.lineage()[record_id("Case", 0)]["index_state"] == "removed"
    events = world.rows(
        "select event from recon.lineage_events where record_id = %s order by event_id",
        record_id("Case", 0),
    )
    assert events[-1]["event"] == "removed"
    export(tmp_path)
    world.sync(source)
    assert len(world.index()) == CASES
    world.must_be_healthy(source)


def test_an_object_of_a_quarantined_case_that_comes_back_is_taken_out(world: World, tmp_path: Path) -> None:
    """A restored backup of the index brings it."""
    world.sync(export(tmp_path))
    world.do("create table kept as select * from vector_index.support_case")
    source = export(tmp_path, {0: {"Description": "There is arsenic in the fan."}})
    run_with(world, source, refuses(ErrorType.PII_RESIDUAL))
    world.do(
        "insert into vector_index.support_case select * from kept where case_id = %s", record_id("Case", 0)
    )
    found = run_with(world, source, refuses(ErrorType.PII_RESIDUAL), reconcile=True)
    assert (found["gaps"], found["recovered"]) == ({"quarantined": 1}, {"removed_quarantined": 1})
    assert len(world.index()) == CASES - 1


def test_a_removal_that_was_interrupted_is_finished_by_the_next_run(world: World, tmp_path: Path) -> None:
    """The state of the row says that the object has to go."""
    source = export(tmp_path)
    world.sync(source)
    world.do(
        "update recon.data_lineage set index_state = 'to_remove', status = 'failed' where record_id = %s",
        record_id("Case", 0),
    )
    world.do(
        "insert into recon.failed_records (record_id, stage, error_type, error_message, disposition) "
        "values (%s, 'pii_removal', 'PIIResidual', 'x', 'manual_review')",
        record_id("Case", 0),
    )
    world.sync(source)
    assert len(world.index()) == CASES - 1
    assert world.lineage()[record_id("Case", 0)]["index_state"] == "removed"


# ── poison ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("field", ["Status", "CaseNumber"])
def test_a_value_that_an_index_of_postgresql_refuses_fails_alone(
    world: World, tmp_path: Path, field: str
) -> None:
    """The others of its batch are loaded, and stay."""
    source = export(tmp_path)
    world.sync(source)
    export(tmp_path, {n: ({field: LONG} if n == 7 else {"Subject": f"Changed {n}"}) for n in range(CASES)})
    for _ in range(2):
        world.sync(source)
        subjects = {r["case_id"]: r["subject"] for r in world.index()}
        assert [n for n in range(CASES) if subjects.get(record_id("Case", n)) != f"Changed {n}"] == [7]
    kept = {f["record_id"] for f in world.failures()}
    assert kept == {record_id("Case", 7)}


def test_a_repair_of_an_object_that_cannot_be_written_deletes_nothing(world: World, tmp_path: Path) -> None:
    """What is served stays served until something better is there."""
    source = export(tmp_path)
    world.sync(source)
    export(tmp_path, {7: {"Status": LONG}})
    world.sync(source)
    Damage(world)
    world.do(
        "update vector_index.support_case set subject = 'other' where case_id = %s", record_id("Case", 7)
    )
    world.reconcile(source, deep=True)
    assert len(world.index()) == CASES


# ── failures ─────────────────────────────────────────────────────────────────────────────────────


def test_an_error_that_nobody_foresaw_ends_with_a_person_and_is_no_gap(world: World, tmp_path: Path) -> None:
    """Tried by two more runs, with its case number; then left alone, and every run says completed."""
    source = export(tmp_path, {3: {"Description": "There is arsenic in the fan."}})
    for _ in range(3):
        run_with(world, source, lambda inner: Explodes(inner, ErrorType.PII_RESIDUAL))
    (failure,) = world.failures()
    assert (failure["disposition"], failure["case_number"]) == ("manual_review", number(3))
    explode = lambda inner: Explodes(inner, ErrorType.PII_RESIDUAL)  # noqa: E731
    found = run_with(world, source, explode, reconcile=True)
    assert (found["gaps"], found["status"]) == ({}, "completed")
    assert world.failures()[0]["retry_count"] == failure["retry_count"]


def test_new_content_has_a_budget_of_tries_of_its_own(world: World, tmp_path: Path) -> None:
    """What was tried too often was another text."""
    explode = lambda inner: Explodes(inner, ErrorType.PII_RESIDUAL)  # noqa: E731
    source = export(tmp_path, {3: {"Description": "There is arsenic in the fan."}})
    for _ in range(3):
        run_with(world, source, explode)
    export(tmp_path, {3: {"Description": "There is more arsenic in the fan."}})
    run_with(world, source, explode)
    (failure,) = world.failures()
    assert (failure["disposition"], failure["retry_count"]) == ("retry", 1)
