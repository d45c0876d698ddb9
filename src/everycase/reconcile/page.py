"""A reconciliation's report as one self-contained page, with the trends of the days before it.

No script, no other file, no font from elsewhere. Pure: the kept report and the days in, HTML out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from everycase.domain.completeness import percent, whole_percent
from everycase.reconcile import text

WIDTH, HEIGHT, LEFT, BOTTOM = 340, 120, 44, 18
"""Of a chart, in the units of its view box; left of it stand the values, under it the days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSize:
    """Of a chart, in the units of its view box."""

    width: int
    height: int
    left: int
    bottom: int


CHART_SIZE = ChartSize(width=WIDTH, height=HEIGHT, left=LEFT, bottom=BOTTOM)

_TABLES = ("Task", "WorkOrder", "CaseComment", "EmailMessage", "WorkOrderFeed")
_FEWEST_DAYS = 3
"""The fewest days for which a chart is drawn."""

_MOST_TYPES = 5
"""So many error types have a line of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series of a chart. `style`: which of the page's strokes draws it."""

    name: str
    style: int
    path: str
    last: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendChart:
    """A small line chart, computed; the template only draws it."""

    title: str
    lines: list[Line]
    top: str
    bottom: str
    first_day: str
    last_day: str


def as_html(
    report: Mapping[str, Any],
    trends: Sequence[Mapping[str, Any]],
    cases: Sequence[Mapping[str, str]] = (),
) -> str:
    """The page. `trends`: rows of `recon.daily_rollup`, oldest first; below three days no chart is drawn.

    `cases`: what the report is about, with `case`, `reason` and `what_to_do`; the first 20 are shown.
    """
    return _template().render(
        r=report,
        heading=text.heading(report),
        funnel=[(said, report.get("counts", {}).get(key)) for key, said in text.FUNNEL.items()],
        unfinished=text.unfinished(report),
        gaps=[(text.GAPS.get(k, k), k, n) for k, n in (report.get("gaps") or {}).items()],
        recovered=[(text.METHODS.get(m, m), n) for m, n in (report.get("recovered") or {}).items()],
        left=text.still_failed(report),
        left_sum=text.sum_of(text.still_failed(report)),
        complete=text.completeness(report.get("completeness"), text.unread_tables(report)),
        discrepancies=text.discrepancies(report),
        coverage=text.coverage(report),
        few_fields=text.few_fields(
            report.get("few_fields") or 0, report.get("few_fields_noted", report.get("few_fields")) or 0
        ),
        before=text.open_before(report),
        charts=charts(trends) if len(trends) >= _FEWEST_DAYS else [],
        cases=cases,
        days=len(trends),
    )


def charts(trends: Sequence[Mapping[str, Any]]) -> list[TrendChart]:
    """Completion, failures by type, coverage, duration and cost over the days."""
    if not trends:
        return []
    days = [_day(t["day"]) for t in trends]
    types = _most_frequent(trends)
    return [
        _chart("Completion", days, {"complete": [t["completeness"] for t in trends]}, percent, whole=1.0),
        _chart(
            "Open failures by type",
            days,
            {name: [t["failures"].get(name, 0) for t in trends] for name in types},
            _whole,
        ),
        _chart(
            "Coverage",
            days,
            {name: [t["coverage"].get(name) for t in trends] for name in _TABLES},
            whole_percent,
            whole=1.0,
            floor=0.0,
        ),
        _chart("Gaps found", days, {"gaps": [t["gaps"] for t in trends]}, _whole),
        _chart("Time spent reconciling, s", days, {"seconds": [t["duration_s"] for t in trends]}, _seconds),
        _chart("Cost of embedding", days, {"cost": [t["cost"] for t in trends]}, _money),
    ]


def _chart(
    title: str,
    days: Sequence[date],
    series: Mapping[str, Sequence[float | None]],
    say: Any,
    *,
    whole: float | None = None,
    floor: float | None = None,
) -> TrendChart:
    """Days in their true distance; a value that is not known interrupts its line."""
    known = [v for values in series.values() for v in values if v is not None]
    top = max([*known, whole or 0.0]) or 1.0
    bottom = floor if floor is not None else (min(known, default=0.0) if whole else 0.0)
    bottom = min(bottom, top - 0.01 * top) if whole else bottom
    span = max((days[-1] - days[0]).days, 1)

    def point(day: date, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - 8) * ((day - days[0]).days / span if len(days) > 1 else 0.5)
        y = 8 + (HEIGHT - BOTTOM - 8) * (1 - (value - bottom) / ((top - bottom) or 1.0))
        return round(x, 1), round(y, 1)

    lines = []
    for n, (name, values) in enumerate(series.items()):
        points = [(d, v) for d, v in zip(days, values, strict=True) if v is not None]
        if not points:
            continue
        x, y = point(*points[-1])
        lines.append(
            Line(name=name, style=n, path=_path(days, values, point), last=say(points[-1][1]), x=x, y=y)
        )
    return TrendChart(
        title=title,
        lines=lines,
        top=say(top),
        bottom=say(bottom),
        first_day=days[0].isoformat(),
        last_day=days[-1].isoformat(),
    )


def _path(days: Sequence[date], values: Sequence[float | None], point: Any) -> str:
    """An SVG path: a move where a line begins, a line where it goes on."""
    steps, is_drawing = [], False
    for day, value in zip(days, values, strict=True):
        if value is not None:
            x, y = point(day, value)
            steps.append(f"{'L' if is_drawing else 'M'}{x} {y}")
        is_drawing = value is not None
    return " ".join(steps)


def _most_frequent(trends: Sequence[Mapping[str, Any]]) -> list[str]:
    sums: dict[str, int] = {}
    for t in trends:
        for name, n in t["failures"].items():
            sums[name] = sums.get(name, 0) + n
    return sorted(sums, key=lambda name: (-sums[name], name))[:_MOST_TYPES]


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else datetime.fromisoformat(value).date()


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _seconds(value: float) -> str:
    return f"{value:,.1f}"


def _money(value: float) -> str:
    return f"{value:,.2f}"


@cache
def _shared() -> Environment:
    """Texts are escaped, and a missing value is an error."""
    return Environment(
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def templates(package: str, filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """The templates of a package, with filters of their own, under the rules that all pages share."""
    found = _shared().overlay(loader=PackageLoader(package, "templates"))
    found.filters = {**found.filters, **filters}  # an overlay shares the dictionary
    return found


@cache
def _template() -> Template:
    filters: dict[str, Callable[..., Any]] = {
        "share": percent,
        "whole_share": whole_percent,
        "number": lambda n: "not known" if n is None else f"{n:,}",
    }
    return templates("everycase.reconcile", filters).get_template("report.html.j2")
