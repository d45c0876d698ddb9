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
    deletions: int = 500
    """More deletions of one kind than so many wait for a person's word, however large the set is."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionGuard:
    """What a run may delete by itself (contract §12); more of one kind waits for a person's word."""

    allowed: int = 0
    """What a person has approved for this run (`--allow-deletes N`)."""
    most: int = Thresholds().deletions
    """More than so many are withheld however large the set is."""

    def withholds(self, *, gone: int, live: int, left: int | None = None) -> bool:
        """Whether all `gone` of `live` wait: more than 10 and more than 10 %, or more than `most`.

        `left`: how many a read of everything still named; a read that names nothing deletes nothing.
        """
        if gone <= self.allowed:
            return False
        is_flood = gone > VANISHING_CASES and gone > VANISHING_SHARE * live
        return is_flood or gone > self.most or left == 0


def must_stop(*, done: int, failed: int, planned: int, thresholds: Thresholds) -> bool:
    """Whether so many cases fail that the pipeline must stop within its run (contract §13).

    Ten failures that happen to come first are no reason while the rest of a small run may yet succeed:
    up to 1,000 planned cases count as done. At the end of a run `done` is `planned`.
    """
    if not done or done < thresholds.least_cases:
        return False
    return failed / max(done, min(planned, STOPPING_CASES)) > thresholds.failure_rate
