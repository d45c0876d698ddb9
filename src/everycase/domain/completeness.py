"""What *complete*, *unresolved* and *coverage* mean, once for sync, reconciliation and status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everycase.domain.failures import Disposition


def completeness(*, staged: int, completed: int, at_source: int | None = None, lacking: int = 0) -> float:
    """The share of the cases that are in the index as they should be; 1 where there are no cases.

    `staged`: cases that staging holds; `completed`: those that lineage says are loaded as they are staged;
    `at_source`: cases that the source holds, None where nobody counted them; `lacking`: of the completed
    ones, those that a look at the index found missing or different, 0 where nobody looked.
    """
    cases = max(at_source or 0, staged)
    return max(completed - lacking, 0) / cases if cases else 1.0


def unresolved(open_failures: Mapping[str, int]) -> int:
    """How many open failures wait for a retry or a person. `open_failures`: counts by disposition."""
    return sum(n for disposition, n in open_failures.items() if disposition != Disposition.SKIP)


COVERED = ("Task", "WorkOrder", "CaseComment", "EmailMessage", "WorkOrderFeed")
"""The child tables, in the order of a report."""


def coverage(census: Mapping[str, Any]) -> dict[str, float]:
    """The share of cases that have rows of each child table; nothing where there are no cases."""
    return {name: round(share, 6) for name in COVERED if (share := census[name]) is not None}
