"""Exports as organisations have them, through whole runs: refusals, absent objects, marks, layouts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from everycase.domain.errors import WrongUse
from everycase.operations import checks_source
from everycase.operations.status import read_status
from everycase.pipeline.identity import REMARK
from tests.acceptance.test_providers import command
from tests.support.databases import Databases
from tests.support.exports import HEADERS, Row, case, child, write_export, write_table
from tests.support.layouts import LAYOUTS, generate, personal, write_weekly
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


# ── doctor ───────────────────────────────────────────────────────────────────────────────────────


def test_doctor_says_before_a_sync_what_a_sync_will_find(world: World, tmp_path: Path) -> None:
    """Layout, form, encoding, delimiter, rows of each object, who names people, and Task types."""
    source = write_export(tmp_path / "x", Case=cases(), Task=[child("Task", 1, case(1)["Id"], Type="Call")])
    for name in ("Case", "Task"):
        text = (source / f"{name}.csv").read_text()
        (source / f"{name}.csv").write_text(text.replace(",", ";"), encoding="utf-16")
    with world.app(source) as app:
        said = checks_source.check_source(app)
        assert "layout: a file an object" in said
        assert "Case as CSV, utf-16-le, delimited by ;" in said
        assert "people are named by Case.ContactName" in said
        rows = checks_source.check_deletions(app)
        assert f"Case {CASES} rows" in rows
        assert "Task 0 rows of the types Plan of Action, Trouble Shooting, so EVERYCASE_TASK_TYPES" in rows
        assert "passed over: 1 Tasks of another Type" in rows


# ── layouts ──────────────────────────────────────────────────────────────────────────────────────


def test_a_weekly_export_of_a_thousand_cases_loads_clean(world: World, tmp_path: Path) -> None:
    """Three zips, ids only, ISO-8859-1, no feeds: exit 0, no name in the index, no change the next time."""
    source = write_weekly(tmp_path / "weekly", generate(1000))
    given = {"encoding": "iso-8859-1", "without": "WorkOrderFeed"}
    first = command(world, source, given, "sync", "--json")
    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    assert (found["created"], found["failed"], world.failures()) == (1000, 0, [])
    left = []
    names = personal(1000)
    for row in world.index():
        text = json.dumps({k: v for k, v in row.items() if k not in _IDS}, default=str, ensure_ascii=False)
        left += [(row["case_number"], n) for n in names[row["case_id"]] if n in text]
    assert left == []
    second = command(world, source, given, "sync", "--json")
    again = json.loads(second.stdout)
    assert second.returncode == 0
    assert [again[k] for k in ("created", "updated", "deleted", "failed")] == [0, 0, 0, 0]


_IDS = frozenset({"case_id", "id", "lexemes"})
MADE = 200


@pytest.fixture(scope="module")
def made() -> dict[str, list[Row]]:
    return generate(MADE)


def fingerprints(world: World) -> dict[str, object]:
    """Row hashes of everything that is staged, and the checksums of all cases."""
    found: dict[str, object] = {}
    for table in ("case", "task", "workorder", "casecomment", "emailmessage", "workorderfeed"):
        found[table] = {r["id"]: r["row_hash"] for r in world.rows(f"select id, row_hash from udp.{table}")}
    found["lineage"] = {
        k: (r["checksum"], r["children_checksum"], r["text_hash"]) for k, r in world.lineage().items()
    }
    return found


@pytest.fixture(scope="module")
def expected(
    databases: Databases, made: dict[str, list[Row]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, object]:
    """What plain files, one an object, give."""
    folder = tmp_path_factory.mktemp("plain")
    with databases.fresh() as dsn:
        world = World(dsn, folder)
        world.sync(write_export(folder / "x", **made))
        return fingerprints(world)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_generated_cases_are_the_same_in_every_layout(
    world: World, tmp_path: Path, made: dict[str, list[Row]], expected: dict[str, object], layout: str
) -> None:
    """Equal row hashes, checksums and texts, with every child, and no failure."""
    LAYOUTS[layout](tmp_path / "other", made)
    report = world.sync(tmp_path / "other")
    assert (report.totals.failed, world.failures(), report.problems) == (0, [], [])
    found = fingerprints(world)
    assert {k: len(v) for k, v in found.items()} == {k: len(v) for k, v in expected.items()}
    assert found == expected
