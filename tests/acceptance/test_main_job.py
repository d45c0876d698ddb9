"""The main job on small exports: what is created, changed, left alone and deleted, and what it costs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from everycase.domain import fingerprint
from everycase.sources.sample.source import write_sample
from tests.support.database_faults import PASSING, Refusal, refuse
from tests.support.exports import case, child, record_id, write_export
from tests.support.world import World

ALL = ("Case", "Task", "WorkOrder", "CaseComment", "EmailMessage", "WorkOrderFeed")


def family(n: int) -> dict[str, list[dict[str, str]]]:
    """A case with a child of every kind."""
    me, order = record_id("Case", n), record_id("WorkOrder", n)
    return {
        "Case": [case(n)],
        "Task": [child("Task", n, me)],
        "WorkOrder": [child("WorkOrder", n, me)],
        "CaseComment": [child("CaseComment", n, me)],
        "EmailMessage": [child("EmailMessage", n, me)],
        "WorkOrderFeed": [child("WorkOrderFeed", n, order)],
    }


def export(folder: Path, *numbers: int, **changes: dict[int, dict[str, str]]) -> Path:
    """An export of whole families; `changes`: by object and number."""
    tables: dict[str, list[dict[str, str]]] = {name: [] for name in ALL}
    for n in numbers:
        for name, rows in family(n).items():
            tables[name] += [{**r, **changes.get(name, {}).get(n, {})} for r in rows]
    return write_export(folder, **tables)


def test_a_first_sync_loads_everything_and_a_second_does_nothing(world: World, tmp_path: Path) -> None:
    """The second sync works on no case and calls no provider."""
    source = export(tmp_path / "x", *range(20))
    first = world.sync(source)
    assert (first.totals.created, first.totals.failed, first.is_clean) == (20, 0, True)
    before = world.index()
    second = world.sync(source)
    assert (second.totals.cases, second.unchanged, second.totals.embedding_calls) == (0, 20, 0)
    assert world.index() == before


def test_lineage_tells_the_journey_of_every_case(world: World, tmp_path: Path) -> None:
    """Lineage holds stages, times, join counts and populated fields, and the same stamps as the index."""
    world.sync(export(tmp_path / "x", 1))
    (row,) = world.lineage().values()
    assert (row["current_stage"], row["status"]) == ("weaviate_loaded", "completed")
    assert [row[f"{n}_count"] for n in ("task", "workorder", "comment", "email", "feed")] == [1] * 5
    times = [row[f"{n}_timestamp"] for n in ("staging", "transformed", "embedded", "weaviate")]
    assert all(times)
    assert times == sorted(times)
    (found,) = world.index()
    for stamp in (
        "checksum",
        "children_checksum",
        "text_hash",
        "space",
        "recipe",
        "vector_hash",
        "object_hash",
    ):
        assert found[stamp] == row[stamp], stamp
    assert found["id"] == row["object_id"] == fingerprint.object_id("40000001")
    events = world.rows("select stage, event from recon.lineage_events order by event_id")
    assert [(e["stage"], e["event"]) for e in events] == [
        (stage, event)
        for stage in ("extracted", "pii_removed", "embedding_generated", "weaviate_loaded")
        for event in ("entered", "exited")
    ]
    (join,) = world.rows("select * from recon.multi_table_join_stats")
    assert (join["workorder_feeds_joined"], join["fields_populated"]) == (1, row["total_fields_populated"])


@pytest.mark.parametrize("name", ALL[1:])
def test_a_changed_child_updates_its_case_alone(world: World, tmp_path: Path, name: str) -> None:
    """A new comment does not move the parent's LastModifiedDate; the children's checksum sees it."""
    world.sync(export(tmp_path / "x", *range(5)))
    text = {"Task": "Description", "WorkOrder": "Closing_Summary__c", "CaseComment": "CommentBody"}
    field = {**text, "EmailMessage": "TextBody", "WorkOrderFeed": "Body"}[name]
    report = world.sync(export(tmp_path / "y", *range(5), **{name: {3: {field: "Quite another text."}}}))
    assert (report.totals.created, report.totals.updated, report.unchanged) == (0, 1, 4)
    assert report.totals.embedded == 1


def test_a_change_outside_the_text_updates_properties_and_embeds_nothing(
    world: World, tmp_path: Path
) -> None:
    """Same text and space: the stored vector is reused."""
    world.sync(export(tmp_path / "x", *range(5)))
    report = world.sync(export(tmp_path / "y", *range(5), Case={2: {"Priority": "Low"}}))
    assert (report.totals.updated, report.totals.embedded, report.totals.embedding_calls) == (1, 0, 0)
    assert [r["priority"] for r in world.index()] == ["High", "High", "Low", "High", "High"]


def test_what_is_gone_from_the_export_is_gone_from_the_index(world: World, tmp_path: Path) -> None:
    """A complete export that lacks a case says that it is deleted; IsDeleted says so too."""
    world.sync(export(tmp_path / "x", *range(6)))
    report = world.sync(export(tmp_path / "y", *range(5), Case={0: {"IsDeleted": "true"}}))
    assert (report.deleted, report.unchanged, report.index_count) == (2, 4, 4)
    gone = [r["case_number"] for r in world.lineage().values() if r["status"] == "deleted"]
    assert sorted(gone) == ["40000000", "40000005"]
    back = world.sync(export(tmp_path / "z", *range(6)))
    assert (back.totals.created, back.totals.embedded, back.index_count) == (2, 0, 6)


def test_mass_vanishing_waits_for_a_persons_word(world: World, tmp_path: Path) -> None:
    """More than 10 and more than 10 %: nothing is deleted until it is approved."""
    world.sync(export(tmp_path / "x", *range(60)))
    fewer = export(tmp_path / "y", *range(40))
    withheld = world.sync(fewer)
    assert (withheld.deleted, withheld.index_count, withheld.is_clean) == (0, 60, False)
    assert "--allow-deletes 20" in " ".join(withheld.problems)
    approved = world.sync(fewer, allow_deletes=20)
    assert (approved.deleted, approved.index_count, approved.is_clean) == (20, 40, True)


def test_a_reparented_child_touches_both_cases(world: World, tmp_path: Path) -> None:
    """Both cases are updated: the old one loses the child, the new one gets it."""
    one, two = case(1), case(2)
    comment = child("CaseComment", 1, one["Id"])
    world.sync(write_export(tmp_path / "x", Case=[one, two], CaseComment=[comment]))
    moved = {**comment, "ParentId": two["Id"]}
    report = world.sync(write_export(tmp_path / "y", Case=[one, two], CaseComment=[moved]))
    assert report.totals.updated == 2
    counts = {r["case_number"]: r["comment_count"] for r in world.lineage().values()}
    assert counts == {"40000001": 0, "40000002": 1}


def test_a_new_case_number_leaves_no_object_behind(world: World, tmp_path: Path) -> None:
    """An object id is derived from the case number, so the object of the old number is deleted."""
    world.sync(write_export(tmp_path / "x", Case=[case(1)]))
    world.sync(write_export(tmp_path / "y", Case=[case(1, CaseNumber="99999999")]))
    assert [r["case_number"] for r in world.index()] == ["99999999"]


def test_two_cases_of_one_number_are_not_one(world: World, tmp_path: Path) -> None:
    """The younger case is an open failure, and is loaded when the elder is deleted."""
    twins = [case(1), case(2, CaseNumber="40000001", CreatedDate="2024-12-01 00:00:00")]
    report = world.sync(write_export(tmp_path / "x", Case=[*twins, case(3)]))
    assert (report.totals.created, report.totals.failed) == (2, 1)
    (failure,) = world.failures()
    assert (failure["error_type"], failure["record_id"]) == ("MissingRequiredField", twins[1]["Id"])
    healed = world.sync(write_export(tmp_path / "y", Case=[twins[1], case(3)]))
    assert (healed.totals.created, healed.deleted, healed.is_clean) == (1, 1, True)
    assert [r["case_id"] for r in world.index()] == [twins[1]["Id"], record_id("Case", 3)]


def test_own_field_names_are_read_by_a_setting(world: World, tmp_path: Path) -> None:
    """EVERYCASE_FIELDS maps a catalogue field to another column."""
    source = write_export(tmp_path / "x", Case=[case(1, Root_Cause__c="A worn bearing.")])
    text = (source / "Case.csv").read_text()
    (source / "Case.csv").write_text(text.replace("Root_Cause__c", "RCA__c"))
    world.sync(source, fields={"Case.Root_Cause__c": "RCA__c"})
    assert world.index()[0]["root_cause"] == "A worn bearing."


def test_other_redaction_settings_redo_old_cases(world: World, tmp_path: Path) -> None:
    """A new recipe makes a loaded case stale, and the old object serves until it is replaced."""
    source = write_export(tmp_path / "x", Case=[case(1, Description="MAC 00:11:22:33:44:55 is down.")])
    world.sync(source)
    assert "00:11:22:33:44:55" in world.index()[0]["composite"]
    report = world.sync(source, keep_hardware_addresses=False)
    assert report.totals.updated == 1
    assert "00:11:22:33:44:55" not in world.index()[0]["composite"]


def test_equal_texts_are_embedded_once(world: World, tmp_path: Path) -> None:
    """A text whose hash is in the cache is not embedded again."""
    same = {"Subject": "The same", "Description": "The same words."}
    cases = [case(n, CaseNumber=f"{n:08d}", **same) for n in range(3)]
    report = world.sync(write_export(tmp_path / "x", Case=cases), batch_size=1, engine="inline")
    assert (report.totals.embedded, report.totals.reused) == (1, 2)  # the number is no part of the text
    world.do("truncate recon.data_lineage")
    world.do("delete from vector_index.support_case")
    again = world.sync(tmp_path / "x")
    assert (again.totals.created, again.totals.embedded, again.totals.reused) == (3, 0, 3)


@pytest.mark.parametrize("engine", ["inline", "threads:3", "processes:2"])
def test_every_engine_gives_the_same_index(world: World, tmp_path: Path, engine: str) -> None:
    """Inline, threads and processes load the same objects."""
    write_sample(tmp_path / "s", cases=40, seed=3)
    report = world.sync(tmp_path / "s", engine=engine, batch_size=7)
    assert (report.totals.created, report.totals.failed, report.index_count) == (40, 0, 40)
    assert {r["space"] for r in world.index()} == {"local/wordllama-l2-supercat@256"}


@pytest.mark.parametrize("refusal", PASSING)
@pytest.mark.parametrize("table", ["udp.case", "recon.data_lineage", "vector_index.support_case"])
def test_a_deadlock_is_tried_again_within_the_run(
    world: World, tmp_path: Path, refusal: Refusal, table: str
) -> None:
    """The sync loads every case, and no failure is left, wherever the deadlock was."""
    source = export(tmp_path / "x", *range(5))
    world.sync(source)
    changed = export(tmp_path / "y", *range(8), Case={1: {"Subject": "Changed"}})
    refuse(world.dsn, random.Random(1), refusal, 1, table=table)
    report = world.sync(changed)
    assert (report.totals.created, report.totals.updated, report.is_clean) == (3, 1, True)
    assert world.failures() == []
