"""A person's word: failures that wait are tried again with the cases' current content, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from everycase.cli.console import ProgressLines
from everycase.domain.errors import WrongUse
from everycase.domain.failures import ErrorType, FailureStage
from everycase.operations import inbox, work
from everycase.redaction.redactor import TableRedactor
from tests.acceptance.test_commands import Shell
from tests.acceptance.test_poison import Chokes
from tests.support.exports import HEADERS, case, child, record_id, write_export, write_table
from tests.support.world import World


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Ten cases: 3, 4 and 5 with a word that a detector cannot stand, 6 without any text."""
    cases = [case(n) for n in range(10)]
    for n in (3, 4, 5):
        cases[n] = case(n, Description="There is arsenic in the fan.")
    cases[6] = case(6, Subject="", Description="")
    return write_export(tmp_path / "x", Case=cases)


def sync_choking(world: World, source: Path) -> None:
    """With a detector that fails, and that does not count as another recipe."""
    with world.app(source, engine="inline") as app:
        redactor = TableRedactor(catalogue=app.catalogue, detectors=[Chokes()])
        app.__dict__["processor"] = replace(app.processor, redactor=redactor)
        work.sync(app, ProgressLines(quiet=True))


def retry(world: World, source: Path, **choice):
    with world.app(source, engine="inline") as app:
        return inbox.retry(app, ProgressLines(quiet=True), **choice)


def open_ones(world: World) -> set[str]:
    return {f["record_id"] for f in world.failures()}


def test_one_a_type_a_stage_or_all(world: World, source: Path) -> None:
    """`retry` by id, type, stage or --all tries exactly those failures."""
    sync_choking(world, source)
    bad = {n: record_id("Case", n) for n in (3, 4, 5, 6)}
    assert open_ones(world) == set(bad.values())
    assert {f["disposition"] for f in world.failures()} == {"manual_review"}
    by_number = retry(world, source, which="40000003")
    assert (by_number.retried, by_number.recovered, by_number.exit_code) == (1, 1, 0)
    assert open_ones(world) == {bad[4], bad[5], bad[6]}
    by_id = next(str(f["failure_id"]) for f in world.failures() if f["record_id"] == bad[4])
    assert retry(world, source, which=by_id).recovered == 1
    in_vain = retry(world, source, error_type=ErrorType.MISSING_REQUIRED_FIELD)
    assert (in_vain.retried, in_vain.still_open, in_vain.exit_code) == (1, 1, 1)
    assert next(f for f in world.failures() if f["record_id"] == bad[6])["disposition"] == "manual_review"
    assert retry(world, source, stage=FailureStage.PII_REMOVAL).recovered == 1
    assert open_ones(world) == {bad[6]}
    everything = retry(world, source, everything=True)
    assert (everything.retried, everything.still_open) == (1, 1)
    methods = world.rows("select recovery_method from recon.failed_records where resolved")
    assert [m["recovery_method"] for m in methods] == ["redaction_retry"] * 3
    assert {r["recovery_count"] for r in world.lineage().values() if r["status"] == "completed"} == {0, 1}
    with pytest.raises(WrongUse, match="no open failure"):
        retry(world, source, which="40000009")


def test_current_content_is_used_not_the_payload(world: World, source: Path) -> None:
    """The row was corrected at the source; `retry` reads it again without a sync before."""
    rows = [case(0), {**case(1), "CreatedDate": "no date"}]
    write_export(source, Case=rows)
    world.sync(source, allow_deletes=10)
    (bad,) = world.failures()
    assert (bad["stage"], bad["error_type"]) == ("extraction", "MalformedRecord")
    write_export(source, Case=[case(0), case(1)])
    found = retry(world, source, which=record_id("Case", 1))
    assert found.recovered == 1
    assert world.failures() == []


def test_a_parent_that_comes_is_joined(world: World, source: Path) -> None:
    """A comment of a case that cannot be read yet; the failure names its method when it ends."""
    bad = case(1, ClosedDate="soon")
    write_export(source, Case=[case(0), bad], CaseComment=[child("CaseComment", 1, record_id("Case", 1))])
    world.sync(source, allow_deletes=10)
    assert {f["error_type"] for f in world.failures()} == {"MissingChildData", "MalformedRecord"}
    write_table(source / "Case.csv", HEADERS["Case"], [case(0), case(1)])
    found = world.reconcile(source)
    assert found["recovered"]["rejoined"] == 1
    assert world.failures() == []
    assert len(world.index()) == 2


def test_the_commands_of_the_inbox_and_of_the_runs(world: World, source: Path) -> None:
    """retry, failures --group, runs, report in three forms, prune, resume: what they say and their codes."""
    shell = Shell(world, source)
    assert shell("sync").returncode == 1
    assert shell("retry").returncode == 2
    retried = shell("retry", "--all", "--json")
    assert (retried.returncode, json.loads(retried.stdout)["still_open"]) == (1, 1)
    group = shell.json("failures", "--group")["groups"][0]
    assert (group["error_type"], group["open"]) == ("MissingRequiredField", 1)
    assert shell("report").returncode == 2  # none yet
    run = shell.json("reconcile", "--type", "daily")
    assert (run["still_failed"], run["status"]) == ({"MissingRequiredField": 1}, "completed")
    listed = shell.json("runs")
    assert [r["run_id"] for r in listed["runs"]] == [run["run_id"]]
    assert len(listed["days"]) == 1
    text = shell("report", run["run_id"][:8]).stdout
    assert "=== Reconciliation Run:" in text
    assert "MissingRequiredField" in text
    assert json.loads(shell("report", "--format", "json").stdout)["run_id"] == run["run_id"]
    assert shell("report", "--format", "html").stdout.startswith("<!doctype html>")
    assert shell.json("report", "--gaps")["gap_list"] == []
    assert shell("report", "zzz").returncode == 2
    assert shell.json("prune") == {"failures": 0, "runs": 0, "vectors": 0, "events": 0}
    assert shell.json("resume") == {"resumed": False, "reason": None}
    assert shell("reconcile", "--type", "weekly").returncode == 2
    assert shell.json("serve", "--once")["jobs"][0]["outcome"] == "ran"


def test_what_is_over_for_long_enough_goes_and_the_days_stay(world: World, source: Path) -> None:
    """Resolved failures 90 days, runs 30, open failures, lineage and roll-ups for ever."""
    sync_choking(world, source)
    retry(world, source, stage=FailureStage.PII_REMOVAL)
    world.reconcile(source)
    world.do(
        "update recon.failed_records set resolution_time = now() - interval '91 days' "
        "where resolved and record_id < %s",
        record_id("Case", 5),
    )
    world.do("update recon.failed_records set failed_at = now() - interval '400 days' where not resolved")
    world.do("update recon.reconciliation_runs set start_time = now() - interval '31 days'")
    world.reconcile(source)  # a daily run prunes by itself
    assert len(world.rows("select * from recon.reconciliation_runs")) == 1
    assert len(world.rows("select * from recon.daily_rollup")) == 1
    assert world.rows("select resolved, count(*) as n from recon.failed_records group by 1 order by 1") == [
        {"resolved": False, "n": 1},
        {"resolved": True, "n": 1},
    ]
    assert len(world.lineage()) == 10
