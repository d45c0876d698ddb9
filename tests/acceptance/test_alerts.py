"""Eleven alerts, each by its real condition, into a real HTTP receiver: once, then silence, then its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from everycase.cli.console import ProgressLines
from everycase.domain.errors import PipelineStopped
from everycase.domain.failures import ErrorType
from everycase.operations import work
from everycase.ports import EmbeddingError, UpsertOutcome, UpsertStatus
from everycase.store import state
from tests.support.damage import Damage
from tests.support.exports import case, child, record_id, write_export
from tests.support.receiver import Receiver, receiving
from tests.support.world import World

CASES = 120
MARK = "turquoise"
BARE = ("comment_coverage", "email_coverage", "feed_coverage", "task_coverage", "workorder_coverage")


class Desk:
    """An everycase whose alerts go to a receiver."""

    def __init__(self, world: World, receiver: Receiver, source: Path) -> None:
        self.world, self.receiver, self.source = world, receiver, source
        self.settings: dict[str, Any] = {"alerts": (SecretStr(receiver.url),)}

    def export(self, *, marked: int = 0, blank: int = 0, children: bool = True, **values: str) -> None:
        """120 cases: some with a marked text, some without any, with a child of every kind or with none."""
        cases = [
            case(
                n,
                **values,
                **({"Description": f"A {MARK} light"} if n < marked else {}),
                **({"Subject": "", "Description": ""} if n < blank else {}),
            )
            for n in range(CASES)
        ]
        names = ("Task", "WorkOrder", "CaseComment", "EmailMessage", "WorkOrderFeed")
        rows = {name: [child(name, n, _parent(name, n)) for n in range(CASES)] for name in names if children}
        write_export(self.source, Case=cases, **rows)

    def sync(self, **parts: Any) -> list[str]:
        """Sync, with parts of the outside put in the place of the real ones; the messages it sent."""
        with self.world.app(self.source, engine="inline", **self.settings) as app:
            made = {name: make(getattr(app.processor, name)) for name, make in parts.items()}
            app.__dict__["processor"] = replace(app.processor, **made)
            work.sync(app, ProgressLines(quiet=True))
        return self.messages()

    def reconcile(self) -> list[str]:
        self.world.do("update recon.failed_records set next_retry_time = now() where disposition = 'retry'")
        self.world.reconcile(self.source, **self.settings)
        return self.messages()

    def messages(self) -> list[str]:
        """`rule kind` of every message since the last look."""
        return sorted(t.removeprefix("everycase: ").split(" (")[0] for t in self.receiver.titles())


def _parent(name: str, n: int) -> str:
    return record_id("WorkOrder" if name == "WorkOrderFeed" else "Case", n)


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Iterator[Desk]:
    with receiving() as receiver:
        yield Desk(world, receiver, tmp_path / "x")


class TimesOut:
    """A provider that does not answer for marked texts."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def embed_documents(self, texts: list[str], **given: Any) -> Any:
        batch = self.inner.embed_documents(texts, **given)
        error = EmbeddingError(error_type=ErrorType.EMBEDDING_API_TIMEOUT, message="no answer in 60 s")
        for used in batch.usage.values():
            used.late = sum(MARK in text for text in texts)
        outcomes = zip(texts, batch.outcomes, strict=True)
        batch.outcomes = [error if MARK in text else outcome for text, outcome in outcomes]
        return batch


class Drops:
    """An index that refuses objects with marked texts for the time being."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def upsert(self, objects: list[Any]) -> list[UpsertOutcome]:
        stored = iter(self.inner.upsert([o for o in objects if MARK not in o.composite]))
        return [self._refuse(o) if MARK in o.composite else next(stored) for o in objects]

    def _refuse(self, o: Any) -> UpsertOutcome:
        return UpsertOutcome(
            object_id=o.stamps.object_id,
            status=UpsertStatus.FAILED,
            error_type=ErrorType.WEAVIATE_TIMEOUT,
            message="the index did not answer in time",
        )


def named(kind: str, *rules: str) -> list[str]:
    return sorted(f"{rule} {kind}" for rule in rules)


def test_low_coverage_and_few_fields(desk: Desk) -> None:
    """Six rules: cases without any child, until the children come."""
    desk.export(children=False)
    assert desk.sync() == named("started", *BARE, "few_fields")
    assert desk.sync() == []
    assert desk.reconcile() == []  # it notes which cases have few fields for good
    assert desk.reconcile() == ["few_fields ended"]
    desk.export()
    assert desk.sync() == sorted([*named("ended", *BARE), "few_fields started"])
    desk.reconcile()
    assert desk.reconcile() == ["few_fields ended"]
    assert desk.reconcile() == ["heartbeat"]


def test_missing_cases(desk: Desk) -> None:
    """More than 100 gone from the index behind our back, though they are back at once."""
    desk.export()
    desk.sync()
    desk.reconcile()
    desk.reconcile()
    desk.messages()
    Damage(desk.world).lose(101)
    assert desk.reconcile() == ["missing_cases started"]
    assert desk.reconcile() == ["missing_cases ended"]
    Damage(desk.world).lose(100)
    assert desk.reconcile() == []  # what recovered alerts nobody


@pytest.mark.parametrize(
    ("part", "rule"), [({"embedder": TimesOut}, "embedding_timeouts"), ({"index": Drops}, "load_failures")]
)
def test_timeouts_and_load_failures(desk: Desk, part: dict[str, Any], rule: str) -> None:
    """8 of 120 cases; over when the next tries go through."""
    desk.export(marked=8)
    assert desk.sync(**part) == named("started", "few_fields", rule)
    assert desk.sync(**part) == []
    healed = desk.reconcile()
    assert f"{rule} ended" in healed
    assert not any("started" in m for m in healed)
    assert desk.world.failures() == []


def test_too_many_failures_and_a_person_who_is_waited_for(desk: Desk) -> None:
    """The pipeline stops; people are told why, and when it is over."""
    desk.export(blank=20)
    first = desk.sync()
    assert {"failure_rate started", "manual_review started"} <= set(first)
    with pytest.raises(PipelineStopped):
        desk.sync()
    assert desk.messages() == []
    desk.export()
    with desk.world.app(desk.source) as app, app.pool.connection() as conn:
        assert "MissingRequiredField" in (state.resume(conn) or "")
    after = desk.sync()
    assert {"failure_rate ended", "manual_review ended"} <= set(after)


def test_a_receiver_that_is_away_gets_the_alert_from_the_next_run(desk: Desk) -> None:
    """And the report says that it was not delivered."""
    desk.export()
    desk.sync()
    Damage(desk.world).lose(101)
    desk.receiver.status = 500
    found = desk.world.reconcile(desk.source, **desk.settings)
    assert any("could not be delivered: missing_cases" in p for p in found["problems"])
    desk.receiver.status = 200
    Damage(desk.world).lose(101)
    assert "missing_cases started" in desk.reconcile()
