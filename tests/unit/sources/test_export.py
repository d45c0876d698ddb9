"""Exports in every form give equal records; what is broken is named, and the rest is read."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue
from everycase.domain.errors import WrongUse
from everycase.domain.rows import BadRow
from everycase.sources.export.source import ExportSource
from everycase.sources.sample.source import write_sample
from tests.support.exports import HEADERS, case, child, record_id, write_export, write_table

CATALOGUE = Catalogue()
HEADER = HEADERS["Case"]
SECRET = "Odalys Ferrucci"


def read(path: Path, name: str = "Case") -> list[Record | BadRow]:
    return list(ExportSource(path, CATALOGUE).changes(CATALOGUE.by_name[name]))


def records(path: Path, name: str) -> list[Record]:
    """Without the line on which each began."""
    rows = read(path, name)
    assert not bad(rows)
    return [replace(r, line=0) for r in rows if isinstance(r, Record)]


def read_until_cut(path: Path, name: str = "Case") -> tuple[list[Record | BadRow], str]:
    """What came before the break, and the sentence about it."""
    reading = ExportSource(path, CATALOGUE).changes(CATALOGUE.by_name[name])
    found = list(reading)
    proof = reading.proof()
    assert not proof.is_whole
    assert proof.problem
    return found, proof.problem


def line(n: int, **values: str) -> bytes:
    """A row of Case.csv, every cell in quotes."""
    row = case(n, **values)
    return ",".join('"' + row.get(c, "").replace('"', '""') + '"' for c in HEADER).encode() + b"\n"


def case_file(folder: Path, *lines: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Case.csv").write_bytes(b"".join((",".join(HEADER).encode() + b"\n", *lines)))
    return folder


def ids(rows: list[Record | BadRow]) -> list[str]:
    return [r.id for r in rows if isinstance(r, Record)]


def bad(rows: list[Record | BadRow]) -> list[BadRow]:
    return [r for r in rows if isinstance(r, BadRow)]


# ── forms ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("export") / "plain"
    write_sample(found, cases=12, seed=9)
    return found


def as_zip(plain: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(plain.iterdir()):
            archive.write(file, f"WE_00D/{file.name}")
            archive.writestr(f"__MACOSX/WE_00D/{file.name}", b"x")
    return to


def as_gzip(plain: Path, to: Path) -> Path:
    to.mkdir()
    for file in plain.glob("*.csv"):
        (to / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    return to


def as_bom_and_semicolons(plain: Path, to: Path) -> Path:
    to.mkdir()
    for file in plain.glob("*.csv"):
        with (
            file.open(encoding="utf-8", newline="") as rows,
            (to / f"{file.stem.upper()}.CSV").open("w", encoding="utf-8-sig", newline="") as out,
        ):
            csv.writer(out, delimiter=";", lineterminator="\r\n").writerows(csv.reader(rows))
    return to


def as_json(plain: Path, to: Path) -> Path:
    """As the REST API writes: null, booleans, milliseconds, 15-character ids, nested owners, `attributes`."""
    to.mkdir()
    for file in plain.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as rows:
            records = [_as_api(file.stem, row) for row in csv.DictReader(rows)]
        text = json.dumps({"totalSize": len(records), "done": True, "records": records})
        (to / f"{file.stem}.json").write_text(text, encoding="utf-8")
    return to


def as_json_lists(plain: Path, to: Path) -> Path:
    """A list, without the keys that are blank, packed."""
    to.mkdir()
    for file in plain.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as rows:
            records = [{k: v for k, v in row.items() if v} for row in csv.DictReader(rows)]
        text = json.dumps(records, ensure_ascii=False)
        (to / f"{file.stem}.json.gz").write_bytes(gzip.compress(text.encode("utf-8-sig")))
    return to


def _as_api(name: str, row: dict[str, str]) -> dict[str, object]:
    found: dict[str, object] = {"attributes": {"type": name, "url": "/x"}}
    for key, value in row.items():
        if key == "OwnerName":
            found["Owner"] = {"attributes": {"type": "User"}, "Name": value} if value else None
        elif value in ("true", "false"):
            found[key] = value == "true"
        elif key.endswith("Date") or key == "SystemModstamp":
            found[key] = value.replace(" ", "T") + ".000+0000" if value else None
        elif key == "CaseNumber":
            found[key] = float(value)
        else:
            found[key] = value[:15] if key.endswith("Id") and len(value) == 18 else value or None
    return found


@pytest.mark.parametrize("form", [as_zip, as_gzip, as_bom_and_semicolons, as_json, as_json_lists])
def test_every_form_gives_equal_records(
    folder: Path, tmp_path: Path, form: Callable[[Path, Path], Path]
) -> None:
    """The same hashes in the same order, whatever the packing."""
    other = form(folder, tmp_path / "other")
    for name in HEADERS:
        assert records(other, name) == records(folder, name), name


def mark_of(path: Path, catalogue: Catalogue = CATALOGUE) -> str:
    """The mark of a whole read of Case."""
    reading = ExportSource(path, catalogue).changes(catalogue.case)
    list(reading)
    return reading.proof().mark


def test_the_mark_is_of_the_content(folder: Path, tmp_path: Path) -> None:
    """The same rows in a zip have the same mark; other bytes or other aliases have another."""
    plain = mark_of(folder)
    packed = as_zip(folder, tmp_path / "x.zip")
    os.utime(packed, (0, 0))
    assert plain
    assert mark_of(packed) == plain
    other = Catalogue.remapped({"Case.Root_Cause__c": "RCA__c"})
    assert mark_of(folder, other) != plain
    changed = write_export(tmp_path / "y", Case=[case(1)])
    assert mark_of(changed) != plain


def test_fields_that_a_file_lacks_are_named(tmp_path: Path) -> None:
    """They are never populated, which is worth a word and no error."""
    tmp_path.joinpath("Case.csv").write_text(f"Id,CaseNumber,Subject\n{record_id('Case', 1)},1,x\n")
    state = ExportSource(tmp_path, CATALOGUE).state(CATALOGUE.case)
    assert (state.is_present, state.problem) == (True, "")
    assert "Root_Cause__c" in state.missing_fields
    assert "Subject" not in state.missing_fields


def test_json_values_become_the_text_of_a_cell(tmp_path: Path) -> None:
    """Whole numbers lose their point, also large ones; a list is its entries."""
    record = {
        "Id": record_id("Case", 1),
        "CaseNumber": 23.0,
        "Subject": ["a", None, 1.5],
        "Product_Number__c": 12345678901234567890,
        "Error_Codes__c": True,
    }
    text = json.dumps([record]).replace("1.5", "1.5, 1e400")
    (tmp_path / "Case.json").write_text(text)
    (found,) = read(tmp_path)
    assert isinstance(found, Record)
    assert found.values["CaseNumber"] == "23"
    assert found.values["Subject"] == "a; ; 1.5; 1E+400"
    assert found.values["Product_Number__c"] == "12345678901234567890"
    assert found.values["Error_Codes__c"] == "true"


def test_a_two_megabyte_text_is_read_whole(tmp_path: Path) -> None:
    """Far over the limit of the csv module."""
    text = "The fan is loud.\n" * 130_000
    (found,) = read(case_file(tmp_path, line(1, Description=text)))
    assert isinstance(found, Record)
    assert found.values["Description"] == text


# ── bad rows ─────────────────────────────────────────────────────────────────────────────────────

BAD = {
    "too few columns": (b'"' + record_id("Case", 9).encode() + b'","1","x"\n', "has 3 columns", True),
    "too many columns": (line(9)[:-1] + b',"x"\n', "columns where the header has", True),
    "a NUL byte": (line(9, Subject="a\x00b"), "has a NUL byte", True),
    "bytes that are not UTF-8": (line(9).replace(b"Fan 9", b"Fan \xff\xfe"), "not UTF-8", True),
    "a day that never was": (line(9, ClosedDate="2017-02-31 10:00:00"), "column ClosedDate", True),
    "a date in another form": (line(9, LastModifiedDate="on 31/12"), "column LastModifiedDate", True),
    "an id that is none": (line(9, Id="5007T-not-an-id"), "column Id", False),
    "a blank id": (line(9, Id=""), "column Id", False),
    "a flag that is none": (line(9, IsDeleted="perhaps"), "column IsDeleted", True),
    "a stray quote": (line(9).replace(b'"High"', b'"Hi"gh"'), "quotes", True),
    "a quote that is never closed": (line(9).replace(b'"Closed"', b'"Closed'), "quotes", True),
    "an unclosed quote at the end": (line(9)[:-2] + b"x\n", "quotes", True),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_named_and_the_rest_is_read(tmp_path: Path, name: str) -> None:
    """File, line, reason, id where it can be read; no value of the row; and every other row."""
    row, reason, has_id = BAD[name]
    rows = read(case_file(tmp_path, line(1), line(2, Description="a\n\nb"), row, line(3), line(4)))
    assert ids(rows) == [record_id("Case", n) for n in (1, 2, 3, 4)]
    (found,) = bad(rows)
    assert found.place == "Case.csv line 6"
    assert reason in found.reason
    assert found.record_id == (record_id("Case", 9) if has_id else None)
    assert len(found.digest) == 64
    assert not any(v in found.reason for v in (SECRET, "5007T-not", "perhaps", "31/12"))


def test_a_bad_row_is_known_again_by_its_digest(tmp_path: Path) -> None:
    """Wherever it stands; another bad row has another."""
    rows = [line(9, ClosedDate="x"), line(8, ClosedDate="x")]
    (one, two), (again,) = (bad(read(case_file(tmp_path, *r))) for r in (rows, [line(1), rows[0]]))
    assert one.digest == again.digest
    assert one.digest != two.digest


def test_an_unclosed_quote_swallows_nothing(tmp_path: Path) -> None:
    """Also where no other quote follows, or where the next rows are bad too."""
    plain = [b",".join((record_id("Case", n).encode(), b"4000%d" % n, b"text")) + b"\n" for n in range(1, 7)]
    plain[2] = plain[2].replace(b"text", b'"text')
    plain[4] = plain[4].replace(b"text", b'"te"xt"')
    (tmp_path / "Case.csv").write_bytes(b"Id,CaseNumber,Subject\n" + b"".join(plain))
    rows = read(tmp_path)
    assert ids(rows) == [record_id("Case", n) for n in (1, 2, 4, 6)]
    assert [b.place for b in bad(rows)] == ["Case.csv line 4", "Case.csv line 6"]
    assert [b.record_id for b in bad(rows)] == [record_id("Case", 3), record_id("Case", 5)]


def test_a_row_that_may_hide_another_has_no_id(tmp_path: Path) -> None:
    """Then the enumeration is not complete, and nothing is deleted by it."""
    hidden = line(9)[:-2] + b"\n" + line(8, Id="no id")
    rows = read(case_file(tmp_path, line(1), hidden, line(2)))
    assert ids(rows) == [record_id("Case", 1), record_id("Case", 2)]
    assert bad(rows)[0].record_id is None


def test_a_bad_json_record_is_named_by_its_number(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, NUL, an impossible date, a record that is none, no id: the rest is read."""
    good = json.dumps(case(1)).encode()
    broken = [
        good.replace(b"Fan 1", b"Fan \xff"),
        json.dumps(case(9, Subject="a\x00b")).encode(),
        json.dumps(case(9, ClosedDate="2017-02-31")).encode(),
        b"17",
        b'{"Subject": "Odalys Ferrucci"}',
    ]
    (tmp_path / "Case.json").write_bytes(b"[" + b",".join((good, *broken, good)) + b"]")
    rows = read(tmp_path)
    assert ids(rows) == [record_id("Case", 1)] * 2
    assert [b.place for b in bad(rows)] == [f"Case.json record {n}" for n in range(2, 7)]
    assert [b.record_id is None for b in bad(rows)] == [False, False, False, True, True]
    reasons = [b.reason for b in bad(rows)]
    assert "UTF-8" in reasons[0]
    assert "NUL" in reasons[1]
    assert "column ClosedDate" in reasons[2]
    assert "is not an object" in reasons[3]
    assert "has no column Id" in reasons[4]


# ── cut short ────────────────────────────────────────────────────────────────────────────────────


def test_a_gzip_cut_in_half_gives_what_it_has(tmp_path: Path) -> None:
    """Every whole row before the break, then file and line and what to do."""
    data = b"".join((",".join(HEADER).encode() + b"\n", *(line(n) for n in range(500))))
    packed = gzip.compress(data)
    (tmp_path / "Case.csv.gz").write_bytes(packed[: len(packed) // 2])
    rows, sentence = read_until_cut(tmp_path)
    assert 50 < len(rows) < 500
    assert not bad(rows)
    assert "Case.csv.gz ends in the middle of the row that begins on line" in sentence
    assert "nothing was deleted; copy the export again" in sentence


def test_a_zip_with_a_damaged_entry_is_cut_short(tmp_path: Path) -> None:
    """The directory is whole, the checksum is not: what was read before it counts."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Case.csv", b",".join(h.encode() for h in HEADER) + b"\n" + line(1) * 2000)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"Fan 1") + 4] = ord("2")
    path.write_bytes(bytes(data))
    rows, sentence = read_until_cut(path)
    assert 500 < len(rows) < 2000
    assert "Case.csv ends in the middle" in sentence
    assert mark_of(path) == ""


@pytest.mark.parametrize("end", [b'"5007T00', b'"' + record_id("Case", 3).encode() + b'","400', b'"a\nb\nc'])
def test_a_csv_that_ends_within_quotes_is_cut_short(tmp_path: Path, end: bytes) -> None:
    """With the line on which the last row begins."""
    rows, sentence = read_until_cut(case_file(tmp_path, line(1), line(2), end))
    assert len(rows) == 2
    assert "begins on line 4" in sentence


def test_a_csv_that_ends_within_a_row_is_cut_short(tmp_path: Path) -> None:
    """Also between two quoted cells, where the csv module sees nothing wrong."""
    rows, sentence = read_until_cut(case_file(tmp_path, line(1), b'"' + record_id("Case", 3).encode() + b'"'))
    assert len(rows) == 1
    assert "begins on line 3" in sentence


def test_the_last_row_needs_no_line_break(tmp_path: Path) -> None:
    """If it is whole."""
    assert len(ids(read(case_file(tmp_path, line(1), line(2)[:-1])))) == 2


@pytest.mark.parametrize("tail", [b"", b",", b', {"Id": "500', b"] oops"])
def test_json_that_breaks_off_gives_what_it_has(tmp_path: Path, tail: bytes) -> None:
    """The records before the break, then a sentence."""
    (tmp_path / "Case.json").write_bytes(b"[" + json.dumps(case(1)).encode() + tail)
    rows, sentence = read_until_cut(tmp_path)
    assert ids(rows) == [record_id("Case", 1)]
    assert "Case.json cannot be read past record 1" in sentence


def test_one_page_of_several_is_not_the_whole(tmp_path: Path) -> None:
    """`"done": false` says that there is more, somewhere else."""
    text = json.dumps({"totalSize": 9, "done": False, "nextRecordsUrl": "/x", "records": [case(1)]})
    (tmp_path / "Case.json").write_text(text)
    rows, sentence = read_until_cut(tmp_path)
    assert len(rows) == 1
    assert "one page of several" in sentence


# ── no export at all ─────────────────────────────────────────────────────────────────────────────


def _zip(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return path


def _half_zip(path: Path) -> None:
    _zip(path, Case_csv=os.urandom(5000))
    path.write_bytes(path.read_bytes()[:2500])


def _encrypted_zip(path: Path) -> None:
    """Sets the bit that says so, in the entry and in the directory."""
    _zip(path, Case_csv=b"Id,CaseNumber\n")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(mark) + offset
        data[at : at + 2] = struct.pack("<H", 1)
    path.write_bytes(bytes(data))


def _odd_zip(path: Path) -> None:
    """Deflate64, which some systems use for large files."""
    _zip(path, Case_csv=b"Id,CaseNumber\n")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.index(mark) + offset
        data[at : at + 2] = struct.pack("<H", 9)
    path.write_bytes(bytes(data))


def _two_files(path: Path) -> None:
    write_export(path)
    (path / "case.json").write_text("[]")


def _copied(path: Path, name: str) -> None:
    """A name of browsers and file managers: the copy may be older, or another part."""
    write_export(path)
    shutil.copy(path / "Case.csv", path / name)


NO_EXPORT: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda p: None, "does not exist: set EVERYCASE_SOURCE"),
    "an empty folder": (lambda p: p.mkdir(), "or one of them with .gz): it is empty"),
    "a zip in a zip": (
        lambda p: _zip(p, export_zip=b"PK"),
        "with .gz): export.zip is a zip inside of a zip, which is not opened: unpack it",
    ),
    "a text": (lambda p: p.write_text("hello"), "is cut short or is not a zip: copy the export again"),
    "an empty file": (lambda p: p.write_bytes(b""), "is cut short or is not a zip"),
    "half a zip": (_half_zip, "is cut short or is not a zip: copy the export again; nothing was changed"),
    "a zip of something else": (lambda p: _zip(p, Account_csv=b"Id\n"), "has no Case file"),
    "an encrypted zip": (_encrypted_zip, "is encrypted: unpack it into a folder"),
    "an oddly packed zip": (_odd_zip, "is packed in a way that cannot be read here"),
    "a file that was downloaded twice": (
        lambda p: _copied(p, "Case (1).csv"),
        "two files of one object, Case (1).csv and Case.csv",
    ),
    "a copy of a file": (
        lambda p: _copied(p, "Case - Copy.csv"),
        "two files of one object, Case - Copy.csv and Case.csv",
    ),
    "two files of one object": (_two_files, "two files of one object, Case.csv and case.json"),
    "two folders in a zip": (
        lambda p: _zip(p, a__Case_csv=b"Id\n", b__Case_csv=b"Id\n"),
        "two files of one object, a/Case.csv and b/Case.csv",
    ),
}


@pytest.mark.parametrize("name", NO_EXPORT)
def test_what_is_no_export_is_wrong_use(tmp_path: Path, name: str) -> None:
    """One sentence: what, where, what to do."""
    make, sentence = NO_EXPORT[name]
    make(tmp_path / "x")
    with pytest.raises(WrongUse) as caught:
        ExportSource(tmp_path / "x", CATALOGUE)
    assert sentence in str(caught.value)
    assert str(tmp_path / "x") in str(caught.value)


def test_a_single_file_is_not_the_export(tmp_path: Path) -> None:
    """Its folder is."""
    with pytest.raises(WrongUse, match="set EVERYCASE_SOURCE to the folder that it is in"):
        ExportSource(write_export(tmp_path / "x") / "Case.csv", CATALOGUE)


def test_files_of_other_objects_are_passed_over(tmp_path: Path) -> None:
    """Even two of one, even in a form that nobody reads."""
    write_export(tmp_path, Case=[case(1)])
    for name in ("Account.csv", "Account.json", "notes.txt", ".DS_Store", "._Case.csv"):
        (tmp_path / name).write_bytes(b"\x00")
    assert len(read(tmp_path)) == 1


UNUSABLE = {
    "missing": (None, "has no Task file"),
    "empty": (("Task.csv", b""), "Task.csv is empty"),
    "blank": (("Task.csv", b"\xef\xbb\xbf\r\n"), "Task.csv is empty"),
    "without its keys": (("Task.csv", b"Subject,Type\n"), "Task.csv has no column Id and no column WhatId"),
    "no gzip": (("Task.csv.gz", b"Id,WhatId\n"), "Task.csv.gz is damaged"),
    "empty JSON": (("Task.json", b" \n"), "Task.json is empty"),
    "JSON of something else": (
        ("Task.json", b'{"error": "x"}'),
        "Task.json is JSON, and neither a list of records",
    ),
    "no JSON": (("Task.json", b"<html>"), "Task.json is a web page"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_file_that_cannot_be_used_is_a_problem_and_no_rows(tmp_path: Path, name: str) -> None:
    """Neither an empty enumeration nor a traceback, whoever reads it all the same."""
    given, sentence = UNUSABLE[name]
    write_export(tmp_path, Case=[case(1)])
    (tmp_path / "Task.csv").unlink()
    if given:
        (tmp_path / given[0]).write_bytes(given[1])
    state = ExportSource(tmp_path, CATALOGUE).state(CATALOGUE.by_name["Task"])
    assert not state.is_present
    assert sentence in state.problem
    assert "what is staged of Task was left as it is" in state.problem
    rows, problem = read_until_cut(tmp_path, "Task")
    assert rows == []
    assert "nothing was deleted" in problem


def test_a_case_file_that_cannot_be_used_is_wrong_use(tmp_path: Path) -> None:
    """There is no export without cases."""
    write_export(tmp_path)
    write_table(tmp_path / "Case.csv", ["Id", "Subject"], [])
    with pytest.raises(WrongUse, match=r"Case\.csv has no column CaseNumber"):
        ExportSource(tmp_path, CATALOGUE).state(CATALOGUE.case)


def test_rows_of_nobody_are_passed_over(tmp_path: Path) -> None:
    """A Task of another type, an e-mail of an account, a blank line."""
    me = record_id("Case", 1)
    tasks = [child("Task", 1, me), child("Task", 2, me, Type="Call"), child("Task", 3, "001" + me[3:15])]
    write_export(tmp_path, Case=[case(1)], Task=tasks)
    with (tmp_path / "Task.csv").open("a") as file:
        file.write("\n\n")
    assert ids(read(tmp_path, "Task")) == [record_id("Task", 1)]
