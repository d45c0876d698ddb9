"""What travels to a worker process of this machine, and what it does there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol
from uuid import UUID

from everycase import telemetry
from everycase.domain.runs import BatchResult
from everycase.pipeline.build import Builder
from everycase.pipeline.process import Processor
from everycase.settings import Settings


class WorkerApp(Protocol):
    """What a worker needs of an `App`."""

    @property
    def processor(self) -> Processor: ...

    def builder(self, collection: str) -> Builder: ...


Make = Callable[[Settings], WorkerApp]
"""`App` itself: a worker process imports it by its name."""


@dataclass(frozen=True)
class Worker:
    """What a worker process is told: the settings, from which it builds its own objects once."""

    settings: Settings
    debug: bool

    def __hash__(self) -> int:
        return hash(self.settings.model_dump_json())


def process_batch(make: Make, worker: Worker, run_id: UUID, ids: Sequence[str]) -> BatchResult:
    """The worker function of `processes:N`: importable, so that another process can find it."""
    return _own(make, worker).processor.process(run_id, ids)


def build_batch(make: Make, worker: Worker, collection: str, run_id: UUID, ids: Sequence[str]) -> BatchResult:
    """The same for a build beside the served index."""
    return _own(make, worker).builder(collection).build(run_id, ids)


@cache
def _own(make: Make, worker: Worker) -> WorkerApp:
    telemetry.configure(debug=worker.debug)
    return make(worker.settings.model_copy(update={"engine": "inline"}))
