"""The functions that a worker process of `processes:N` runs, and what is sent to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol
from uuid import UUID

from everycase import telemetry
from everycase.domain.runs import BatchResult
from everycase.pipeline.build import Builder
from everycase.pipeline.process import process
from everycase.pipeline.processor import Processor
from everycase.settings import Settings


class WorkerApp(Protocol):
    """The part of `App` that a worker process uses."""

    @property
    def processor(self) -> Processor: ...

    def builder(self, collection: str) -> Builder: ...


Make = Callable[[Settings], WorkerApp]
"""Opens an `App`. It is pickled by name, so a worker process must be able to import it."""


@dataclass(frozen=True)
class Worker:
    """What a worker process is told: the settings, from which it builds its own objects once."""

    settings: Settings
    debug: bool

    def __hash__(self) -> int:
        return hash(self.settings.model_dump_json())


def process_batch(make: Make, worker: Worker, run_id: UUID, ids: Sequence[str]) -> BatchResult:
    """Take a batch of a sync, reconciliation or retry through the stages, in a worker process."""
    return process(_own(make, worker).processor, run_id, ids)


def build_batch(make: Make, worker: Worker, collection: str, run_id: UUID, ids: Sequence[str]) -> BatchResult:
    """Take a batch into an index that is being built, in a worker process."""
    return _own(make, worker).builder(collection).build(run_id, ids)


@cache
def _own(make: Make, worker: Worker) -> WorkerApp:
    telemetry.configure(debug=worker.debug)
    return make(worker.settings.model_copy(update={"engine": "inline"}))
