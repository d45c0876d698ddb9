"""A reconciliation that does not come to its end leaves a report of what it had found until then."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from everycase.app import App
from everycase.cli.console import ProgressLines
from everycase.domain.errors import DatabaseUnreachable, RunInterrupted, WrongUse
from everycase.domain.gaps import RunType
from everycase.operations import runs as history
from everycase.operations import work
from everycase.pipeline.ending import Ending
from everycase.sources.sample.source import write_sample
from everycase.store import census, runs
from tests.support.damage import Damage
from tests.support.world import World

CASES = 40
LOST = 6


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unfinished") / "sample"
    write_sample(folder, cases=CASES, seed=5)
    return folder


class BreaksOff:
    """A real index; `before_write` is called before it is written to."""

    def __init__(self, inner: Any, before_write: Callable[[], None]) -> None:
        self.inner, self._before_write = inner, before_write

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def upsert(self, objects: Any) -> Any:
        self._before_write()
        return self.inner.upsert(objects)

    def replace(self, objects: Any) -> Any:
        self._before_write()
        return self.inner.replace(objects)


@contextmanager
def breaking_off(world: World, source: Path, before_write: Callable[[], None]) -> Iterator[App]:
    with world.app(source, engine="inline", batch_size=2) as app:
        app.__dict__["processor"] = replace(app.processor, index=BreaksOff(app.index, before_write))
        yield app


def lose_postgres() -> None:
    raise DatabaseUnreachable("PostgreSQL was lost, says the test")


def reconcile(app: App) -> None:
    work.reconcile(app, ProgressLines(quiet=True), RunType.DAILY)


@pytest.fixture
def damaged(world: World, source: Path) -> World:
    """Loaded, reconciled once, and then without some of its objects."""
    world.sync(source)
    world.must_be_healthy(source)
    Damage(world).lose(LOST)
    return world


def last_books(world: World) -> dict[str, Any]:
    return world.rows("select * from recon.reconciliation_runs order by start_time desc limit 1")[0]


def test_a_failed_reconciliation_keeps_what_it_had_found(damaged: World, source: Path) -> None:
    """Its gaps, its counts and its error; no word on what is left, which it did not look at again."""
    with breaking_off(damaged, source, lose_postgres) as app:
        with pytest.raises(DatabaseUnreachable, match="says the test"):
            reconcile(app)
        shown = history.read_report(app, gap_limit=100)
    report, books = shown.report, last_books(damaged)
    assert (report["status"], books["status"]) == ("failed", "failed")
    assert "says the test" in report["error"]
    assert (report["gaps"], report["records_checked"]) == ({"missing": LOST}, CASES)
    assert (report["counts"]["index"], report["checked"]["probed"]) == (CASES - LOST, CASES - LOST)
    assert (report["completeness"], report["gaps_left"], report["still_failed"]) == (None, None, None)
    assert (books["discrepancies_found"], books["weaviate_count"]) == (LOST, CASES - LOST)
    assert (books["records_recovered"], books["recovery_success_rate"]) == (None, None)
    assert shown.gaps
    assert {(g["kind"], g["outcome"]) for g in shown.gaps} == {("missing", "open")}
    assert len(shown.gaps) == LOST


def test_an_interrupted_reconciliation_keeps_what_it_had_found(
    damaged: World, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told to end in the middle of its repairs: what it spent and loaded until then is counted."""
    asked: list[Ending] = []

    class Remembered(Ending):
        def __init__(self) -> None:
            super().__init__()
            asked.append(self)

    monkeypatch.setattr(work, "Ending", Remembered)
    with breaking_off(damaged, source, lambda: asked[-1].ask(signal.SIGTERM)) as app:
        with pytest.raises(RunInterrupted):
            reconcile(app)
        report = history.read_report(app).report
    assert (report["status"], report["error"]) == ("interrupted", "")
    assert report["gaps"] == {"missing": LOST}
    assert (report["stages"]["load"]["written"], report["deferred"]) == (2, LOST - 2)


def test_a_reconciliation_that_fails_before_it_has_counted_says_that_it_knows_nothing(
    damaged: World, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No count is a zero that nobody counted."""
    with breaking_off(damaged, source, lose_postgres) as app:
        monkeypatch.setattr(type(app.index), "count", lambda _: lose_postgres())
        with pytest.raises(DatabaseUnreachable):
            reconcile(app)
        monkeypatch.undo()
        shown = history.read_report(app)
    assert set(shown.report["counts"].values()) <= {None}
    assert (shown.report["records_checked"], shown.report["gaps"]) == (None, None)
    assert "Records Checked: not known" in shown.as_text()
    assert "Discrepancies Found: not known" in shown.as_text()


def test_what_a_failed_run_found_is_printed_as_unfinished(damaged: World, source: Path) -> None:
    """As text and as a page: why it ended, what it had found, and that the end is not known."""
    with breaking_off(damaged, source, lose_postgres) as app:
        with pytest.raises(DatabaseUnreachable):
            reconcile(app)
        shown = history.read_report(app)
    text, page = shown.as_text(), shown.as_html()
    for form in (text, page):
        assert "says the test" in form
        assert "did not come to its end" in form
        assert "✅" not in form
        assert "✔" not in form.replace("✔ None stands", "")
        assert "100% complete" not in form
    assert f"{LOST} missing from the index" in text


def test_no_unfinished_run_counts_as_a_comparison(damaged: World, source: Path) -> None:
    """What asks when everything was last compared, or last clean, still hears of the run before."""
    with damaged.app(source) as app, app.pool.connection() as conn:
        before = (runs.last_look(conn), census.last_clean(conn))
    with breaking_off(damaged, source, lose_postgres) as app:
        with pytest.raises(DatabaseUnreachable):
            reconcile(app)
        with app.pool.connection() as conn:
            assert (runs.last_look(conn), census.last_clean(conn)) == before
    assert None not in before
    damaged.reconcile(source)
    damaged.must_be_healthy(source)


def test_what_an_unfinished_run_spent_belongs_to_its_day(damaged: World, source: Path) -> None:
    """Its embedding calls count; the day's gaps, failures and runs are those of finished runs."""
    damaged.do("delete from recon.embedding_cache")
    day = damaged.rows("select * from recon.daily_rollup")[0]
    writes = iter((lambda: None, lose_postgres, lose_postgres))
    with breaking_off(damaged, source, lambda: next(writes)()) as app:
        with pytest.raises(DatabaseUnreachable):
            reconcile(app)
        spent = history.read_report(app).report["embedding_calls"]
    after = damaged.rows("select * from recon.daily_rollup")[0]
    assert spent > 0
    assert after["embedding_calls"] == day["embedding_calls"] + spent
    assert {k: after[k] for k in ("runs", "gaps", "completeness")} == {
        k: day[k] for k in ("runs", "gaps", "completeness")
    }


def test_a_run_without_a_report_is_said_to_have_none(damaged: World, source: Path) -> None:
    """A killed run wrote none: `report RUN` says so, and `report` shows the run before it."""
    last = last_books(damaged)
    damaged.do(
        "insert into recon.reconciliation_runs (run_id, run_type, start_time, status) "
        "values ('00000000-dead-4000-8000-000000000000', 'daily', clock_timestamp(), 'interrupted')"
    )
    with damaged.app(source) as app:
        assert history.read_report(app).report["run_id"] == str(last["run_id"])
        with pytest.raises(WrongUse, match="left no report"):
            history.read_report(app, "00000000-dead")
