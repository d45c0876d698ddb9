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
from everycase.sources.export.documents import CellHabits
from everycase.sources.export.source import ExportSource
from tests.support.exports import HEADERS, Row, case, child, record_id, write_export, write_table

CATALOGUE = Catalogue()
HEADER = HEADERS["Case"]
CASES = [case(n) for n in range(1, 4)]


def read(path: Path, name: str = "Case", habits: CellHabits | None = None) -> tuple[list[object], object]:
    reading = ExportSource(path, CATALOGUE, habits).changes(CATALOGUE.by_name[name])
    return list(reading), reading.proof()


def hashes(path: Path, habits: CellHabits | None = None) -> dict[str, str]:
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
    assert hashes(tmp_path / "latin", CellHabits(encoding="cp1252")) == hashes(tmp_path / "plain")


def test_a_date_that_can_mean_two_days_is_refused_until_a_setting_says_which(tmp_path: Path) -> None:
    put(tmp_path / "Case.csv", as_csv([case(1, CreatedDate="1/5/2026 10:00")]))
    with pytest.raises(WrongUse, match="EVERYCASE_DATES"):
        ExportSource(tmp_path, CATALOGUE).state(CATALOGUE.case)
    for order, month in ((DateOrder.DAY_FIRST, 5), (DateOrder.MONTH_FIRST, 1)):
        (record,), _ = read(tmp_path, habits=CellHabits(dates=order))
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


def test_an_export_of_prodly_is_named(tmp_path: Path) -> None:
    """It has ids of its own in the place of Salesforce's."""
    put(tmp_path / "Case.csv", 'Guid,Subject,Status\n9310ca22-9465-4d14-a76e-cab56a7b153c,"#N/A",New\n')
    with pytest.raises(WrongUse, match=r"written by Prodly.*export Id and CaseNumber"):
        ExportSource(tmp_path, CATALOGUE).state(CATALOGUE.case)


@pytest.mark.parametrize("name", ["export.tar", "export.tar.gz", "export.tgz"])
@pytest.mark.parametrize("is_inside", [True, False])
def test_a_tar_is_named(tmp_path: Path, name: str, is_inside: bool) -> None:
    """As the source itself, or in its folder."""
    put(tmp_path / name, b"\x1f\x8b" + bytes(600))
    with pytest.raises(WrongUse, match=r"\.t\S+ is an archive that is not read here: unpack it"):
        ExportSource(tmp_path if is_inside else tmp_path / name, CATALOGUE)


# ── subqueries ───────────────────────────────────────────────────────────────────────────────────

COMMENTS = [child("CaseComment", n, CASES[n % 2]["Id"]) for n in range(4)]


def with_comments(**about: object) -> list[dict[str, object]]:
    """The cases with their comments inside, which do not name their parent; the last one has none."""
    found: list[dict[str, object]] = []
    for row in CASES:
        mine = [c for c in COMMENTS if c["ParentId"] == row["Id"]]
        own = [{k: v for k, v in c.items() if k != "ParentId"} for c in mine]
        inner = {"totalSize": len(own), "done": True, "records": own, **about} if own else None
        found.append({**row, "CaseComments": inner})
    return found


def page(rows: list[dict[str, object]]) -> str:
    return json.dumps({"totalSize": len(rows), "done": True, "records": rows})


@pytest.mark.parametrize("form", ["sf --json", "REST page", "list", "JSON lines"])
def test_comments_inside_the_json_of_their_cases_are_read(tmp_path: Path, form: str) -> None:
    """Equal to those of a file of their own, each with its case; and the cases are the same."""
    rows = with_comments()
    content = {
        "sf --json": json.dumps({"status": 0, "result": json.loads(page(rows))}),
        "REST page": page(rows),
        "list": json.dumps(rows),
        "JSON lines": lines(rows),
    }[form]
    put(tmp_path / "x" / ("Case.jsonl" if form == "JSON lines" else "Case.json"), content)
    plain = write_export(tmp_path / "plain", Case=CASES, CaseComment=COMMENTS)
    for name in ("Case", "CaseComment"):
        found, proof = read(tmp_path / "x", name)
        same, _ = read(plain, name)
        both = [{(r.id, r.parent_id, r.row_hash) for r in some} for some in (found, same)]
        assert both[0] == both[1]
        assert proof.proves_absence
    assert ExportSource(tmp_path / "x", CATALOGUE).state(CATALOGUE.by_name["CaseComment"]).is_present


@pytest.mark.parametrize("about", [{"done": False}, {"totalSize": 99}])
def test_a_part_of_a_subquery_proves_nothing(tmp_path: Path, about: dict[str, object]) -> None:
    """It is said so, and deletes nothing."""
    put(tmp_path / "Case.json", page(with_comments(**about)))
    _, proof = read(tmp_path, "CaseComment")
    assert not proof.proves_absence
    assert "a subquery that has more" in proof.problem


def test_a_file_of_their_own_goes_before_what_is_inside(tmp_path: Path) -> None:
    """Nothing is read twice."""
    put(tmp_path / "Case.json", page(with_comments()))
    write_table(tmp_path / "CaseComment.csv", HEADERS["CaseComment"], COMMENTS[:1])
    found, _ = read(tmp_path, "CaseComment")
    assert len(found) == 1


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
    ids = [cells[0] if n % 3 else record_id("Case", n) for n, cells in enumerate(rows)]
    writer.writerows([[i, *cells[1:]] for i, cells in zip(ids, rows, strict=True)])
    put(folder / "Case.csv", text.getvalue())
    found, proof = read(folder)
    assert proof.read == len(rows)
    assert len(found) + sum(proof.passed_over.values()) == len(rows)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | CELLS | st.lists(CELLS, max_size=2)
RECORDS = st.dictionaries(
    st.sampled_from(["Id", "CaseNumber", "Subject", "IsDeleted", "CreatedDate", "Owner", "CaseComments"]),
    VALUES | st.dictionaries(st.sampled_from(["Name", "records", "done"]), VALUES, max_size=3),
)
WRITERS: dict[str, tuple[str, Callable[[list[dict[str, object]]], str]]] = {
    "page": ("Case.json", lambda rows: json.dumps({"records": rows})),
    "list": ("Case.json", json.dumps),
    "lines": ("Case.jsonl", lines),
    "Airbyte": ("Case.jsonl", lambda rows: lines([{"_airbyte_data": r} for r in rows])),
    "Singer": (
        "messages.jsonl",
        lambda rows: lines([{"type": "RECORD", "stream": "Case", "record": r} for r in rows]),
    ),
}


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(RECORDS, min_size=1, max_size=8), form=st.sampled_from(sorted(WRITERS)))
def test_no_record_is_lost_whatever_is_in_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], form: str
) -> None:
    """Records in are rows read, named as bad or counted as of no case; else the read is not whole."""
    folder = tmp_path_factory.mktemp("fuzz")
    name, write = WRITERS[form]
    put(folder / name, write([{"Id": record_id("Case", 0), **rows[0]}, *rows[1:]]))
    for obj in ("Case", "CaseComment"):
        found, proof = read(folder, obj)
        assert len(found) + sum(proof.passed_over.values()) == proof.read
        if obj == "Case":
            assert proof.read == len(rows) or proof.problem


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


@pytest.mark.parametrize("blank", [b"", b" \n\n", b"\x1c", "\u2028\u3000\x85".encode()])
def test_a_file_of_blanks_of_any_alphabet_is_empty(tmp_path: Path, blank: bytes) -> None:
    """Also of blanks that only Unicode knows."""
    put(tmp_path / "Case.csv", blank)
    with pytest.raises(WrongUse, match="is empty"):
        ExportSource(tmp_path, CATALOGUE).state(CATALOGUE.case)
