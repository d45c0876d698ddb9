"""Why this one? `trace` answers for everything that has a row or a failure; the inbox says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.exports import HEADERS, case, child, record_id, write_export, write_table
from tests.support.shell import Prompt
from tests.support.world import World


def _first(shell: Prompt, key: str) -> str:
    return shell("trace", key).stdout.splitlines()[0]


def test_trace_answers_first_whatever_became_of_the_row(world: World, tmp_path: Path) -> None:
    """In the index, refused at the door, failed, gone from the source; by number, long and short id."""
    export = tmp_path / "x"
    cases = [case(1), case(2, CaseNumber=""), case(3, CaseNumber="no number"), case(4)]
    shell = Prompt(world, write_export(export, Case=cases))
    shell("sync")
    for key in ("40000001", record_id("Case", 1), record_id("Case", 1)[:15]):
        assert "in the index since" in _first(shell, key)
    assert "not in the index: failed at join, the case has no case number" in _first(
        shell, record_id("Case", 2)
    )
    refused = _first(shell, record_id("Case", 3)[:15])
    why = r"not in the index: refused at extraction, Case.csv line 4: .*put it right at the source"
    assert re.search(why, refused)
    assert shell("trace", "40000077").returncode == 2
    write_table(export / "Case.csv", HEADERS["Case"], cases[:3])
    shell("sync")
    assert re.search(
        r"not in the index: deleted .*gone at the source: absent from a whole read", _first(shell, "40000004")
    )
    assert shell.json("trace", record_id("Case", 3))["answer"].startswith("not in the index: refused")


def test_trace_has_one_line_for_each_load_with_its_reason(world: World, tmp_path: Path) -> None:
    """New, changed by itself, changed by a child, repaired; every stage only with -v."""
    export = tmp_path / "x"
    shell = Prompt(world, write_export(export, Case=[case(1), case(2)]))
    shell("sync")
    write_export(export, Case=[case(1, Subject="Fan is loud"), case(2)])
    shell("sync")
    write_export(
        export, Case=[case(1, Subject="Fan is loud"), case(2)], Task=[child("Task", 1, record_id("Case", 1))]
    )
    shell("sync")
    world.do("delete from vector_index.support_case where case_number = '40000001'")
    shell("reconcile")
    said = shell("trace", "40000001").stdout
    reasons = [line.split("Z  ")[1] for line in said.splitlines() if re.match(r"  \d{4}-", line)]
    assert reasons == [
        "loaded: new",
        "loaded: changed: fields of the case",
        "loaded: changed: children, or a case of the same number",
        "loaded: repaired: missing",
    ]
    assert "Journey" not in said
    assert "Journey" in shell("trace", "40000001", "-v").stdout


def test_the_inbox_fits_80_columns_and_says_what_to_do(world: World, tmp_path: Path) -> None:
    """File and line, type, what to do, the id; the same words for stages in rows, groups and filters."""
    cases = [case(1), case(2, CaseNumber=""), case(3, CaseNumber="no number")]
    shell = Prompt(world, write_export(tmp_path / "x", Case=cases))
    shell("sync")
    said = shell("failures").stdout
    assert max(map(len, said.splitlines())) <= 80
    assert "Case.csv:4 MalformedRecord → put it right at the source" in said
    for failure in shell.json("failures")["failures"]:
        assert failure["failure_id"] in said
    for word, n in (("extraction", 1), ("join", 1), ("load", 0), ("weaviate_load", 0), ("redact", 0)):
        assert len(shell.json("failures", "--stage", word)["failures"]) == n
    assert {line.split()[0] for line in shell("failures", "--group").stdout.splitlines()[2:]} == {
        "extraction",
        "join",
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--stage", "weaviate"], "did you mean weaviate_load?"),
        (["--stage", "lod"], "did you mean load?"),
        (["--disposition", "manual"], "did you mean manual_review?"),
        (["--type", "Malformed"], "did you mean MalformedRecord?"),
    ],
)
def test_a_typing_error_in_a_filter_is_an_error_with_the_near_miss(
    world: World, tmp_path: Path, words: list[str], said: str
) -> None:
    """Not a list of nothing."""
    done = Prompt(world, tmp_path)("failures", *words)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_the_report_names_the_cases_it_is_about(world: World, tmp_path: Path) -> None:
    """The first 20 with their reasons on the page, all of them in JSON; charts from the third day on."""
    cases = [case(1, Subject="Fan is loud")] + [case(n, CaseNumber="") for n in range(2, 26)]
    shell = Prompt(world, write_export(tmp_path / "x", Case=cases))
    shell("sync")
    shell("reconcile")
    page = shell("report", "--format", "html").stdout
    assert page.count("MissingRequiredField: the case has no case number") == 20
    assert "The first 20 of 24" in page
    assert "Completion" not in page
    assert len(shell.json("report")["cases"]) == 24


def test_a_home_says_what_it_was_last_loaded_with(world: World, tmp_path: Path) -> None:
    """To whoever comes without the settings file, or with another one."""
    file = tmp_path / "mine.toml"
    file.write_text("sample_seed = 3\n", encoding="utf-8")
    file.chmod(0o600)
    export = write_export(tmp_path / "x", Case=[case(1)])
    shell = Prompt(world, export)
    assert "last loaded" not in shell("sync", "--config", str(file)).stderr
    assert f"this home was last loaded with --config {file} (source {export})" in shell("status").stdout
    assert "last loaded" not in shell("status", "--config", str(file)).stdout


def test_thinned_events_leave_first_and_last_load_and_the_answer(world: World, tmp_path: Path) -> None:
    """Kept for ever unless the setting says otherwise; then by the command and by a daily reconciliation."""
    export = tmp_path / "x"
    shell = Prompt(world, export)
    for subject in ("one", "two", "three", "four", "five"):
        write_export(export, Case=[case(1, Subject=subject), case(2)])
        shell("sync")
        world.do("update recon.lineage_events set at = at - interval '100 days'")
    before = shell.json("trace", "40000001")
    assert (shell.json("prune")["events"], len(before["loads"])) == (0, 5)
    thinning = {"EVERYCASE_THIN_EVENTS_AFTER": "350 days"}
    assert shell.json("prune", **thinning)["events"] > 0
    loads = shell.json("trace", "40000001")["loads"]
    assert loads == [before["loads"][0], *before["loads"][2:]]
    thinning = {"EVERYCASE_THIN_EVENTS_AFTER": "150 days"}
    assert shell("reconcile", "--type", "daily", **thinning).returncode == 0
    after = shell.json("trace", "40000001")
    assert after["loads"] == [before["loads"][0], before["loads"][-1]]
    assert after["answer"] == before["answer"]
    assert shell.json("prune", **thinning)["events"] == 0
