"""A real issue tracker, frozen on two days: the honest before and after."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest

from everycase.operations.search import find_cases, parse_condition
from tests.support.world import World

csv.field_size_limit(10**9)
PARENTS = {"Task": "WhatId", "WorkOrder": "CaseId", "CaseComment": "ParentId", "EmailMessage": "ParentId"}


def tables(path: Path) -> dict[str, dict[str, dict[str, str]]]:
    with zipfile.ZipFile(path) as archive:
        return {
            name.removesuffix(".csv"): {
                r["Id"]: r for r in csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8", newline=""))
            }
            for name in archive.namelist()
        }


def changed_cases(before: Path, after: Path) -> tuple[set[str], set[str]]:
    """New cases, and old ones with a row or child that differs: by comparing the files themselves."""
    one, two = tables(before), tables(after)
    touched: set[str] = set()
    for name in one:
        for key in one[name].keys() | two[name].keys():
            if one[name].get(key) == two[name].get(key):
                continue
            for export in (one, two):
                if row := export[name].get(key):
                    parent = row["ParentId"] if name == "WorkOrderFeed" else ""
                    owner = key if name == "Case" else row.get(PARENTS.get(name, ""), "")
                    touched.add(export["WorkOrder"][parent]["CaseId"] if parent else owner)
    new = two["Case"].keys() - one["Case"].keys()
    return set(new), touched - new


@pytest.mark.slow
def test_the_next_days_export_does_only_what_changed(world: World, shared_data: Path) -> None:
    """3,025 created; then nothing; then 309 new cases and exactly those that changed."""
    before, after = shared_data / "jira-2017-12-31.zip", shared_data / "jira-2019-01-31.zip"
    first = world.sync(before, engine="processes:2")
    assert (first.totals.created, first.totals.failed, first.is_clean) == (3025, 0, True)
    again = world.sync(before)
    assert (again.unchanged, again.totals.cases, again.totals.embedding_calls) == (3025, 0, 0)
    new, changed = changed_cases(before, after)
    second = world.sync(after)
    assert (second.totals.created, second.totals.updated) == (len(new), len(changed)) == (309, 96)
    assert second.totals.embedded + second.totals.reused == 405
    assert second.index_count == 3334
    states = {(r["current_stage"], r["status"]) for r in world.lineage().values()}
    assert states == {("weaviate_loaded", "completed")}

    with world.app(after) as app:
        found = find_cases(app.index, app.embedder, "leader election hangs after network partition")
        assert len(found.hits) == 10
        assert any("election" in h.subject.lower() for h in found.hits[:5])
        where = [parse_condition("status=Open", app.catalogue)]
        open_ones = find_cases(app.index, app.embedder, "leader election", where=where, limit=50)
    kept = {r["case_number"]: r["status"] for r in world.index()}
    assert {kept[h.case_number] for h in open_ones.hits} == {"Open"}
