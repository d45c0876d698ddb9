"""The benchmark over sample cases: what it counts is zero, and it would count what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks import redaction_sample

from everycase.domain.cases import JoinedCase, RedactedCase, RedactedRecord
from everycase.sources.sample.source import TRUTH, write_sample


def test_nothing_personal_is_left_and_nothing_technical_is_damaged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In 150 sample cases, of all that was planted; the command ends with 0."""
    found = redaction_sample.measure(150, seed=11)
    assert found.cases == 150
    assert found.personal.total() > 3000
    assert found.technical.total() > 5000
    assert not found.left, found.places
    assert not found.damaged, found.places
    assert redaction_sample.main(["--cases", "3"]) == 0
    assert "3 cases" in capsys.readouterr().out


@pytest.fixture
def planted(tmp_path: Path) -> list[tuple[dict[str, Any], JoinedCase]]:
    write_sample(tmp_path, cases=20, seed=11)
    joined = redaction_sample.joined_cases(tmp_path)
    truths = map(json.loads, (tmp_path / TRUTH).read_text(encoding="utf-8").splitlines())
    return [(t, joined[t["case_id"]]) for t in truths]


def unchanged(case: JoinedCase, changed: str | None = None) -> RedactedCase:
    """As if no rule had found anything, or as if every text had been replaced."""

    def records() -> Iterator[RedactedRecord]:
        for r in case.records():
            values = {n: v if changed is None else changed for n, v in r.values.items()}
            yield RedactedRecord(object=r.object, id=r.id, when=r.when, values=values)

    first, *rest = records()
    children = {o: tuple(r for r in rest if r.object == o) for o in case.children}
    return RedactedCase(
        record_id=case.record_id,
        case_number=case.case_number or "",
        generation=1,
        case=first,
        children=children,
        redactions={},
    )


def test_rules_that_find_nothing_are_told(planted: list[tuple[dict[str, Any], JoinedCase]]) -> None:
    """Every planted personal value then counts as left, and no technical token as damaged."""
    found = redaction_sample.Found()
    for truth, case in planted:
        redaction_sample.count(found, truth, case, unchanged(case))
    assert found.left == found.personal
    assert not found.damaged
    assert not found.is_within_limits


def test_rules_that_destroy_everything_are_told(planted: list[tuple[dict[str, Any], JoinedCase]]) -> None:
    """Every planted technical token of a text that is read then counts as damaged, and no value as left."""
    found = redaction_sample.Found()
    for truth, case in planted:
        redaction_sample.count(found, truth, case, unchanged(case, "gone"))
    assert found.damaged == found.technical
    assert not found.left
    assert not found.is_within_limits
    assert not [
        p for p in found.places if any(t["value"] in p for truth, _ in planted for t in truth["personal"])
    ]
