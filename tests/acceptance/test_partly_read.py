"""What people read where a part of the source was not read, or a run did not come to its end."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from tests.support.exports import case, write_export
from tests.support.shell import Prompt, Shell
from tests.support.world import World


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_export(tmp_path / "x", Case=[case(n) for n in range(3)])


@pytest.fixture
def shell(world: World, source: Path) -> Prompt:
    return Prompt(world, source)


def test_tables_that_are_missing_are_counted_as_tables(shell: Prompt, source: Path) -> None:
    """Not as cases; text and page say the same, and what to do about them stands under the actions."""
    for name in ("Task", "WorkOrderFeed"):
        (source / f"{name}.csv").unlink()
    assert shell("sync").returncode == 1
    said = shell("reconcile").stdout
    assert "Discrepancies Found: 2 tables\n" in said
    assert "Still Failed: 2 tables\n  - 2 tables: Source cannot be read (SourceUnavailable)" in said
    page = _words(shell("report", "--format", "html").stdout)
    for words in ("Discrepancies: 2 tables", "Source cannot be read (SourceUnavailable) 2 tables"):
        assert words in page


def test_rows_and_cases_are_not_added_up(world: World, tmp_path: Path) -> None:
    """A row that cannot be read, and a case that lacks its number."""
    broken = {**case(2), "Id": "broken"}
    shell = Prompt(world, write_export(tmp_path / "x", Case=[case(0), case(1, CaseNumber=""), broken]))
    assert "Still Failed: 1 case, 1 row\n" in shell("run").stdout


def test_what_is_complete_is_said_of_what_was_read(shell: Prompt, source: Path) -> None:
    """Beside an incomplete run no output claims that all cases are as the source has them."""
    (source / "Task.csv").unlink()
    shell("sync")
    limited = "100% complete as far as the source could be read (not whole: Task)"
    assert limited in shell("reconcile").stdout
    assert limited in _words(shell("report", "--format", "html").stdout)
    said = shell("status").stdout
    assert "as the source has them as far as the source could be read (not whole: Task)" in said
    assert shell.json("status")["unread_tables"] == shell.json("report")["unread_tables"] == ["Task"]
    write_export(source, Case=[case(n) for n in range(3)])
    shell("sync")
    assert shell.json("status")["unread_tables"] == []


@pytest.mark.parametrize("mode", ["manual", "daily", "hourly"])
def test_an_incomplete_run_says_what_to_do(shell: Prompt, source: Path, mode: str) -> None:
    """`Actions Required` is not `None` while a table is missing, also where the source was not read."""
    (source / "Task.csv").unlink()
    shell("sync")
    said = shell("reconcile", "--type", mode).stdout
    actions = said.partition("Actions Required:\n")[2].partition("\n\n")[0]
    assert "SourceUnavailable, 1 table: " in actions or "Not everything was compared: " in actions
    assert not actions.startswith("None.")


def test_a_table_that_a_reconciliation_misses_is_in_the_inbox(shell: Prompt, source: Path) -> None:
    """Every command has the same code after it, until the table is there again."""
    assert shell("sync").returncode == 0
    (source / "Task.csv").rename(source / "Task.gone")
    for words in (["reconcile"], ["status"], ["failures"], ["plan"]):
        assert shell(*words).returncode == 1, words
    assert "no Task file" in re.sub(r"\s+", " ", shell("failures").stdout)
    (source / "Task.gone").rename(source / "Task.csv")
    for words in (["reconcile"], ["status"], ["failures"], ["plan"]):
        assert shell(*words).returncode == 0, words


def test_a_plan_with_problems_does_not_end_as_if_all_was_well(shell: Prompt, source: Path) -> None:
    """doctor fails for them, too; a program sees them without reading the text."""
    assert shell("plan").returncode == 0
    (source / "Task.csv").unlink()
    assert shell("doctor").returncode == 2
    assert shell("plan").returncode == 1
    assert "no Task file" in shell.json("plan")["problems"][0]


@pytest.mark.parametrize(
    ("command", "trouble"),
    [
        ("sync", "the export is gone"),
        ("reconcile", "the export is gone"),
        ("sync", "nothing names a person"),
    ],
)
def test_a_run_that_ended_with_an_error_is_said_until_one_goes_through(
    shell: Prompt, source: Path, command: str, trouble: str
) -> None:
    """By `status` and `failures`, with its reason and an exit code; `runs` lists the reconciliation."""
    assert shell("sync").returncode == 0
    env = {"EVERYCASE_SOURCE": str(source.parent / "elsewhere")} if trouble == "the export is gone" else {}
    if not env:
        columns = "Id,CaseNumber,Subject,Description,LastModifiedDate\n"
        for file in source.glob("*.csv"):
            file.write_text(columns if file.stem == "Case" else "Id,ParentId,WhatId,CaseId\n")
    ended = shell(command, **env)
    assert ended.returncode == 2
    reason = ended.stderr.splitlines()[-1].removeprefix("everycase: ").rstrip(".")
    last = "sync" if command == "sync" else "reconciliation"
    for words in (["status"], ["failures"]):
        said = shell(*words)
        assert said.returncode == 1
        assert f"! the last {last}, " in said.stdout
        assert f"failed ({reason}): run everycase {command} again" in said.stdout
        assert shell(*words, "--fail-on", "new").returncode == 1
        assert shell(*words, "--exit-zero").returncode == 0
    if command == "reconcile":
        assert "failed" in shell("runs").stdout
    write_export(source, Case=[case(n) for n in range(3)])
    assert shell(command).returncode == 0
    for words in (["status"], ["failures"]):
        assert (shell(*words).returncode, "! the last" in shell(*words).stdout) == (0, False)


def test_an_object_that_an_organisation_lacks_is_added_to_those_already_named(
    shell: Prompt, source: Path
) -> None:
    """What is to be set can be pasted: it keeps what was set before. The alert's action names the setting."""
    for name in ("Task", "WorkOrder", "WorkOrderFeed"):
        (source / f"{name}.csv").unlink()
    without = {"EVERYCASE_WITHOUT": "WorkOrderFeed"}
    (bad,) = [c for c in shell.json("doctor", **without)["checks"] if not c["ok"]]
    assert "set EVERYCASE_WITHOUT=Task,WorkOrder,WorkOrderFeed)" in bad["detail"]
    shell("sync", **without)
    said = shell("reconcile", **without).stdout
    assert (
        "Check SFDC Task table availability; if the organisation has none, add Task to EVERYCASE_WITHOUT"
        in said
    )


def test_an_empty_case_number_is_mended_at_the_source(world: World, tmp_path: Path) -> None:
    """No setting helps: the column is there. Where texts lack, another column may hold them."""
    rows = [case(0), case(1, CaseNumber=""), case(2, Subject="", Description="")]
    shell = Prompt(world, write_export(tmp_path / "x", Case=rows))
    said = shell.json("run")["failures"]
    inbox = re.sub(r"\s+", " ", shell("failures").stdout)
    assert "[fields]" not in inbox + str(said)
    first, second = sorted(re.findall(r"\S+ MissingRequiredField → (.*?) the case has", inbox))
    assert first == "complete the case at the source: looked at again when it changes"
    assert second == f"{first}; if no case has them, everycase doctor lists columns that may"


@pytest.mark.parametrize("approve", ["sync", "reconcile"])
def test_deletions_that_wait_are_described_in_words(world: World, tmp_path: Path, approve: str) -> None:
    """Not by the name of a gap; the command that follows approves them."""
    source = write_export(tmp_path / "x", Case=[case(n) for n in range(40)])
    shell = Prompt(world, source)
    shell("sync")
    write_export(source, Case=[case(n) for n in range(10)])
    said = shell("reconcile").stdout
    status = shell("status").stdout
    what = "30 deletions wait for a person (records that are gone at the source)"
    sentence = f"{what}; if that is right, approve it once"
    assert f"{sentence}: everycase reconcile --allow-deletes 30" in said
    assert sentence in status
    assert "of gone_at_source" not in status
    assert shell(approve, "--allow-deletes", "30").returncode == 0


def test_an_alert_has_one_colon(world: World, tmp_path: Path) -> None:
    """Of its frame; its own sentence has none, and counts in the singular and in the plural."""
    shell = Prompt(world, write_export(tmp_path / "x", Case=[case(0), case(1, CaseNumber="")]))
    lines = [x for x in shell("run").stdout.splitlines() if " alert (" in x]
    assert "! high alert (started): 1 failure waits for a person" in lines
    assert (
        "! medium alert (started): 2 cases have fewer than 30 fields and were not looked at again yet"
        in lines
    )
    assert [x.count(":") for x in lines] == [1] * len(lines)


@pytest.mark.parametrize("words", [("golden", "list"), ("token", "list"), ("redact", "-")])
def test_commands_that_look_do_not_say_where(shell: Prompt, words: tuple[str, ...]) -> None:
    """The line with source, database and index belongs to runs."""
    shell("sync")
    done = shell(*words)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_of_the_progress_that_has_gone_ends_no_run(world: World, source: Path) -> None:
    """As in `everycase sync 2>&1 | head -1`."""
    shell = Shell(world, source)
    done = subprocess.run(
        f"'{sys.executable}' -m everycase.cli sync 2> >(exec 0<&-; exit) ; echo code $?",
        shell=True,
        executable="/bin/bash",
        env=shell.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=shell.patience,
    )
    assert "code 0" in done.stdout
    assert len(world.index()) == 3


def test_what_was_read_whole_has_no_limits(shell: Prompt) -> None:
    """Neither the report nor the status speaks of what could not be read."""
    said = shell("run").stdout
    assert "100% complete · " in said
    assert "Discrepancies Found: 0 cases" in said
    assert "as far as" not in said + shell("status").stdout


def _words(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))
