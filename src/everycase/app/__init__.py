"""The composition root: settings in, working objects out. The only place where anything is wired.

Adapters are imported where they are made, for they are half of what is to import: a command that needs no
redaction, provider or source should not wait for them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING
from uuid import UUID

from everycase import telemetry
from everycase.app import cluster, worker
from everycase.app.catalogue import read_catalogue
from everycase.app.cluster import Agreement
from everycase.app.remembered import hint, remember
from everycase.app.weaviate import connect_weaviate
from everycase.app.worker import Worker
from everycase.domain import fingerprint
from everycase.domain.catalogue import Catalogue
from everycase.domain.errors import WrongUse
from everycase.domain.providers import Limits
from everycase.domain.runs import RunKind
from everycase.domain.thresholds import Thresholds
from everycase.domain.usage import Prices
from everycase.notify import AppriseNotifier
from everycase.pipeline.build import Builder
from everycase.pipeline.cluster import ClusterOptions
from everycase.pipeline.ending import Ending
from everycase.pipeline.engine import EngineSpec
from everycase.pipeline.process import process
from everycase.pipeline.processor import Processor
from everycase.pipeline.rebuild import Rebuild
from everycase.pipeline.retry import Retry
from everycase.pipeline.run import Shell
from everycase.pipeline.sync import Sync
from everycase.pipeline.work import BatchWorker, Crew, Progress
from everycase.ports import Collections, Embedder, Notifier, Source, VectorIndex
from everycase.reconcile.alerting import AlertTeller
from everycase.reconcile.loop import Reconciliation
from everycase.reconcile.retention import Retention
from everycase.settings import Settings
from everycase.store import budget, db, locks
from everycase.store.budget import PostgresGate
from everycase.store.db import Connection, Pool
from everycase.store.fence import ObjectFence
from everycase.store.opening import Access, Place, open_place
from everycase.store.source_state import StoredReadState

if TYPE_CHECKING:
    from everycase.indexes.weaviate.wiring import WeaviateWiring
    from everycase.redaction.redactor import TableRedactor
    from everycase.sources.salesforce.source import SalesforceSource
    from everycase.sources.sample.source import OnStep

__all__ = ["Access", "App"]


def now() -> datetime:
    return datetime.now(UTC)


class App:
    """Everything that a command works with, made when it is first asked for. Close it at the end."""

    subject = "everycase"
    """What alerts are signed with."""

    def __init__(
        self, settings: Settings, access: Access = Access.WRITE, *, on_step: OnStep | None = None
    ) -> None:
        """`on_step`: told of what takes long and how far it is."""
        self.settings = settings
        self.access = access
        self.on_step = on_step or (lambda _doing, _count: None)
        self._open = ExitStack()

    def __enter__(self) -> App:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._open.close()

    @cached_property
    def catalogue(self) -> Catalogue:
        return read_catalogue(self.settings)

    @cached_property
    def engine(self) -> EngineSpec:
        options = ClusterOptions(**self.settings.dask.as_options())
        return EngineSpec.parse(self.settings.engine, options)

    @cached_property
    def place(self) -> Place:
        """The database and the data directory, as far as `access` may create them."""
        url = self.settings.database_url.get_secret_value()
        is_sample = self.settings.source == "sample"
        try:
            found = open_place(url, self.settings.home, self.access, self._open, is_sample=is_sample)
        except WrongUse as e:
            raise WrongUse("; ".join(filter(None, (str(e), hint(self.settings))))) from None
        if self.access is Access.WRITE:
            remember(self.settings)
        return found

    @property
    def dsn(self) -> str:
        """The database's address, with the embedded server up."""
        return self.place.dsn

    @cached_property
    def pool(self) -> Pool:
        """Connections to a database whose schema is up to date."""
        self.place.make_ready()
        pool = db.open_pool(self.dsn, size=4 * self.engine.workers + 4)
        self._open.callback(pool.close)
        return pool

    def now(self) -> datetime:
        """The time by the database's clock."""
        return self._clock()

    @cached_property
    def _clock(self) -> Callable[[], datetime]:
        with self.pool.connection() as conn:
            return budget.following(conn)

    @cached_property
    def source(self) -> Source:
        s = self.settings
        if s.source == "sample":
            from everycase.sources.sample.source import SampleSource

            return SampleSource(
                self.place.home,
                self.catalogue,
                cases=s.sample_cases,
                seed=s.sample_seed,
                on_step=self.on_step,
            )
        if s.source == "salesforce":
            return self.salesforce
        from everycase.app.exports import open_export

        return open_export(s, self.catalogue)

    @cached_property
    def salesforce(self) -> SalesforceSource:
        from everycase.app.salesforce import connect_salesforce

        settings, state = self.settings.salesforce, StoredReadState(self.pool)
        return connect_salesforce(settings, self.catalogue, state, clock=now, until=self._open)

    @cached_property
    def embedders(self) -> tuple[Embedder, ...]:
        """The providers in their order. Raises `WrongUse` for one that lacks its address."""
        from everycase.app.embedding import make_embedder

        return tuple(make_embedder(name, self.settings, self._gate, self._open) for name in self.providers)

    def _gate(self, provider: str, limits: Limits) -> PostgresGate:
        return PostgresGate(self.pool, provider, limits)

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """Their names, with `local-small` for `local` where the model's packages are not installed."""
        from everycase.app.embedding import choose_providers

        return choose_providers(self.settings.embedders)

    @cached_property
    def embedder(self) -> Embedder:
        """The chain of providers: each one is asked for what the one before it could not embed."""
        from everycase.app.embedding import chain

        return chain(self.embedders)

    @property
    def prices(self) -> Prices:
        """Money a million tokens. The local model costs nothing."""
        return {"chathpe": self.settings.chathpe.price, "nomic": self.settings.nomic.price}

    @cached_property
    def index(self) -> VectorIndex:
        from everycase.indexes.embedded.index import EmbeddedIndex
        from everycase.indexes.empty import EmptyIndex

        index = self._weaviate.index if self._weaviate else EmbeddedIndex(self.pool)
        is_read = self.access is not Access.WRITE
        return EmptyIndex(index) if is_read and not index.exists() else index

    @property
    def collections(self) -> Collections:
        """Builds of the index side by side. Raises `WrongUse` where the index has no such thing."""
        if not self._weaviate:
            raise WrongUse(
                "the embedded index is brought up to date in place, by `everycase sync`: building beside it "
                "and switching is for EVERYCASE_INDEX=weaviate"
            )
        return self._weaviate.collections

    @cached_property
    def _weaviate(self) -> WeaviateWiring | None:
        if self.settings.index != "weaviate":
            return None
        wired = connect_weaviate(self.settings.weaviate, ObjectFence(self.pool))
        self._open.callback(wired.connection.close)
        return wired

    @cached_property
    def redactor(self) -> TableRedactor:
        """The rules with the settings' lists. Raises `WrongUse` if a list or the model cannot be had."""
        from everycase.app.redaction import make_redactor

        return make_redactor(self.settings, self.catalogue)

    @cached_property
    def processor(self) -> Processor:
        redactor = self.redactor
        return Processor(
            pool=self.pool,
            catalogue=self.catalogue,
            redactor=redactor,
            embedder=self.embedder,
            index=self.index,
            prices=self.prices,
            half_precision=self.settings.cache_precision == "half",
            recipe=fingerprint.recipe(redaction=redactor.version, space=self.embedder.space),
            clock=self.now,
        )

    @cached_property
    def notifier(self) -> Notifier:
        return AppriseNotifier([u.get_secret_value() for u in self.settings.alerts])

    @cached_property
    def thresholds(self) -> Thresholds:
        return self.settings.thresholds.as_thresholds()

    @property
    def retention(self) -> Retention:
        s = self.settings
        return Retention(
            failures=s.keep_failures, runs=s.keep_runs, vectors=s.keep_vectors, events=s.thin_events_after
        )

    def crew(self, progress: Progress, ending: Ending, *, max_cost: float | None = None) -> Crew:
        return Crew(
            processor=self.processor,
            engine=self.engine,
            work=self._work,
            batch_size=self.settings.batch_size,
            stall_s=self.settings.stall_after.total_seconds(),
            thresholds=self.thresholds,
            progress=progress,
            ending=ending,
            max_cost=max_cost,
        )

    @cached_property
    def teller(self) -> AlertTeller:
        return AlertTeller(notifier=self.notifier, thresholds=self.thresholds, subject=self.subject)

    def _shell(self, kind: RunKind, ending: Ending) -> Shell:
        return Shell(kind=kind, connect=self.connect, clock=self.now, ending=ending, teller=self.teller)

    def connect(self) -> Connection:
        """A connection of its own, to a database whose schema is up to date."""
        self.place.make_ready()
        return db.connect(self.dsn)

    def new_sync(self, progress: Progress, ending: Ending, *, max_cost: float | None = None) -> Sync:
        return Sync(
            shell=self._shell(RunKind.SYNC, ending),
            source=lambda: self.source,
            crew=lambda: self.crew(progress, ending, max_cost=max_cost),
        )

    def new_reconciliation(
        self, progress: Progress, ending: Ending, *, max_cost: float | None = None
    ) -> Reconciliation:
        return Reconciliation(
            shell=self._shell(RunKind.RECONCILE, ending),
            source=lambda: self.source,
            crew=lambda: self.crew(progress, ending, max_cost=max_cost),
            thresholds=self.thresholds,
            retention=self.retention,
            sample=self.settings.sample_size,
        )

    def new_retry(self, progress: Progress, ending: Ending) -> Retry:
        return Retry(
            shell=self._shell(RunKind.RETRY, ending),
            source=lambda: self.source,
            crew=lambda: self.crew(progress, ending),
        )

    def new_rebuild(self, progress: Progress, ending: Ending, *, max_cost: float | None = None) -> Rebuild:
        """Builds a new index beside the served one."""
        return Rebuild(
            shell=replace(self._shell(RunKind.BUILD, ending), held=(locks.BUILD,)),
            collections=lambda: self.collections,
            crew=lambda: self.crew(progress, ending, max_cost=max_cost),
            work=self._build_work,
            sample=self.settings.sample_size,
        )

    def builder(self, collection: str) -> Builder:
        return Builder(processor=self.processor, index=self.collections.open(collection))

    @property
    def agreement(self) -> Agreement:
        """What a worker of a cluster must have in common with this process."""
        return Agreement.of(self.settings, self.processor.recipe)

    def _work(self, run_id: UUID) -> BatchWorker:
        """The worker function, in the form that the engine can hand on."""
        if self.engine.kind == "dask":
            return partial(cluster.process_batch, open_for_worker, self.agreement, run_id)
        if self.engine.kind == "processes":
            return partial(worker.process_batch, App, self._worker, run_id)
        return partial(process, self.processor, run_id)

    @property
    def _worker(self) -> Worker:
        settings = self.settings.model_copy(update={"embedders": self.providers})
        return Worker(settings, telemetry.is_debugging())

    def _build_work(self, collection: str, run_id: UUID) -> BatchWorker:
        if self.engine.kind == "dask":
            return partial(cluster.build_batch, open_for_worker, self.agreement, collection, run_id)
        if self.engine.kind == "processes":
            return partial(worker.build_batch, App, self._worker, collection, run_id)
        return partial(self.builder(collection).build, run_id)


def open_for_worker(settings: Settings) -> App:
    """Open an `App` for a worker of a cluster. It creates no home, database or index."""
    return App(settings, Access.READ)
