"""Exports as tools write them: the same cases, whatever the layout, the encoding and the words."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue
from everycase.domain.errors import WrongUse
from everycase.domain.values import DateOrder
from everycase.sources.export.documents import Habits
from everycase.sources.export.source import ExportSource
from tests.support.exports import HEADERS, Row, case, child, record_id, write_export, write_table

CATALOGUE = Catalogue()
HEADER = HEADERS["Case"]
CASES = [case(n) for n in range(1, 4)]


def read(path: Path, name: str = "Case", habits: Habits | None = None) -> tuple[list[object], object]:
    reading = ExportSource(path, CATALOGUE, habits).changes(CATALOGUE.by_name[name])
    return list(reading), reading.proof()


def hashes(path: Path, habits: Habits | None = None) -> dict[str, str]:
    rows, proof = read(path, habits=habits)
    assert proof.proves_absence, proof
    return {r.id: r.row_hash for r in rows if isinstance(r, Record)}


def as_csv(
    rows: Sequence[Row], *, delimiter: str = ",", end: str = "\n", header: Sequence[str] = HEADER
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(header)
    writer.writerows([[r.get(c, "") for c in HEADER] for r in rows])
    return text.getvalue()


def put(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def lines(rows: Sequence[object]) -> str:
    return "".join(json.dumps(r) + "\n" for r in rows)


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_").replace("__", "_")


FORMS: dict[str, Callable[[Path], None]] = {
    "sf --json": lambda d: put(
        d / "Case.json", json.dumps({"status": 0, "result": {"records": CASES, "totalSize": 3, "done": True}})
    ),
    "REST page": lambda d: put(d / "Case.json", json.dumps({"totalSize": 3, "done": True, "records": CASES})),
    "list of pages": lambda d: put(
        d / "Case.json",
        json.dumps(
            [
                {"totalSize": 3, "done": False, "nextRecordsUrl": "/x", "records": CASES[:2]},
                {"totalSize": 3, "done": True, "records": CASES[2:]},
            ]
        ),
    ),
    "JSON lines": lambda d: put(d / "Case.jsonl", lines(CASES)),
    "JSON lines named .json": lambda d: put(d / "Case.json", lines(CASES)),
    "Singer": lambda d: put(
        d / "messages.jsonl",
        lines(
            [{"type": "SCHEMA", "stream": "Case", "schema": {}}]
            + [{"type": "RECORD", "stream": "Case", "record": r} for r in CASES]
            + [{"type": "STATE", "value": {}}]
        ),
    ),
    "Airbyte": lambda d: put(
        d / "case.jsonl", lines([{"_airbyte_ab_id": "x", "_airbyte_data": r} for r in CASES])
    ),
    "Airbyte CSV": lambda d: put(
        d / "_airbyte_raw_case.csv",
        "_airbyte_ab_id,_airbyte_data\n"
        + "".join('x,"{}"\n'.format(json.dumps(r).replace('"', '""')) for r in CASES),
    ),
    "snake_case": lambda d: put(d / "case.csv", as_csv(CASES, header=[snake(h) for h in HEADER])),
    "capitals": lambda d: put(d / "CASE.CSV", as_csv(CASES, header=[h.upper() for h in HEADER])),
    "semicolons with a sep line": lambda d: put(d / "Case.csv", "sep=;\n" + as_csv(CASES, delimiter=";")),
    "pipes": lambda d: put(d / "Case.csv", as_csv(CASES, delimiter="|")),
    "old Mac": lambda d: put(d / "Case.csv", as_csv(CASES, end="\r")),
    "UTF-16": lambda d: put(d / "Case.csv", as_csv(CASES).encode("utf-16")),
    "a folder deeper": lambda d: put(d / "WE_00D" / "Case.csv", as_csv(CASES)),
    "a folder of parts": lambda d: (
        put(d / "Case" / "part-00000.csv", as_csv(CASES[:1])),
        put(d / "Case" / "part-00001.csv", as_csv(CASES[1:])),
    ),
    "a report's footer": lambda d: put(
        d / "Case.csv",
        as_csv(CASES)
        + '"Open cases"\n"Copyright (c) 2000-2026 salesforce.com, inc."\n"Confidential Information"',
    ),
    "warehouse flags and dates": lambda d: put(
        d / "Case.csv",
        as_csv([{**r, "IsDeleted": "0.0", "CreatedDate": r["CreatedDate"] + " UTC"} for r in CASES]),
    ),
    "null words": lambda d: put(
        d / "Case.csv", as_csv([{**r, "ParentId": "null", "Root_Cause__c": "null"} for r in CASES])
    ),
    "null ids": lambda d: put(
        d / "Case.csv", as_csv([{**r, "ParentId": "000000000000000AAA"} for r in CASES])
    ),
    "re-cased ids": lambda d: put(
        d / "Case.csv", as_csv([{**r, "Id": r["Id"][:15] + r["Id"][15:].lower()} for r in CASES])
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_layout_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    """Equal row hashes, and a read that proves that it is whole."""
    put(tmp_path / "plain" / "Case.csv", as_csv(CASES))
    FORMS[name](tmp_path / "other")
    assert hashes(tmp_path / "other") == hashes(tmp_path / "plain")


def test_an_export_may_come_in_several_zips(tmp_path: Path) -> None:
    """An object may be spread over them."""
    for n, rows in ((1, CASES[:2]), (2, CASES[2:])):
        path = tmp_path / "zips" / f"WE_00D5g000004XXXX_{n}.ZIP"
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("Case.csv", as_csv(rows))
    put(tmp_path / "plain" / "Case.csv", as_csv(CASES))
    assert hashes(tmp_path / "zips") == hashes(tmp_path / "plain")


def test_another_encoding_is_proposed_and_read_once_it_is_set(tmp_path: Path) -> None:
    """One sentence for the file, not one a row."""
    rows = [case(1, Subject="Lüfter läuft zu laut"), case(2, Subject="Température élevée")]
    put(tmp_path / "latin" / "Case.csv", as_csv(rows).encode("cp1252"))
    put(tmp_path / "plain" / "Case.csv", as_csv(rows))
    with pytest.raises(WrongUse, match="it looks like cp1252: set EVERYCASE_ENCODING=cp1252"):
        ExportSource(tmp_path / "latin", CATALOGUE).state(CATALOGUE.case)
    assert hashes(tmp_path / "latin", Habits(encoding="cp1252")) == hashes(tmp_path / "plain")


def test_a_date_that_can_mean_two_days_is_refused_until_a_setting_says_which(tmp_path: Path) -> None:
    put(tmp_path / "Case.csv", as_csv([case(1, CreatedDate="1/5/2026 10:00")]))
    with pytest.raises(WrongUse, match="EVERYCASE_DATES"):
        ExportSource(tmp_path, CATALOGUE).state(CATALOGUE.case)
    for order, month in ((DateOrder.DAY_FIRST, 5), (DateOrder.MONTH_FIRST, 1)):
        (record,), _ = read(tmp_path, habits=Habits(dates=order))
        assert record.created_date.month == month


def test_names_are_looked_up_in_the_files_of_contacts_and_users(tmp_path: Path) -> None:
    """A weekly export has ids only."""
    contact, user = "0037T000002AbcD", "0057T000002AbcD"
    row = {
        "Id": record_id("Case", 1),
        "CaseNumber": "1",
        "ContactId": contact,
        "OwnerId": user,
        "Subject": "x",
    }
    write_table(tmp_path / "Case.csv", list(row), [row])
    people = {"Id": contact, "FirstName": "Odalys", "LastName": "Ferrucci", "Email": "o@brightmoor.example"}
    write_table(tmp_path / "Contact.csv", list(people), [people])
    write_table(tmp_path / "User.csv", ["Id", "Name"], [{"Id": user, "Name": "Bram Oakes"}])
    (record,), _ = read(tmp_path)
    assert record.identity == {
        "ContactName": "Odalys Ferrucci",
        "ContactEmail": "o@brightmoor.example",
        "OwnerName": "Bram Oakes",
    }
    assert ExportSource(tmp_path, CATALOGUE).state(CATALOGUE.case).people == ("ContactName", "OwnerName")


@pytest.mark.parametrize(
    "extra", [{"done": False}, {"done": False, "nextRecordsUrl": "/x"}, {"totalSize": 9}]
)
@pytest.mark.parametrize("is_behind", [False, True])
def test_a_page_of_several_proves_nothing(tmp_path: Path, extra: dict[str, object], is_behind: bool) -> None:
    """Wherever the document says so."""
    parts = [{"records": CASES}, extra] if is_behind else [extra, {"records": CASES}]
    put(tmp_path / "Case.json", json.dumps({k: v for p in parts for k, v in p.items()}))
    rows, proof = read(tmp_path)
    assert len(rows) == 3
    assert (proof.is_whole, proof.mark) == (False, "")
    assert "nothing was deleted" in proof.problem


def test_rows_of_no_case_are_counted(tmp_path: Path) -> None:
    """Whatever the reason; they are no failures."""
    me = record_id("Case", 1)
    orders = [child("WorkOrder", 1, me), child("WorkOrder", 2, ""), child("WorkOrder", 3, "0017T000002AbcD")]
    write_export(tmp_path, Case=[case(1)], WorkOrder=orders, Task=[child("Task", 1, me, Type="Call")])
    rows, proof = read(tmp_path, "WorkOrder")
    assert (len(rows), proof.read, sum(proof.passed_over.values())) == (1, 3, 2)
    rows, proof = read(tmp_path, "Task")
    assert rows == []
    assert "EVERYCASE_TASK_TYPES" in next(iter(proof.passed_over))


def test_a_tree_export_is_named(tmp_path: Path) -> None:
    """It leaves out the ids."""
    row = {"attributes": {"type": "Case", "referenceId": "CaseRef1"}, "Subject": "x"}
    put(tmp_path / "Case.json", json.dumps({"records": [row]}))
    with pytest.raises(WrongUse, match="sf data export tree"):
        ExportSource(tmp_path, CATALOGUE).state(CATALOGUE.case)


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=12))
def test_no_row_is_lost_whatever_the_cells_say(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    """Rows in are rows read, named as bad, or counted as of no case."""
    folder = tmp_path_factory.mktemp("fuzz")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["Id", "CaseNumber", "Subject"])
    writer.writerows([[record_id("Case", n), *cells[1:]] for n, cells in enumerate(rows)])
    put(folder / "Case.csv", text.getvalue())
    found, proof = read(folder)
    assert proof.read == len(rows)
    assert len(found) + sum(proof.passed_over.values()) == len(rows)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400), name=st.sampled_from(["Case.csv", "Case.json", "Case.jsonl"]))
def test_no_bytes_end_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    """A file is read, or refused in a sentence."""
    folder = tmp_path_factory.mktemp("fuzz")
    put(folder / name, b"Id,CaseNumber\n" + data if name == "Case.csv" else data)
    source = ExportSource(folder, CATALOGUE)
    with suppress(WrongUse):
        source.state(CATALOGUE.case)
    reading = source.changes(CATALOGUE.case)
    list(reading)
    assert reading.proof().is_whole or reading.proof().problem or reading.proof().read
