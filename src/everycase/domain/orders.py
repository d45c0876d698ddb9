"""Orders: work that a person or program asks the service for (contract §17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class OrderKind(StrEnum):
    """What can be ordered; the command of the same name does the same."""

    SYNC = "sync"
    RECONCILE = "reconcile"
    RETRY = "retry"
    SKIP = "skip"
    """Failures that are to be left alone: no further try until the case changes."""
    PRUNE = "prune"
    RESUME = "resume"


class OrderState(StrEnum):
    PROPOSED = "proposed"
    """Shown to a person, and not confirmed."""
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order and what became of it."""

    order_id: UUID
    kind: OrderKind
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ordered_by: str
    ordered_at: datetime
    state: OrderState
    attempts: int
    run_id: UUID | None
    started_at: datetime | None
    ended_at: datetime | None
    message: str | None
    """One sentence: what was done, or why not."""
    result: Mapping[str, Any] | None
    """The report of the run, as the command prints it with --json."""
    failures: int
    """How many failures the order is about; 0 for an order that is not about failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a run is."""

    run_id: UUID
    kind: str
    phase: str
    """What it does now: `reading Case`, `cases`, …"""
    done: int
    total: int | None
    """None while it is not known how much there is to do."""
    failed: int
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    is_cancelling: bool
    share: float | None
    """Between 0 and 1; None while the total is not known."""
