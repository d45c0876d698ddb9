"""The functions that a Dask worker runs. A task carries ids and names, never a setting or a secret.

A worker reads its settings from its own environment. It refuses a batch when these name another database or
index, or would redact or embed differently, than the settings of the process that started the run. It also
refuses a batch of a run that has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Protocol
from uuid import UUID

from everycase import settings, telemetry
from everycase.app.worker import WorkerApp
from everycase.domain.errors import EverycaseError, WrongUse
from everycase.domain.runs import BatchResult
from everycase.pipeline.cluster import version
from everycase.pipeline.process import process
from everycase.settings import Settings
from everycase.store import db, locks
from everycase.store.db import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a worker and the process that started the run must have in common."""

    everycase: str
    recipe: str
    index: str

    @staticmethod
    def of(given: Settings, recipe: str) -> Agreement:
        index = f"weaviate {given.weaviate.collection}" if given.index == "weaviate" else given.index
        return Agreement(everycase=version(), recipe=recipe, index=index)

    def check(self, other: Agreement) -> None:
        """Raises `WrongUse`, which names the first value that differs."""
        for name in (f.name for f in fields(self)):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                raise WrongUse(
                    f"a Dask worker works with {name} {theirs!r}, this run with {ours!r}: give the workers "
                    "the same version and settings, and start them again"
                )


class RunEnded(EverycaseError):
    """The run of this batch has ended, or it runs on another database than the worker's."""


class ClusterApp(WorkerApp, Protocol):
    """The part of `App` that a worker of a Dask cluster uses."""

    @property
    def agreement(self) -> Agreement: ...

    @property
    def dsn(self) -> str: ...

    @property
    def pool(self) -> Pool: ...

    def close(self) -> None: ...


Make = Callable[[Settings], ClusterApp]
"""Opens an `App` without creating anything. It is pickled by name, so a worker must be able to import it."""


def process_batch(make: Make, agreed: Agreement, run_id: UUID, ids: Sequence[str]) -> BatchResult:
    """Take a batch of a sync, reconcile or retry through the stages. Raises `WrongUse` and `RunEnded`."""
    with _at_work(make, agreed, locks.PIPELINE, run_id, ids) as app:
        return process(app.processor, run_id, ids)


def build_batch(
    make: Make, agreed: Agreement, collection: str, run_id: UUID, ids: Sequence[str]
) -> BatchResult:
    """Take a batch into an index that is being built. Raises `WrongUse` and `RunEnded`."""
    with _at_work(make, agreed, locks.BUILD, run_id, ids) as app:
        return app.builder(collection).build(run_id, ids)


def look(make: Make) -> Agreement | str:
    """Return what this worker would work with, or a sentence that says why it cannot work."""
    try:
        app = _make(make, threads=1)
    except EverycaseError as e:
        return str(e)
    try:
        return app.agreement
    finally:
        app.close()


@contextmanager
def _at_work(
    make: Make, agreed: Agreement, lock: str, run_id: UUID, ids: Sequence[str]
) -> Iterator[ClusterApp]:
    """Lend the run's app to one batch. Until it ends, no other worker does this batch and no new run starts.

    Raises `WrongUse` where this worker does not agree with the run, `RunEnded` where the run is over. After
    a lost scheduler a batch may be on two workers: the second one waits here and then finds it done.
    """
    with _own(make, run_id) as app:
        agreed.check(app.agreement)
        with _only_while_alive(app, lock, run_id, ids):
            yield app


@contextmanager
def _only_while_alive(app: ClusterApp, lock: str, run_id: UUID, ids: Sequence[str]) -> Iterator[None]:
    with (
        app.pool.connection() as conn,
        locks.at_work(conn, lock),
        locks.alone(conn, f"everycase.batch {run_id} {ids[0]}"),
    ):
        if not locks.is_alive(conn, run_id):
            raise RunEnded(
                f"run {run_id} is not at work on the database that a Dask worker was given, "
                f"{db.address(app.dsn)}: give the workers the settings of whoever runs"
            )
        yield


# ── one app a run: settings and models are read again by the next run ────────────────────────


class _Kept:
    def __init__(self, app: ClusterApp) -> None:
        self.app, self.users = app, 0


_lock = threading.Lock()
_apps: dict[UUID, _Kept] = {}


@contextmanager
def _own(make: Make, run_id: UUID) -> Iterator[ClusterApp]:
    """Lend the `App` that this process keeps for a run. A new run closes the apps of earlier runs."""
    with _lock:
        if run_id not in _apps:
            _close_ended()
            _apps[run_id] = _Kept(_make(make, threads=_threads()))
        kept = _apps[run_id]
        kept.users += 1
    try:
        yield kept.app
    finally:
        with _lock:
            kept.users -= 1


def _close_ended() -> None:
    for run_id in [r for r, kept in _apps.items() if not kept.users]:
        _apps.pop(run_id).app.close()


def _make(make: Make, *, threads: int) -> ClusterApp:
    telemetry.configure(debug=False)
    app = make(settings.load().model_copy(update={"engine": f"threads:{threads}"}))
    try:
        _ = app.processor, app.agreement  # made before threads share it
    except BaseException:
        app.close()
        raise
    return app


def _threads() -> int:
    """The number of batches that this worker runs at once."""
    from distributed import get_worker  # an extra

    return int(get_worker().state.nthreads)
