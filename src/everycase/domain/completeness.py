"""What *complete*, *unresolved* and *coverage* mean, once for sync, reconciliation and status."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from everycase.domain.failures import Disposition


def completeness(
    census: Mapping[str, Any], *, index: int | None, at_source: int | None = None, lacking: int = 0
) -> float:
    """The share of the source's cases that the index holds correctly; 1 if there are no cases.

    `census`: the counts of `store.lineage`; `index`: objects in the index, None where it does not answer;
    `at_source`: cases that a look at the source has counted, where one has; `lacking`: of the completed cases
    those that a look at the index found missing or different, where one has looked. A completed case whose
    row at the source cannot be read (`outdated`) does not count: the index has it as it was before.
    """
    cases = max(at_source or 0, census["source"], census["staging"])
    completed: int = census["completed"]
    good = completed - census["outdated"] - max(lacking, 0 if index is None else completed - index)
    return max(good, 0) / cases if cases else 1.0


def unresolved(open_failures: Mapping[str, int]) -> int:
    """How many open failures wait for a retry or a person. `open_failures`: counts by disposition."""
    return sum(n for disposition, n in open_failures.items() if disposition != Disposition.SKIP)


COVERED = ("Task", "WorkOrder", "CaseComment", "EmailMessage", "WorkOrderFeed")
"""The child tables, in the order of a report."""


def coverage(census: Mapping[str, Any], without: Collection[str] = ()) -> dict[str, float]:
    """The share of cases that have rows of each child table; empty if there are no cases.

    `without`: tables that the organisation does not have, as the settings say. They have no coverage.
    """
    found = {name: census[name] for name in COVERED if name not in without}
    return {name: round(share, 6) for name, share in found.items() if share is not None}


def percent(share: float) -> str:
    """Format a completeness or limit in per cent, rounded down to two decimals.

    So 99.999 % is not 100%, and what is below a threshold does not read as if it had reached it.
    """
    return f"{math.floor(share * 10_000 + 1e-9) / 100:.2f}".rstrip("0").rstrip(".") + "%"


def whole_percent(share: float) -> str:
    """Format a coverage in per cent, rounded down to a whole number."""
    return f"{math.floor(share * 100 + 1e-9)}%"


def percent_up(share: float) -> str:
    """Format a failure rate in per cent, rounded up, so that one above its limit never looks equal to it."""
    return f"{math.ceil(share * 10_000 - 1e-9) / 100:.2f}".rstrip("0").rstrip(".") + "%"
