"""Progress that anybody can watch, and stop: kept in a row, a write a batch, a second apart while reading."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from everycase.app import App
from everycase.domain.access import Caller
from everycase.domain.errors import WrongUse
from everycase.domain.orders import RunProgress
from everycase.domain.runs import BatchResult
from everycase.pipeline.ending import Ending
from everycase.pipeline.work import Progress
from everycase.store import access
from everycase.store import progress as store
from everycase.store.db import Pool

WRITE_EVERY_S = 1.0


class RecordedProgress:
    """Passes everything on to `shown`, and writes down how far the run is.

    Asks `ending` to end the run when somebody has cancelled it.
    """

    def __init__(self, pool: Pool, run_id: UUID, shown: Progress, ending: Ending) -> None:
        self._pool, self._run_id, self._shown, self._ending = pool, run_id, shown, ending
        self._phase, self._done, self._failed = "starting", 0, 0
        self._total: int | None = None
        self._written = 0.0

    def rows(self, source_object: str, count: int, expected: int | None) -> None:
        self._shown.rows(source_object, count, expected)
        self._phase, self._done, self._total = f"reading {source_object}", count, expected
        self._write()

    def step(self, doing: str, count: int) -> None:
        self._shown.step(doing, count)
        self._phase, self._done, self._total = doing, count, None
        self._write()

    def start(self, cases: int) -> None:
        self._shown.start(cases)
        self._phase, self._done, self._failed, self._total = "cases", 0, 0, cases
        self._written = 0.0
        self._write()

    def batch(self, result: BatchResult) -> None:
        self._shown.batch(result)
        self._done += result.cases
        self._failed += result.failed
        self._written = 0.0
        self._write()

    def _write(self) -> None:
        if isinstance(self._shown, EndedBy) and self._shown.is_asked:
            self._ending.ask()
        now = time.monotonic()
        if now - self._written < WRITE_EVERY_S:
            return
        self._written = now
        with self._pool.connection() as conn:
            is_cancelled = store.report(
                conn,
                self._run_id,
                phase=self._phase,
                done=self._done,
                total=self._total,
                failed=self._failed,
            )
        if is_cancelled:
            self._ending.ask()


class EndedBy:
    """Progress of a run that is to end at its next batch once `stop` is set."""

    def __init__(self, shown: Progress, stop: threading.Event) -> None:
        self._shown, self._stop = shown, stop

    @property
    def is_asked(self) -> bool:
        return self._stop.is_set()

    def rows(self, source_object: str, count: int, expected: int | None) -> None:
        self._shown.rows(source_object, count, expected)

    def step(self, doing: str, count: int) -> None:
        self._shown.step(doing, count)

    def start(self, cases: int) -> None:
        self._shown.start(cases)

    def batch(self, result: BatchResult) -> None:
        self._shown.batch(result)


@contextmanager
def recorded(
    app: App, run_id: UUID, kind: str, shown: Progress, ending: Ending
) -> Iterator[RecordedProgress]:
    """Progress of one run that is kept in its row for as long as the block lasts."""
    with app.pool.connection() as conn:
        store.begin(conn, run_id, kind=kind, phase="starting")
    try:
        yield RecordedProgress(app.pool, run_id, shown, ending)
    finally:
        with app.pool.connection() as conn:
            store.end(conn, run_id)


def live_runs(app: App) -> list[RunProgress]:
    """The runs that are at work now, wherever they run."""
    with app.pool.connection() as conn:
        return store.live(conn)


def progress_of(app: App, run_id: UUID) -> RunProgress | None:
    """How far a run is, or was when it ended; None where that is not known."""
    with app.pool.connection() as conn:
        return store.one(conn, run_id)


def cancel_run(app: App, run_id: UUID, caller: Caller) -> RunProgress:
    """Ask a run to end at its next batch. Raises `WrongUse` where it is not at work."""
    with app.pool.connection() as conn:
        if not store.cancel(conn, run_id, by=caller.name):
            raise WrongUse(f"run {run_id} is not at work")
        access.audit(conn, caller, "cancelled run", {"run_id": str(run_id)})
        found = store.one(conn, run_id)
    assert found is not None
    return found


class Silence:
    """Progress that nobody watches."""

    def rows(self, source_object: str, count: int, expected: int | None) -> None:  # noqa: ARG002 - nobody watches
        return None

    def step(self, doing: str, count: int) -> None:  # noqa: ARG002
        return None

    def start(self, cases: int) -> None:  # noqa: ARG002
        return None

    def batch(self, result: BatchResult) -> None:  # noqa: ARG002
        return None
