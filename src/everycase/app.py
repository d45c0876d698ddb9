"""The composition root: settings in, working objects out. The only place where anything is wired."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from pathlib import Path
from types import TracebackType
from uuid import UUID, uuid4

from everycase import telemetry
from everycase.domain import fingerprint
from everycase.domain.catalogue import Catalogue
from everycase.domain.runs import BatchResult
from everycase.embedders.chain import EmbedderChain
from everycase.embedders.local import LocalEmbedder
from everycase.indexes.embedded import EmbeddedIndex
from everycase.pipeline.engine import EngineSpec
from everycase.pipeline.extract import OnRows
from everycase.pipeline.plan import Plan, make_plan
from everycase.pipeline.process import Processor
from everycase.pipeline.sync import Progress, Sync, SyncReport, Work
from everycase.ports import Embedder, Source, VectorIndex
from everycase.redaction.redactor import TableRedactor
from everycase.settings import Settings
from everycase.sources.export import ExportSource
from everycase.sources.sample import SampleSource
from everycase.store import db, embedded, migrate
from everycase.store.db import Pool

LOCAL_PRICE = 0.0
"""Money a million tokens: the local model costs nothing."""


def now() -> datetime:
    return datetime.now(UTC)


class App:
    """Everything that a command works with, made when it is first asked for. Close it at the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open = ExitStack()

    def __enter__(self) -> App:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @cached_property
    def catalogue(self) -> Catalogue:
        s = self.settings
        return Catalogue.remapped(s.fields, identity=s.identity, task_types=s.task_types)

    @cached_property
    def engine(self) -> EngineSpec:
        return EngineSpec.parse(self.settings.engine)

    @cached_property
    def dsn(self) -> str:
        """The database's address, with the embedded server up."""
        url = self.settings.database_url.get_secret_value()
        return embedded.start(self.settings.home) if url == "embedded" else url

    @cached_property
    def pool(self) -> Pool:
        """Connections to a database whose schema is up to date."""
        migrate.upgrade(self.dsn)
        pool = db.open_pool(self.dsn, size=2 * self.engine.workers + 4)
        self._open.callback(pool.close)
        return pool

    @cached_property
    def source(self) -> Source:
        s = self.settings
        if s.source == "sample":
            return SampleSource(s.home, self.catalogue, cases=s.sample_cases, seed=s.sample_seed)
        return ExportSource(Path(s.source).expanduser(), self.catalogue)

    @cached_property
    def embedder(self) -> Embedder:
        return EmbedderChain([LocalEmbedder()])

    @cached_property
    def index(self) -> VectorIndex:
        return EmbeddedIndex(self.pool)

    @cached_property
    def processor(self) -> Processor:
        redactor = TableRedactor(
            catalogue=self.catalogue, keep_hardware_addresses=self.settings.keep_hardware_addresses
        )
        return Processor(
            pool=self.pool,
            catalogue=self.catalogue,
            redactor=redactor,
            embedder=self.embedder,
            index=self.index,
            recipe=fingerprint.recipe(redaction=redactor.version, space=self.embedder.space),
            clock=now,
        )

    def sync(self, progress: Progress, *, allow_deletes: int = 0) -> SyncReport:
        run_id = uuid4()
        return Sync(
            dsn=self.dsn,
            source=self.source,
            processor=self.processor,
            engine=self.engine,
            work=self._work(run_id),
            batch_size=self.settings.batch_size,
            progress=progress,
        ).run(run_id, allow_deletes=allow_deletes)

    def plan(self, on_rows: OnRows, *, allow_deletes: int = 0) -> Plan:
        return make_plan(
            self.dsn,
            self.source,
            self.processor,
            allow_deletes=allow_deletes,
            price_per_million_tokens=LOCAL_PRICE,
            on_rows=on_rows,
        )

    def _work(self, run_id: UUID) -> Work:
        """The worker function, in the form that the engine can hand on."""
        if self.engine.kind != "processes":
            return partial(self.processor.process, run_id)
        return partial(process_batch, Worker(self.settings, telemetry.is_debugging()), run_id)


@dataclass(frozen=True)
class Worker:
    """What a worker process is told: the settings, from which it builds its own objects once."""

    settings: Settings
    debug: bool

    def __hash__(self) -> int:
        return hash(self.settings.model_dump_json())


def process_batch(worker: Worker, run_id: UUID, ids: Sequence[str]) -> BatchResult:
    """The worker function of `processes:N`: importable, so that another process can find it."""
    return _worker_app(worker).processor.process(run_id, ids)


@cache
def _worker_app(worker: Worker) -> App:
    telemetry.configure(debug=worker.debug)
    return App(worker.settings.model_copy(update={"engine": "inline"}))
