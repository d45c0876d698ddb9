"""Exports as organisations have them, through whole runs: refusals, absent objects, marks, layouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from everycase.domain.errors import WrongUse
from everycase.operations.status import read_status
from everycase.pipeline.identity import REMARK
from tests.support.exports import HEADERS, Row, case, child, write_export, write_table
from tests.support.world import World

CASES = 40
PERSON = ("ContactName", "ContactEmail", "ContactPhone", "ContactMobile", "OwnerName", "EngineerName")


def cases(**values: str) -> list[Row]:
    return [case(n, **values) for n in range(CASES)]


# ── identity ─────────────────────────────────────────────────────────────────────────────────────


def nameless(folder: Path) -> Path:
    """An export without a column that could name a person."""
    write_export(folder, Task=[child("Task", n, case(n)["Id"]) for n in range(CASES)])
    for name, header in HEADERS.items():
        own = [h for h in header if h in ("Id", "ParentId", "CaseId", "WhatId") or "Name" not in h]
        kept = [h for h in own if "Address" not in h and h not in PERSON]
        rows = [{k: v for k, v in r.items() if k in kept} for r in cases()] if name == "Case" else []
        write_table(folder / f"{name}.csv", kept, rows)
    return folder


def test_without_a_column_of_a_person_a_sync_refuses_until_the_settings_say_so(
    world: World, tmp_path: Path
) -> None:
    """Nothing is loaded; said in the settings, all is, and every report repeats it."""
    source = nameless(tmp_path / "x")
    with pytest.raises(WrongUse, match="EVERYCASE_IDENTITY=none"):
        world.sync(source)
    assert world.rows("select from udp.case") == []
    report = world.sync(source, identity="none")
    assert (len(world.index()), report.totals.failed) == (CASES, 0)
    assert REMARK in report.problems
    assert REMARK in world.sync(source, identity="none").problems
    assert REMARK in world.reconcile(source, identity="none")["problems"]


# ── objects that an organisation does not have ───────────────────────────────────────────────────


def test_what_is_declared_absent_is_no_failure_and_no_alert(world: World, tmp_path: Path) -> None:
    """No coverage is reckoned for it; that of the others still alerts."""
    source = write_export(tmp_path / "x", Case=cases())
    for name in ("WorkOrder", "WorkOrderFeed"):
        (source / f"{name}.csv").unlink()
    without = {"without": ("WorkOrder", "workorderfeed")}
    report = world.sync(source, **without)
    assert (len(world.index()), world.failures(), report.problems) == (CASES, [], [])
    found = world.reconcile(source, **without)
    assert set(found["coverage"]) == {"Task", "CaseComment", "EmailMessage"}
    rules = {a["rule"] for a in found["alerts"]} | {a.rule for a in report.alerts}
    assert "task_coverage" in rules
    assert not rules & {"workorder_coverage", "feed_coverage"}
    assert world.failures() == []
    with world.app(source, **without) as app:
        assert set(read_status(app).coverage) == {"Task", "CaseComment", "EmailMessage"}


def test_without_that_word_a_missing_file_is_a_failure(world: World, tmp_path: Path) -> None:
    """It may have been lost: the inbox has one for each object, not one a row."""
    source = write_export(tmp_path / "x", Case=cases())
    (source / "WorkOrder.csv").unlink()
    world.sync(source)
    assert [f["error_type"] for f in world.failures()] == ["SourceUnavailable"]
    with pytest.raises(WrongUse, match="EVERYCASE_WITHOUT"):
        world.sync(source, without=("Case",))


# ── marks ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("run", ["sync", "reconcile"])
def test_thirty_of_forty_cases_that_are_marked_at_once_wait_for_a_person(
    world: World, tmp_path: Path, run: str
) -> None:
    """As absences do: by either command nothing is marked or removed until it is approved."""
    source = write_export(tmp_path / "x", Case=cases())
    world.sync(source)
    rows = [case(n, IsDeleted="true" if n < 30 else "false") for n in range(CASES)]
    write_export(source, Case=rows)
    go = world.sync if run == "sync" else world.reconcile
    go(source)
    assert len(world.index()) == CASES
    assert world.rows("select count(*) as n from udp.case where is_deleted")[0]["n"] == 0
    go(source, allow_deletes=29)
    assert len(world.index()) == CASES
    go(source, allow_deletes=30)
    assert len(world.index()) == CASES - 30
    assert world.rows("select count(*) as n from udp.case where is_deleted")[0]["n"] == 30
