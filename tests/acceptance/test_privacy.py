"""Nothing personal leaks: not into the index, not into a payload, a log or an error."""

from __future__ import annotations

import json
from pathlib import Path

from everycase.domain.catalogue import Catalogue
from everycase.domain.rows import BadRow
from everycase.sources.export.source import ExportSource
from everycase.sources.sample.source import TRUTH, write_sample
from tests.support.exports import case, child, record_id, write_export
from tests.support.shell import Shell
from tests.support.world import World


def everything_kept(world: World) -> dict[str, str]:
    """All that the index, the inbox and the tracking tables hold, as text by case."""
    found: dict[str, str] = {}
    for row in world.index():
        text = {k: v for k, v in row.items() if k not in ("case_id", "id", "lexemes")}
        found[row["case_id"]] = json.dumps(text, default=str, ensure_ascii=False)
    for table in ("failed_records", "data_lineage", "multi_table_join_stats", "lineage_events", "sync_runs"):
        for row in world.rows(f"select * from recon.{table}"):
            key = row.get("record_id") or row.get("case_id") or "runs"
            found[key] = found.get(key, "") + json.dumps(row, default=str, ensure_ascii=False)
    return found


def test_of_what_the_sample_planted_nothing_is_left_and_nothing_technical_is_lost(
    world: World, tmp_path: Path
) -> None:
    """Personal data of every type is gone; the technical tokens that were loaded are there."""
    write_sample(tmp_path / "s", cases=150, seed=9)
    assert world.sync(tmp_path / "s").is_clean
    kept = everything_kept(world)
    left, lost = [], []
    for line in (tmp_path / "s" / TRUTH).read_text(encoding="utf-8").splitlines():
        truth = json.loads(line)
        text = kept[truth["case_id"]]
        left += [(p["type"], p["object"], p["field"]) for p in truth["personal"] if p["value"] in text]
        lost += [
            (t["type"], t["object"], t["field"], t["value"])
            for t in truth["technical"]
            if t["field"] != "TextBody" and t["value"] not in text  # quoted replies are left out on purpose
        ]
    assert left == []
    assert lost == []


def test_identity_values_of_real_people_are_gone(world: World, tmp_path: Path, shared_data: Path) -> None:
    """Of three hundred real cases: no name or address of the identity columns, in any form of letters."""
    catalogue = Catalogue()
    source = ExportSource(shared_data / "jira-2017-12-31.zip", catalogue)
    names: dict[str, set[str]] = {}
    orders: dict[str, str] = {}
    for obj in catalogue.objects:
        for row in source.changes(obj):
            assert not isinstance(row, BadRow)
            owner = row.id if obj is catalogue.case else row.parent_id or ""
            if obj.name == "WorkOrder":
                orders[row.id] = owner
            owner = orders.get(owner, owner)
            names.setdefault(owner, set()).update(v for v in row.identity.values() if len(v) >= 4)
    world.sync(shared_data / "jira-2017-12-31.zip")
    for case_id, text in everything_kept(world).items():
        lowered = " ".join(text.lower().replace("\\n", " ").split())
        left = [n for n in names.get(case_id, ()) if " " in n and n.lower() in lowered]
        assert not left, f"{len(left)} names left in {case_id}"


SECRET = "Quennell Ashgrove"


def test_a_debug_run_and_every_error_are_silent_about_values(world: World, tmp_path: Path) -> None:
    """Bad rows, quarantined cases, tracebacks: never a word of the data."""
    me = record_id("Case", 1)
    source = write_export(
        tmp_path / "x",
        Case=[
            case(1, ContactName=SECRET, Description=f"{SECRET} called from +1 202 555 0123."),
            case(2, ClosedDate=SECRET),
            case(3, CaseNumber="", Description=SECRET),
        ],
        CaseComment=[child("CaseComment", 1, me, CommentBody=f"Hi {SECRET}, done.", CreatedByName=SECRET)],
    )
    shell = Shell(world, source, home=tmp_path)
    for command in (
        ["sync", "--debug"],
        ["failures"],
        ["trace", me],
        ["status", "--json"],
        ["run", "--debug", "--json"],
    ):
        done = shell(*command)
        assert "Traceback" not in done.stderr
        for word in (*SECRET.split(), "555 0123"):
            assert word not in done.stdout + done.stderr, command
    assert len(world.failures()) == 2
    for text in everything_kept(world).values():
        assert "Quennell" not in text
