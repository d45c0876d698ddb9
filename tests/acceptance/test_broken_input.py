"""Broken input: the rest loads, the message names file and line, nothing is lost."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from everycase.domain.errors import WrongUse
from tests.support.exports import HEADERS, case, child, record_id, write_export, write_table
from tests.support.world import World

HEADER = HEADERS["Case"]


def raw_row(n: int, **values: str) -> bytes:
    row = case(n, **values)
    return ",".join('"' + row.get(c, "").replace('"', '""') + '"' for c in HEADER).encode() + b"\n"


def with_bad_case(folder: Path, bad: bytes) -> Path:
    """Five good cases with something else on line 4."""
    write_export(folder)
    lines = [
        ",".join(HEADER).encode() + b"\n",
        raw_row(1),
        raw_row(2),
        bad,
        raw_row(3),
        raw_row(4),
        raw_row(5),
    ]
    (folder / "Case.csv").write_bytes(b"".join(lines))
    return folder


BAD_ROWS = {
    "too few columns": (b'"' + record_id("Case", 9).encode() + b'","1","x"\n', "3 columns"),
    "a NUL byte": (raw_row(9).replace(b"Fan 9", b"Fan \x00 9"), "NUL"),
    "invalid UTF-8": (raw_row(9).replace(b"Fan 9", b"Fan \xff\xfe 9"), "UTF-8"),
    "an impossible date": (raw_row(9, ClosedDate="2017-02-31 10:00:00"), "ClosedDate"),
    "an id that is none": (raw_row(9, Id="not an id"), "column Id"),
    "a stray quote": (raw_row(9).replace(b'"High"', b'"Hi"gh"'), "quotes"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_a_failure_and_the_rest_loads(world: World, tmp_path: Path, name: str) -> None:
    """With file and line, and never with what the row says."""
    bad, reason = BAD_ROWS[name]
    report = world.sync(with_bad_case(tmp_path / "x", bad))
    assert (report.totals.created, report.is_clean) == (5, False)
    (failure,) = world.failures()
    assert (failure["stage"], failure["error_type"]) == ("extraction", "MalformedRecord")
    assert failure["error_message"].startswith("Case.csv line 4: ")
    assert reason in failure["error_message"]
    assert "not an id" not in failure["error_message"]
    assert world.sync(tmp_path / "x").totals.cases == 0
    assert world.failures() == [failure]
    (tmp_path / "x" / "Case.csv").write_bytes(
        (tmp_path / "x" / "Case.csv").read_bytes().replace(bad, raw_row(9))
    )
    healed = world.sync(tmp_path / "x")
    assert (healed.totals.created, healed.is_clean) == (1, True)


def test_a_bad_row_of_a_loaded_case_deletes_nothing(world: World, tmp_path: Path) -> None:
    """It was named, so it is there: what is staged of it stays."""
    world.sync(with_bad_case(tmp_path / "x", raw_row(9)))
    report = world.sync(with_bad_case(tmp_path / "y", raw_row(9, ClosedDate="2017-02-31")))
    assert (report.deleted, report.index_count) == (0, 6)


def test_lines_are_counted_where_rows_begin(world: World, tmp_path: Path) -> None:
    """Also behind a text of several lines."""
    long = raw_row(7, Description="one\ntwo\n\nfour") + b'"only"\n'
    world.sync(with_bad_case(tmp_path / "x", long))
    assert world.failures()[0]["error_message"].startswith("Case.csv line 8: ")


def test_a_huge_description_is_loaded_and_cut(world: World, tmp_path: Path) -> None:
    """Two megabytes: staged whole, the composite is cut, the case is found."""
    huge = case(1, Description="The fan is loud again. " * 90_000)
    report = world.sync(write_export(tmp_path / "x", Case=[huge]))
    assert (report.totals.created, report.is_clean) == (1, True)
    (stats,) = world.rows("select * from recon.multi_table_join_stats")
    assert stats["was_truncated"]
    assert stats["composite_text_length"] > 2_000_000
    assert len(world.index()[0]["composite"]) <= 30_000


def test_a_missing_object_file_leaves_what_is_staged_of_it(world: World, tmp_path: Path) -> None:
    """Nothing is deleted, and the inbox says what is missing until it comes."""
    me = record_id("Case", 1)
    source = write_export(tmp_path / "x", Case=[case(1)], CaseComment=[child("CaseComment", 1, me)])
    world.sync(source)
    saved = (source / "CaseComment.csv").read_bytes()
    (source / "CaseComment.csv").unlink()
    report = world.sync(source)
    assert "no CaseComment file" in " ".join(report.problems)
    assert not report.is_clean
    assert world.lineage()[me]["comment_count"] == 1
    (source / "CaseComment.csv").write_bytes(saved)
    assert world.sync(source).is_clean


def test_an_empty_file_is_no_enumeration(world: World, tmp_path: Path) -> None:
    """No header, no deletion."""
    me = record_id("Case", 1)
    source = write_export(tmp_path / "x", Case=[case(1)], Task=[child("Task", 1, me)])
    world.sync(source)
    (source / "Task.csv").write_bytes(b"")
    report = world.sync(source)
    assert "Task.csv is empty" in " ".join(report.problems)
    assert world.lineage()[me]["task_count"] == 1


def test_an_export_without_a_single_case_row_deletes_nothing(world: World, tmp_path: Path) -> None:
    """One empty read never wipes an index."""
    world.sync(write_export(tmp_path / "x", Case=[case(n) for n in range(4)]))
    report = world.sync(write_export(tmp_path / "y"))
    assert (report.deleted, report.index_count, report.is_clean) == (0, 4, False)


def test_an_empty_case_file_is_wrong_use(world: World, tmp_path: Path) -> None:
    """There is no export without cases."""
    source = write_export(tmp_path / "x")
    (source / "Case.csv").write_bytes(b"")
    with pytest.raises(WrongUse, match=r"Case\.csv is empty"):
        world.sync(source)


def test_a_zip_cut_in_half_is_said_so_and_changes_nothing(world: World, tmp_path: Path) -> None:
    """A clear sentence, and the index as it was."""
    source = write_export(tmp_path / "x", Case=[case(n) for n in range(300)])
    whole = tmp_path / "export.zip"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(source.iterdir()):
            archive.write(file, file.name)
    assert world.sync(whole).totals.created == 300
    half = tmp_path / "half.zip"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(WrongUse, match=r"half\.zip is cut short or is not a zip"):
        world.sync(half)
    assert len(world.index()) == 300


def test_a_gzip_cut_in_half_loads_what_it_has_and_deletes_nothing(world: World, tmp_path: Path) -> None:
    """The rest is missing, which is not the same as deleted."""
    source = write_export(tmp_path / "x", Case=[case(n) for n in range(400)])
    world.sync(write_export(tmp_path / "before", Case=[case(n) for n in range(390, 400)]))
    packed = gzip.compress((source / "Case.csv").read_bytes())
    (source / "Case.csv").unlink()
    (source / "Case.csv.gz").write_bytes(packed[: len(packed) // 2])
    report = world.sync(source)
    assert 0 < report.totals.created < 390
    assert report.deleted == 0
    (failure,) = world.failures()
    assert (failure["error_type"], failure["record_id"]) == ("SourceUnavailable", "Case")
    assert "Case.csv.gz ends in the middle" in failure["error_message"]
    (source / "Case.csv.gz").write_bytes(packed)
    healed = world.sync(source)
    assert (healed.index_count, healed.is_clean) == (400, True)


def test_a_csv_that_ends_within_quotes_is_cut_short(world: World, tmp_path: Path) -> None:
    """What came before it is loaded."""
    source = write_export(tmp_path / "x", Case=[case(n) for n in range(5)])
    text = (source / "Case.csv").read_text()
    (source / "Case.csv").write_text(text + '"5007T00')
    report = world.sync(source)
    assert report.totals.created == 5
    assert "ends in the middle of the row that begins on line 7" in " ".join(report.problems)


def test_of_two_rows_of_one_id_the_newer_is_taken_and_the_inbox_says_so(world: World, tmp_path: Path) -> None:
    """Equal rows are one."""
    newer = case(1, Subject="The newer one", SystemModstamp="2024-12-24 00:00:00")
    same = case(2)
    world.sync(write_export(tmp_path / "x", Case=[newer, case(1, Subject="The older one"), same, same]))
    assert [r["subject"] for r in world.index()] == ["The newer one", same["Subject"]]
    (failure,) = world.failures()
    assert (failure["record_id"], failure["error_type"]) == (record_id("Case", 1), "MalformedRecord")
    assert failure["error_message"].startswith("Case.csv line 2 and 3: two different rows of one id")
    assert world.sync(write_export(tmp_path / "y", Case=[newer, same])).is_clean


def test_a_comment_whose_case_cannot_be_read_waits_for_it(world: World, tmp_path: Path) -> None:
    """It is staged, noted, and joined as soon as the case is there."""
    late = record_id("Case", 2)
    comment = child("CaseComment", 1, late)
    report = world.sync(
        write_export(tmp_path / "x", Case=[case(1), case(2, ClosedDate="soon")], CaseComment=[comment])
    )
    assert report.totals.created == 1
    failure = next(f for f in world.failures() if f["error_type"] == "MissingChildData")
    assert failure["record_id"] == late
    assert "1 CaseComment waiting" in failure["error_message"]
    healed = world.sync(write_export(tmp_path / "y", Case=[case(1), case(2)], CaseComment=[comment]))
    assert (healed.totals.created, healed.is_clean) == (1, True)
    assert world.lineage()[late]["comment_count"] == 1


def test_a_comment_whose_case_is_not_in_the_export_is_staged_and_no_failure(
    world: World, tmp_path: Path
) -> None:
    """The export was read whole, so there is no such case; if it comes one day, the comment is joined."""
    late = record_id("Case", 2)
    comment = child("CaseComment", 1, late)
    report = world.sync(write_export(tmp_path / "x", Case=[case(1)], CaseComment=[comment]))
    assert (report.totals.created, report.is_clean, world.failures()) == (1, True, [])
    healed = world.sync(write_export(tmp_path / "y", Case=[case(1), case(2)], CaseComment=[comment]))
    assert (healed.totals.created, healed.is_clean) == (1, True)
    assert world.lineage()[late]["comment_count"] == 1


def test_a_case_without_words_or_number_waits_for_a_person(world: World, tmp_path: Path) -> None:
    """And is looked at again when its row changes."""
    mute = case(1, Subject="", Description="")
    world.sync(write_export(tmp_path / "x", Case=[mute, case(2, CaseNumber="")]))
    assert [f["error_type"] for f in world.failures()] == ["MissingRequiredField"] * 2
    assert {r["status"] for r in world.lineage().values()} == {"failed"}
    assert world.sync(tmp_path / "x").totals.cases == 0
    assert world.sync(write_export(tmp_path / "y", Case=[case(1), case(2)])).is_clean


def test_a_closed_case_without_a_resolution_is_loaded_and_noted(world: World, tmp_path: Path) -> None:
    """`skip`: limited data, reported, not retried, not a failed case."""
    report = world.sync(write_export(tmp_path / "x", Case=[case(1, Resolution_Plain_Text__c="")]))
    assert (report.totals.created, report.totals.failed, report.is_clean) == (1, 0, True)
    (failure,) = world.failures()
    assert (failure["error_type"], failure["disposition"]) == ("MissingResolutionField", "skip")
    assert next(iter(world.lineage().values()))["limited_data"]
    world.sync(write_export(tmp_path / "y", Case=[case(1)]))
    assert world.failures() == []


def test_json_and_csv_give_the_same_cases(world: World, tmp_path: Path) -> None:
    """Dates in another form, 15-character ids, null for blank: nothing has changed."""
    me = record_id("Case", 1)
    world.sync(write_export(tmp_path / "x", Case=[case(1)], Task=[child("Task", 1, me)]))
    (tmp_path / "j").mkdir()
    for name in HEADERS:
        rows = {"Case": [case(1)], "Task": [child("Task", 1, me)]}.get(name, [])
        records = [
            {k: None if v == "" else v.replace(" 08:00:00", "T08:00:00.000+0000") for k, v in row.items()}
            for row in rows
        ]
        for r in records:
            r["Id"] = str(r["Id"])[:15]
        (tmp_path / "j" / f"{name}.json").write_text(
            json.dumps({"totalSize": len(records), "records": records})
        )
    report = world.sync(tmp_path / "j")
    assert (report.totals.cases, report.unchanged) == (0, 1)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda _: None, "does not exist"),
        (lambda p: p.mkdir(), "has no Case file"),
        (lambda p: p.write_text("hello"), "is not a zip"),
        (lambda p: shutil.copy(__file__, p), "is not a zip"),
    ],
)
def test_what_is_no_export_is_wrong_use(world: World, tmp_path: Path, make, sentence: str) -> None:
    """One sentence, what and where."""
    make(tmp_path / "x")
    with pytest.raises(WrongUse, match=sentence):
        world.sync(tmp_path / "x")


def test_a_file_without_its_key_column_is_named(world: World, tmp_path: Path) -> None:
    """A missing optional field means never populated; a missing key is an error."""
    source = write_export(tmp_path / "x", Case=[case(1)])
    write_table(source / "Task.csv", ["Subject", "Type"], [{"Subject": "x", "Type": "Plan of Action"}])
    report = world.sync(source)
    assert "Task.csv has no column Id and no column WhatId" in " ".join(report.problems)
    assert report.totals.created == 1
