"""The generated sample: the same seed, the same bytes; what it says it planted is there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from everycase.domain.catalogue import Catalogue
from everycase.domain.rows import BadRow, long_id
from everycase.sources.export import ExportSource
from everycase.sources.sample import TRUTH, SampleSource, write_sample

csv.field_size_limit(10**8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("sample")
    write_sample(found, cases=300, seed=5)
    return found


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """Every file of it."""
    write_sample(tmp_path, cases=300, seed=5)
    for file in folder.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_larger_sample_begins_with_the_smaller_one(folder: Path, tmp_path: Path) -> None:
    """So a day's growth can be played."""
    write_sample(tmp_path, cases=310, seed=5)
    assert table(tmp_path, "Case")[:300] == table(folder, "Case")


def test_another_seed_gives_other_cases(folder: Path, tmp_path: Path) -> None:
    """With other ids."""
    write_sample(tmp_path, cases=300, seed=6)
    assert not {r["Id"] for r in table(tmp_path, "Case")} & {r["Id"] for r in table(folder, "Case")}


def test_all_six_objects_are_linked(folder: Path) -> None:
    """Well-formed ids, unique, and every parent is there."""
    links = {"Task": "WhatId", "WorkOrder": "CaseId", "CaseComment": "ParentId", "EmailMessage": "ParentId"}
    cases = {r["Id"] for r in table(folder, "Case")}
    orders = {r["Id"] for r in table(folder, "WorkOrder")}
    for name in (*links, "WorkOrderFeed", "Case"):
        rows = table(folder, name)
        assert len({r["Id"] for r in rows}) == len(rows)
        assert all(long_id(r["Id"][:15]) == r["Id"] for r in rows)
        if name in links:
            assert {r[links[name]] for r in rows} <= cases
    assert {r["ParentId"] for r in table(folder, "WorkOrderFeed")} <= orders


def test_everything_in_it_can_be_read(folder: Path) -> None:
    """No malformed row, and a Task of another type now and then that is not ours."""
    source, catalogue = ExportSource(folder, Catalogue()), Catalogue()
    read = {o.name: list(source.read(o)) for o in catalogue.objects}
    assert not [r for rows in read.values() for r in rows if isinstance(r, BadRow)]
    assert 0 < len(table(folder, "Task")) - len(read["Task"]) < 40


def test_what_it_says_it_planted_is_there(folder: Path) -> None:
    """Every personal datum and every technical token, in the field that it names."""
    rows = {
        r["Id"]: r
        for name in ("Case", "Task", "WorkOrder", "CaseComment", "EmailMessage", "WorkOrderFeed")
        for r in table(folder, name)
    }
    kinds = set()
    for line in (folder / TRUTH).read_text(encoding="utf-8").splitlines():
        truth = json.loads(line)
        for p in (*truth["personal"], *truth["technical"]):
            assert p["value"] in rows[p["record_id"]][p["field"]]
        kinds |= {p["type"] for p in truth["personal"]}
        assert truth["technical"]
    assert kinds == {"PERSON", "EMAIL", "PHONE", "COMPANY", "ADDRESS", "IP", "LOGIN", "PASSWORD"}


def test_the_source_writes_it_once(tmp_path: Path) -> None:
    """The second time it is there."""
    first = SampleSource(tmp_path, Catalogue(), cases=3, seed=1)
    (made,) = (tmp_path / "sample").iterdir()
    stamp = (made / "Case.csv").stat().st_mtime_ns
    second = SampleSource(tmp_path, Catalogue(), cases=3, seed=1)
    assert (made / "Case.csv").stat().st_mtime_ns == stamp
    case = Catalogue().case
    assert first.state(case).version == second.state(case).version
