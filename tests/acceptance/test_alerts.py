"""Alerts, each by its real condition, into a real HTTP receiver: once, then silence, then its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from everycase.app import App
from everycase.cli.console import ProgressLines
from everycase.domain.errors import EverycaseError, PipelineStopped
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.domain.gaps import RunType
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

    @contextmanager
    def app(self, parts: Mapping[str, Any]) -> Iterator[App]:
        """An app with parts of the outside put in the place of the real ones."""
        with self.world.app(self.source, engine="inline", **self.settings) as app:
            made = {name: make(getattr(app.processor, name)) for name, make in parts.items()}
            app.__dict__["processor"] = replace(app.processor, **made)
            yield app

    def sync(self, **parts: Any) -> list[str]:
        """The messages of a sync."""
        with self.app(parts) as app:
            work.sync(app, ProgressLines(quiet=True))
        return self.messages()

    def reconcile(self, run_type: RunType = RunType.DAILY, **parts: Any) -> list[str]:
        """The messages of a reconciliation, with every failure due."""
        self.world.do("update recon.failed_records set next_retry_time = now() where disposition = 'retry'")
        with self.app(parts) as app:
            self.report = work.reconcile(app, ProgressLines(quiet=True), run_type).as_dict()
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
        return self._write(self.inner.upsert, objects)

    def replace(self, objects: list[Any]) -> list[UpsertOutcome]:
        return self._write(self.inner.replace, objects)

    def _write(self, write: Any, objects: list[Any]) -> list[UpsertOutcome]:
        stored = iter(write([o for o in objects if MARK not in o.composite]))
        return [self._refuse(o) if MARK in o.composite else next(stored) for o in objects]

    def _refuse(self, o: Any) -> UpsertOutcome:
        return UpsertOutcome(
            object_id=o.stamps.object_id,
            status=UpsertStatus.FAILED,
            error_type=ErrorType.WEAVIATE_TIMEOUT,
            message="the index did not answer in time",
        )


class Loses(Drops):
    """An index that confirms objects with marked texts and does not keep them."""

    def _refuse(self, o: Any) -> UpsertOutcome:
        return UpsertOutcome(object_id=o.stamps.object_id, status=UpsertStatus.STORED)


class Unreachable(Drops):
    """An index that cannot be asked."""

    def prepare(self, spaces: Any) -> None:
        raise LoadFailure(ErrorType.WEAVIATE_UNAVAILABLE, "connection refused")

    def count(self) -> int:
        raise LoadFailure(ErrorType.WEAVIATE_UNAVAILABLE, "connection refused")


class Down:
    """A provider that does not answer at all."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def embed_documents(self, texts: list[str], **given: Any) -> Any:
        batch = self.inner.embed_documents([], **given)
        error = EmbeddingError(error_type=ErrorType.EMBEDDING_UNAVAILABLE, message="connection refused")
        batch.outcomes = [error] * len(texts)
        return batch


def named(kind: str, *rules: str) -> list[str]:
    return sorted(f"{rule} {kind}" for rule in rules)


def test_low_coverage_and_few_fields(desk: Desk) -> None:
    """Six rules: cases without any child, until the children come."""
    desk.export(children=False)
    assert desk.sync() == named("started", *BARE, "few_fields")
    assert desk.sync() == []
    assert desk.reconcile() == ["few_fields ended"]  # it has looked at the source again: there is no more
    desk.export()
    assert desk.sync() == sorted([*named("ended", *BARE), "few_fields started"])
    assert desk.reconcile() == ["few_fields ended"]
    assert desk.reconcile() == ["heartbeat"]


def test_missing_cases(desk: Desk) -> None:
    """More than 100 that the index still lacks when the run has done what it can."""
    desk.export(marked=110)
    desk.sync()
    desk.reconcile()
    desk.reconcile()
    desk.messages()
    Damage(desk.world).lose(120)
    assert desk.reconcile() == []  # what is recovered in the same run alerts nobody
    Damage(desk.world).lose(120)
    assert desk.reconcile(index=Loses) == ["missing_cases started"]
    assert desk.reconcile() == ["missing_cases ended"]


def test_a_run_that_compared_nothing_ends_no_alert_of_missing_cases(desk: Desk) -> None:
    """An hourly run whose counts agree compares no object, so it does not end the alert."""
    desk.export(marked=110)
    desk.sync()
    desk.reconcile()
    desk.reconcile()
    Damage(desk.world).lose(120)
    desk.reconcile(index=Loses)
    desk.messages()
    lost = desk.world.rows("select count(*) as n from vector_index.support_case")[0]["n"]
    assert lost == CASES - 110
    desk.world.do(
        "update recon.data_lineage set status = 'deleted', weaviate_timestamp = null where not exists"
        " (select from vector_index.support_case v where v.case_id = record_id)"
    )
    assert "missing_cases ended" not in desk.reconcile(RunType.HOURLY)


def test_an_outage_of_the_only_provider_is_told(desk: Desk) -> None:
    """When every case waits for the provider, an alert is sent; it ends when the provider answers."""
    desk.export()
    assert "outage started" in desk.sync(embedder=Down)
    assert desk.sync(embedder=Down) == []
    assert "outage ended" in desk.sync()


def test_a_sync_that_ends_with_an_error_is_told(desk: Desk) -> None:
    """Once while it lasts, in the words of the error; and its books are closed."""
    desk.export()
    with pytest.raises(EverycaseError):
        desk.sync(index=Unreachable)
    assert "sync_error started" in desk.messages()
    with pytest.raises(EverycaseError):
        desk.sync(index=Unreachable)
    assert desk.messages() == []
    kept = desk.world.rows("select status, report from recon.sync_runs order by start_time desc limit 1")[0]
    assert (kept["status"], kept["report"]["status"]) == ("failed", "failed")
    assert "the index cannot be used" in kept["report"]["error"]
    assert "sync_error" in [a["rule"] for a in kept["report"]["alerts"]]
    assert "sync_error ended" in desk.sync()
    kept = desk.world.rows("select report from recon.sync_runs order by start_time desc limit 1")[0]
    assert ("sync_error", "ended") in [(a["rule"], a["state"]) for a in kept["report"]["alerts"]]


def test_a_source_that_is_not_there_is_told(desk: Desk) -> None:
    """An alert is sent although the run could not begin."""
    with pytest.raises(EverycaseError):
        desk.sync()
    assert desk.messages() == ["sync_error started"]


def test_a_stopped_pipeline_is_told_once_a_day(desk: Desk) -> None:
    """Runs that find the pipeline stopped repeat the alert after a day, until `resume`."""
    desk.export(blank=20)
    assert "pipeline_stopped started" in desk.sync()
    with pytest.raises(PipelineStopped):
        desk.sync()
    assert desk.messages() == []
    desk.world.do("update recon.alert_state set sent_at = sent_at - interval '25 hours'")
    with pytest.raises(PipelineStopped):
        desk.sync()
    assert desk.messages() == ["pipeline_stopped reminder"]
    with desk.world.app(desk.source) as app:
        work.resume(app)
    desk.export()
    assert "pipeline_stopped ended" in desk.sync()


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
    assert {"failure_rate started", "manual_review started", "pipeline_stopped started"} <= set(first)
    with pytest.raises(PipelineStopped):
        desk.sync()
    assert desk.messages() == []
    desk.export()
    with desk.world.app(desk.source) as app, app.pool.connection() as conn:
        assert "MissingRequiredField" in (state.resume(conn) or "")
    after = desk.sync()
    assert {"failure_rate ended", "manual_review ended"} <= set(after)


def test_a_receiver_that_is_away_gets_the_alert_from_the_next_run(desk: Desk) -> None:
    """The report lists the alert as not delivered; the next run sends it."""
    desk.export(children=False)
    desk.receiver.status = 500
    desk.sync()
    kept = desk.world.rows("select report from recon.sync_runs")[0]["report"]
    assert any("could not be delivered: task_coverage" in p for p in kept["problems"])
    desk.receiver.status = 200
    assert "task_coverage started" in desk.reconcile()
