"""Trends as small line charts: the same computation as the report's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everycase.operations import runs

LEAST_DAYS = 3
"""Before the third day a line says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart as the template draws it, with the sentence that says the same in words."""

    title: str
    sentence: str
    lines: Sequence[Any]
    top: str
    bottom: str
    first_day: str
    last_day: str
    width: int
    left: int
    bottom_y: int


def of_days(days: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """The charts of these days, oldest first; none before the third day."""
    if len(days) < LEAST_DAYS:
        return []
    size = runs.CHART_SIZE
    return [
        Chart(
            title=c.title,
            sentence=", ".join(f"{line.name} {line.last}" for line in c.lines) + f" on {c.last_day}",
            lines=c.lines,
            top=c.top,
            bottom=c.bottom,
            first_day=c.first_day,
            last_day=c.last_day,
            width=size.width,
            left=size.left,
            bottom_y=size.height - size.bottom,
        )
        for c in runs.charts(days)
        if c.lines
    ]
