"""The generated sample: the same seed, the same bytes; what it says it planted is there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import phonenumbers
import pytest

from everycase.domain.cases import JoinedCase, Record, count_fields
from everycase.domain.catalogue import Catalogue
from everycase.domain.rows import BadRow, long_id
from everycase.sources.export.source import ExportSource
from everycase.sources.sample import people as sample_people
from everycase.sources.sample import phrases as sample_phrases
from everycase.sources.sample.source import TRUTH, SampleSource, write_sample
from everycase.sources.sample.words import SCENARIOS

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
    read = {o.name: list(source.changes(o)) for o in catalogue.objects}
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
    assert list(first.changes(case)) == list(second.changes(case))


def test_a_sample_that_lost_a_file_is_written_anew(tmp_path: Path) -> None:
    """Nothing that is not whole is taken for it; nothing unfinished is left behind."""
    SampleSource(tmp_path, Catalogue(), cases=3, seed=1)
    (made,) = (tmp_path / "sample").iterdir()
    whole = (made / "Task.csv").read_bytes()
    (made / "Task.csv").unlink()
    SampleSource(tmp_path, Catalogue(), cases=3, seed=1)
    assert (made / "Task.csv").read_bytes() == whole
    assert list((tmp_path / "sample").iterdir()) == [made]


def test_its_shape_is_that_of_a_real_organisation(folder: Path) -> None:
    """About 38 of 44 fields in the mean, children above the alert thresholds, texts that differ."""
    source, catalogue = ExportSource(folder, Catalogue()), Catalogue()
    read = {o.name: [r for r in source.changes(o) if isinstance(r, Record)] for o in catalogue.objects}
    orders = {r.id: str(r.parent_id) for r in read["WorkOrder"]}
    children: dict[str, dict[str, list[Record]]] = {r.id: {} for r in read["Case"]}
    for obj in catalogue.children:
        for r in read[obj.name]:
            case_id = orders.get(str(r.parent_id), str(r.parent_id))
            children[case_id].setdefault(obj.name, []).append(r)
    counts = [
        count_fields(
            catalogue,
            JoinedCase(case=r, children={n: tuple(v) for n, v in children[r.id].items()}, generation=1),
        ).total
        for r in read["Case"]
    ]
    assert 36.5 < sum(counts) / len(counts) < 39.5
    shares = {o.name: sum(o.name in c for c in children.values()) / 300 for o in catalogue.children}
    assert all(0.72 < s < 0.93 for s in shares.values()), shares
    assert len({r.values["Description"] for r in read["Case"]}) == 300
    assert len({r.values["Subject"] for r in read["Case"]}) > 200


def test_dates_are_in_order_and_closed_cases_are_resolved(folder: Path) -> None:
    """Created, modified, closed; what hangs on a case falls between, a post is no older than its order."""
    cases = {r["Id"]: r for r in table(folder, "Case")}
    orders = {r["Id"]: r for r in table(folder, "WorkOrder")}
    for r in cases.values():
        assert (r["Status"] == "Closed") == bool(r["ClosedDate"]) == bool(r["Resolution_Plain_Text__c"])
        assert r["CreatedDate"] <= r["LastModifiedDate"] <= (r["ClosedDate"] or "9")
        assert r["ParentId"] == "" or r["ParentId"] in cases
        assert len(r["CaseNumber"]) == 8
    for name, link in (("Task", "WhatId"), ("WorkOrder", "CaseId"), ("CaseComment", "ParentId")):
        for r in table(folder, name):
            parent = cases[r[link]]
            assert parent["CreatedDate"] <= r["CreatedDate"] <= parent["LastModifiedDate"]
    for r in table(folder, "WorkOrderFeed"):
        assert orders[r["ParentId"]]["CreatedDate"] <= r["CreatedDate"]


def test_the_telephone_numbers_are_valid_ones() -> None:
    """Redaction confirms what it finds, so numbers that nobody can dial would prove nothing."""
    regions = {"United States": "US", "United Kingdom": "GB", "Germany": "DE", "France": "FR"}
    for country in sample_people.COUNTRIES:
        for shape in country.phones:
            number = phonenumbers.parse(shape.replace("#", "4"), regions[country.name])
            assert phonenumbers.is_valid_number(number), shape


def test_no_name_is_a_word_of_the_texts() -> None:
    """Else the truth could not be told from the story around it."""
    texts = [str(s) for s in SCENARIOS]
    texts += [str(v) for k, v in vars(sample_phrases).items() if k.isupper()]
    texts += [*sample_people.TITLES, *sample_people.COMPANIES, str(sample_people.COUNTRIES)]
    story = "\n".join(texts)
    people = (*sample_people.FIRST_NAMES, *sample_people.LAST_NAMES)
    assert [n for n in people if n in story] == []
    assert [n for n in people if any(n != o and n in o for o in people)] == []
