"""Settings of redaction: what is kept, lists by file, models beside the rules."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from everycase.domain.errors import WrongUse
from everycase.domain.failures import ErrorType, RedactionFailure
from everycase.redaction.options import Detector, Keep, Options, read_allow_list, read_deny_list
from everycase.redaction.presidio import PresidioDetector
from everycase.redaction.redactor import TableRedactor
from tests.unit.redaction.test_redactor import CATALOGUE, REDACTOR, joined


def said(text: str, options: Options, identity: dict[str, str] | None = None) -> str:
    redactor = TableRedactor(catalogue=CATALOGUE, options=options)
    return redactor.redact(joined(text, identity=identity or {})).case.values["Description"]


@pytest.mark.parametrize(
    ("left_out", "text", "expected"),
    [
        (Keep.MAC, "NIC 00:11:22:33:44:55 up", "NIC <HARDWARE_1> up"),
        (Keep.MAC, "NIC 0011.2233.4455 up", "NIC <HARDWARE_1> up"),
        (Keep.WWN, "HBA 50:01:43:80:12:34:56:78 up", "HBA <HARDWARE_1> up"),
        (Keep.SERIALS, "serial MXQ3210ABC failed", "<SERIAL_1> failed"),
        (Keep.HOSTS, "on db01.prod.kunde.example now", "on <HOST_1> now"),
        (Keep.MASKS, "mask 255.255.255.0 set", "mask <IP_1> set"),
    ],
)
def test_what_is_not_kept_goes(left_out: Keep, text: str, expected: str) -> None:
    """One setting each; by default all of them stay."""
    assert said(text, Options()) == text
    assert said(text, Options(keep=frozenset(Keep) - {left_out})) == expected


def test_a_deny_list_goes_everywhere_and_an_allow_list_never(tmp_path: Path) -> None:
    """The allow list is stronger than shapes and lists, weaker than the case's own columns."""
    deny, allow = tmp_path / "deny.txt", tmp_path / "allow.txt"
    deny.write_text("# ours\nContoso Works\nPERSON: Ada Quill  # the director\n", encoding="utf-8")
    allow.write_text("support@hpe.example\n10.1.2.3\n", encoding="utf-8")
    options = Options(deny=read_deny_list(deny), allow=read_allow_list(allow))
    found = said(
        "CONTOSO WORKS and Ada Quill wrote to support@hpe.example from 10.1.2.3 and 10.1.2.4", options
    )
    assert found == "<COMPANY_1> and <PERSON_1> wrote to support@hpe.example from 10.1.2.3 and <IP_1>"


@pytest.mark.parametrize("line", ["ab", "PERSONS: Ada Quill", "NAME: x"])
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str) -> None:
    """By file and number, not by what it says."""
    file = tmp_path / "deny.txt"
    file.write_text(f"Contoso\n{line}\n", encoding="utf-8")
    with pytest.raises(WrongUse, match=r"deny\.txt line 2: "):
        read_deny_list(file)
    with pytest.raises(WrongUse, match="cannot be read"):
        read_allow_list(tmp_path / "none.txt")


def test_own_domains_are_no_company_and_their_mails_go() -> None:
    """hpe.example in a mail of an engineer says nothing about the customer."""
    identity = {"OwnerEmail": "ada.quill@support.example"}
    text = "see portal.support.example or write to ada.quill@support.example at support.example"
    assert said(text, Options(own_domains=frozenset({"support.example"})), identity) == (
        "see portal.support.example or write to <EMAIL_1> at support.example"
    )


def test_every_setting_is_part_of_the_version(tmp_path: Path) -> None:
    """So that old cases are done anew; the same settings have the same version."""
    deny = tmp_path / "deny.txt"
    deny.write_text("Contoso\n", encoding="utf-8")
    options = [
        Options(),
        Options(keep=frozenset()),
        Options(own_domains=frozenset({"a.example"})),
        Options(deny=read_deny_list(deny)),
        Options(allow=frozenset({"contoso"})),
        Options(detectors=(_Slow(),)),
    ]
    versions = [TableRedactor(catalogue=CATALOGUE, options=o).version for o in options]
    assert len(set(versions)) == len(options)
    assert versions[0] == REDACTOR.version


class _Slow:
    version = "slow"

    def find(self, text: str) -> list[tuple[int, int, str]]:
        threading.Event().wait(20 * (text != ""))
        return []


def test_a_model_that_takes_too_long_fails_the_case() -> None:
    """Closed, after three attempts with waits of 1 and 2 s between them, and with the reason."""
    waited: list[float] = []
    redactor = TableRedactor(
        catalogue=CATALOGUE,
        options=Options(detectors=(_Slow(),), detector_seconds=0.05),
        wait=waited.append,
    )
    with pytest.raises(RedactionFailure, match=r"0\.05 s") as caught:
        redactor.redact(joined("Ada said no", identity={}))
    assert caught.value.error_type is ErrorType.PII_REMOVAL_FAILURE
    assert waited == [1.0, 2.0]


class _SlowAtFirst:
    """Runs into its time limit so many times, as a model behind a network does."""

    version = "slow at first"

    def __init__(self, times: int) -> None:
        self.times = times

    def find(self, text: str) -> list[tuple[int, int, str]]:
        self.times -= 1
        if self.times >= 0:
            raise TimeoutError
        return []


@pytest.mark.parametrize("times", [1, 2])
def test_a_time_limit_that_passes_needs_no_person(times: int) -> None:
    """The second or third attempt goes through."""
    waited: list[float] = []
    redactor = TableRedactor(
        catalogue=CATALOGUE, options=Options(detectors=(_SlowAtFirst(times),)), wait=waited.append
    )
    assert redactor.redact(joined("Ada said no", identity={})).case.values["Description"]
    assert waited == [1.0, 2.0][:times]


@dataclass(frozen=True, slots=True)
class _Result:
    start: int
    end: int
    entity_type: str


class _StubModel:
    """Answers as `presidio_analyzer.AnalyzerEngine` does: knows one name, and takes a version for a phone."""

    def analyze(self, text: str, language: str, entities: list[str], score_threshold: float) -> list[_Result]:
        assert (language, "PERSON" in entities, "PHONE_NUMBER" in entities) == ("en", True, False)
        assert score_threshold > 0
        at = text.find("Xanthippe")
        return [_Result(at, at + 9, "PERSON"), _Result(0, 3, "PHONE_NUMBER")] if at >= 0 else []


def test_presidio_finds_what_no_rule_does_and_damages_nothing() -> None:
    """Only the types in which it is better are asked for."""
    detector: Detector = PresidioDetector(_StubModel(), version="1")
    found = said("ESX 7.0.3 was rebooted and Xanthippe said no", Options(detectors=(detector,)))
    assert found == "ESX 7.0.3 was rebooted and <PERSON_1> said no"


def test_the_version_is_the_same_in_every_process() -> None:
    """Or each process would find all cases stale."""
    code = (
        "from everycase.domain.catalogue import Catalogue\n"
        "from everycase.redaction.redactor import TableRedactor\n"
        "print(TableRedactor(catalogue=Catalogue()).version)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(3)
    }
    assert len(found) == 1
