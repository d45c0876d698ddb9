"""The limits that decide what is normal, and what is known of one that is crossed (contract §12, §13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

VANISHING_CASES = 10
VANISHING_SHARE = 0.10
STOPPING_CASES = 1000
"""A run of up to so many cases is judged by all its cases, not by the order in which they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where an alert begins (contract §13). Shares are of 1: coverage is low below, a rate high above."""

    task_coverage: float = 0.70
    workorder_coverage: float = 0.70
    email_coverage: float = 0.70
    feed_coverage: float = 0.70
    comment_coverage: float = 0.50
    failure_rate: float = 0.10
    timeout_rate: float = 0.05
    load_failure_rate: float = 0.05
    missing_cases: int = 100
    least_cases: int = 50
    """So many tries make a rate evidence."""


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An alert that stands: how bad it was when it was last measured, and when it was last sent."""

    value: float
    started_at: datetime
    sent_at: datetime
    sent_value: float


def is_mass_vanishing(*, read: int, live: int, vanished: int, allowed: int) -> bool:
    """Whether so much is gone that a person must approve it first (contract §12).

    More than 10 *and* more than 10 % of what was there; or all of it, by an enumeration that is empty.
    `allowed`: what a person has approved for this run (`--allow-deletes N`).
    """
    if vanished <= allowed:
        return False
    return read == 0 or (vanished > VANISHING_CASES and vanished > VANISHING_SHARE * live)


def must_stop(*, done: int, failed: int, planned: int, thresholds: Thresholds) -> bool:
    """Whether so many cases fail that the pipeline must stop within its run (contract §13).

    Ten failures that happen to come first are no reason while the rest of a small run may yet succeed:
    up to 1,000 planned cases count as done. At the end of a run `done` is `planned`.
    """
    if not done or done < thresholds.least_cases:
        return False
    return failed / max(done, min(planned, STOPPING_CASES)) > thresholds.failure_rate
