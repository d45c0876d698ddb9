"""The chain of stages that a batch of cases goes through: join, redact, embed, load.

There is one chain. What is recorded of a stage differs: `process` keeps the books of the served index,
`build` only counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import structlog

from everycase.domain.cases import EmbeddedCase
from everycase.domain.runs import BatchResult, StageResult
from everycase.pipeline.join import JoinResult
from everycase.pipeline.redact import Redacted

log = structlog.get_logger()


class Steps(Protocol):
    """The stages of one batch. Each adds its counts to `stage` and returns the cases for the next stage."""

    def join(self, stage: StageResult) -> Sequence[JoinResult]: ...

    def redact(self, joins: Sequence[JoinResult], stage: StageResult) -> Sequence[Redacted]: ...

    def embed(self, clean: Sequence[Redacted], stage: StageResult) -> Sequence[EmbeddedCase]: ...

    def load(self, embedded: Sequence[EmbeddedCase], stage: StageResult) -> None: ...


def through(steps: Steps, result: BatchResult) -> BatchResult:
    """Take the batch of `steps` through the stages; what each stage did is added to `result`."""
    with _measured(result, "join") as stage:
        joins = steps.join(stage)
    with _measured(result, "redact") as stage:
        clean = steps.redact(joins, stage)
    with _measured(result, "embed") as stage:
        embedded = steps.embed(clean, stage)
    with _measured(result, "load") as stage:
        steps.load(embedded, stage)
    return result


@contextmanager
def _measured(result: BatchResult, name: str) -> Iterator[StageResult]:
    stage = StageResult()
    started = time.perf_counter()
    yield stage
    stage.seconds = time.perf_counter() - started
    stage.check()
    result.stages[name] = stage
    log.debug(
        "stage_finished",
        stage=name,
        read=stage.read,
        written=stage.written,
        skipped=stage.skipped,
        failed=stage.failed,
        seconds=round(stage.seconds, 4),
    )
