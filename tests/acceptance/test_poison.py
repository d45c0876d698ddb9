"""One poison record never fails its batch; an outage of the index is not the cases' fault."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from everycase.cli.console import ProgressLines
from everycase.domain import fingerprint
from everycase.domain.cases import JoinedCase, RedactedCase
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.operations import work
from everycase.pipeline import load
from everycase.ports import Redactor, VectorIndex
from everycase.redaction.redactor import TableRedactor
from tests.support.exports import case, write_export
from tests.support.world import World


class Chokes:
    """A detector that cannot stand one word."""

    version = "1"

    def find(self, text: str) -> list[tuple[int, int, str]]:
        if "arsenic" in text:
            raise RuntimeError(text)
        return []


class Explodes:
    """A redactor that answers with something nobody foresaw."""

    def __init__(self, inner: Redactor) -> None:
        self.inner, self.version = inner, inner.version

    def redact(self, case: JoinedCase) -> RedactedCase:
        found = self.inner.redact(case)
        return None if "arsenic" in found.case.values["Description"] else found  # type: ignore[return-value]


class Down:
    """An index that is away for its first calls, and then is the real one."""

    def __init__(self, inner: VectorIndex, times: int) -> None:
        self.inner, self.times = inner, times

    def __getattr__(self, name: str):
        return getattr(self.inner, name)

    def upsert(self, objects):
        if self.times:
            self.times -= 1
            raise LoadFailure(ErrorType.WEAVIATE_UNAVAILABLE, "the index is away")
        return self.inner.upsert(objects)


def sync_with(world: World, source: Path, **parts):
    with world.app(source, engine="inline") as app:
        made = {k: v(app) for k, v in parts.items()}
        if "redactor" in made:
            version = made["redactor"].version
            made["recipe"] = fingerprint.recipe(redaction=version, space=app.embedder.space)
        app.__dict__["processor"] = replace(app.processor, **made)
        return work.sync(app, ProgressLines(quiet=True)), made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    cases = [case(n) for n in range(63)] + [case(63, Description="There is arsenic in the fan.")]
    return write_export(tmp_path / "x", Case=cases)


def test_one_poison_text_of_64_fails_alone_and_heals_when_its_cause_is_gone(
    world: World, source: Path
) -> None:
    """63 load; the one is in the inbox with type, stage and a payload without its words."""
    report, _ = sync_with(
        world, source, redactor=lambda app: TableRedactor(catalogue=app.catalogue, detectors=[Chokes()])
    )
    assert (report.totals.created, report.totals.failed) == (63, 1)
    (failure,) = world.failures()
    assert (failure["stage"], failure["error_type"]) == ("pii_removal", "PIIRemovalFailure")
    assert "arsenic" not in str(failure)
    healed = world.sync(source)
    assert (healed.totals.created, healed.totals.updated, healed.is_clean) == (1, 63, True)  # other rules
    assert (healed.totals.embedded, healed.totals.reused) == (1, 63)


def test_what_nobody_foresaw_takes_one_case_and_is_tried_twice_more(world: World, source: Path) -> None:
    """An UnexpectedError is retried by two more runs; then its disposition is manual_review."""
    for attempt in (1, 2, 3):
        report, _ = sync_with(world, source, redactor=lambda app: Explodes(app.processor.redactor))
        assert report.totals.failed == 1, attempt
        (failure,) = world.failures()
        assert (failure["error_type"], failure["retry_count"]) == ("UnexpectedError", attempt)
    assert failure["disposition"] == "manual_review"
    report, _ = sync_with(world, source, redactor=lambda app: Explodes(app.processor.redactor))
    assert report.totals.cases == 0
    assert len(world.index()) == 63


def test_an_index_that_comes_back_within_the_call_costs_nothing(
    world: World, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is written again, and nothing is deleted first: this index writes a batch whole or not."""
    monkeypatch.setattr(load, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(load, "LONGEST_WAIT_S", 0.02)
    report, _ = sync_with(world, source, index=lambda app: Down(app.index, times=2))
    assert (report.totals.created, report.totals.failed) == (64, 0)


def test_an_index_that_stays_away_is_an_outage_and_the_next_run_embeds_nothing(
    world: World, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage counts as no attempt, and the cached vectors are loaded later."""
    monkeypatch.setattr(load, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(load, "LONGEST_WAIT_S", 0.02)
    report, _ = sync_with(world, source, index=lambda app: Down(app.index, times=99))
    assert (report.totals.created, report.totals.failed, report.is_clean) == (0, 64, False)
    assert {(f["error_type"], f["retry_count"], f["disposition"]) for f in world.failures()} == {
        ("WeaviateUnavailable", 0, "retry")
    }
    healed = world.sync(source)
    assert (healed.totals.created, healed.totals.embedded, healed.totals.reused) == (64, 0, 64)
    assert healed.is_clean
    assert {r["recovery_count"] for r in world.lineage().values()} == {1}
