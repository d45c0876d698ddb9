"""Redaction from outside: the command, what it says of a run, and what new rules find in what is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from everycase.redaction import redactor
from everycase.redaction.spans import Span
from tests.support.exports import case, child, record_id, write_export
from tests.support.shell import Shell
from tests.support.world import World


@pytest.fixture
def export(tmp_path: Path) -> Path:
    me = record_id("Case", 1)
    said = "Hi Quennell,\nping 10.1.2.3 from Contoso Works."
    comment = child("CaseComment", 1, me, CommentBody=said)
    return write_export(tmp_path / "x", Case=[case(1), case(2)], CaseComment=[comment])


def test_a_text_is_shown_with_what_goes_and_why(world: World, tmp_path: Path) -> None:
    """Rule by rule; a database is neither needed nor made."""
    shell = Shell(world, tmp_path)
    file = tmp_path / "mail.txt"
    file.write_text(
        "Hi Quennell,\nfirmware 2.10.1.4 on 10.1.2.3\nring 040 5550123\n\nOn 4 Nov 2024, A wrote:\n> x\n"
    )
    found = shell.json("redact", str(file), "--table", "EmailMessage", "--who", "ContactPhone=+49 40 5550123")
    assert found["text"] == "Hi <PERSON_1>,\nfirmware 2.10.1.4 on <IP_1>\nring <PHONE_1>"
    assert [(f["line"], f["label"], f["rule"]) for f in found["findings"]] == [
        (1, "PERSON", "greeting"),
        (2, "IP", "IPv4 address"),
        (3, "PHONE", "own phone number"),
    ]
    assert "2.10.1.4" in found["kept"]
    assert found["cut_lines"] >= 2
    shown = shell("redact", str(file)).stdout
    assert "greeting" in shown
    for wrong in (["--table", "Nothing"], ["--who", "Nobody=x"], ["--who", "x"]):
        assert shell("redact", str(file), *wrong).returncode == 2
    assert shell("redact", str(tmp_path / "none.txt")).returncode == 2


def test_new_rules_count_what_they_find_in_served_objects(world: World, export: Path, tmp_path: Path) -> None:
    """Before the sync and after it, worst case first; a plan for unchanged rules has nothing to say."""
    assert world.sync(export).is_clean
    deny = tmp_path / "deny.txt"
    deny.write_text("Contoso Works\n")
    shell = Shell(world, export)
    assert shell.json("plan")["served"] is None
    (tmp_path / "rules.toml").write_text(f'[redaction]\ndeny = "{deny}"\n')
    served = shell.json("plan", "--config", str(tmp_path / "rules.toml"))["served"]
    assert (served["cases"], served["before"], served["after"]) == (2, {"COMPANY": 1}, {})
    assert served["worst"] == [{"case_number": "40000001", "found": 1}]
    assert "Worst first: 40000001 (1)" in shell("plan", "--config", str(tmp_path / "rules.toml")).stdout


def test_what_the_rules_overlook_is_counted_and_told(
    world: World, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the masks out of order the residual scan masks by itself, says by which shape, and alerts."""

    def only_names(spans: list[Span], kept: object) -> list[Span]:
        return [s for s in spans if s.rule.startswith("residual") or s.is_fixed]

    monkeypatch.setattr(redactor, "resolve", only_names)
    text = "password=Winter99 for host 10.1.2.200"
    comment = child("CaseComment", 1, record_id("Case", 1), CommentBody=text)
    report = world.sync(write_export(export.parent / "y", Case=[case(1)], CaseComment=[comment]))
    assert report.as_dict()["residues"] == {"password": 1, "address": 1}
    assert [a.rule for a in report.alerts if a.rule == "redaction_residues"] == ["redaction_residues"]
    (row,) = world.index()
    assert "Winter99" not in str(row)
    assert "10.1.2.200" not in str(row)
