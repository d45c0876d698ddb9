"""How values are written on a page: numbers, times, words, and the redacted text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from everycase.operations import runs, wording

_PLACEHOLDER = re.compile(r"&lt;([A-Z]+(?:_[A-Z]+)*)_(\d+)&gt;")
_SIZES = ((86400, "d"), (3600, "h"), (60, "min"))


def number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def percent(share: float | None) -> str:
    """As everywhere: rounded down, so that only all is 100%."""
    return "–" if share is None else wording.percent(share)


def whole_percent(share: float | None) -> str:
    """A coverage: rounded down, so that what is below a limit does not read as if it had reached it."""
    return "–" if share is None else wording.whole_percent(share)


def utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def isotime(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def span(seconds: float | None) -> str:
    """A duration as people say it: `0.4 s`, `12 min`, `3 h 5 min`."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    for (size, unit), (smaller, sub) in zip(_SIZES, (*_SIZES[1:], (1, "s")), strict=True):
        if seconds >= size:
            rest = int(seconds % size // smaller)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {sub}" if rest else "")
    return f"{seconds:.0f} s"


def age(moment: datetime) -> str:
    """How long ago, or how long until."""
    ago = (datetime.now(UTC) - moment) / timedelta(seconds=1)
    return f"{span(ago)} ago" if ago >= 0 else f"in {span(-ago)}"


@lru_cache(maxsize=1024)
def words(name: object) -> str:
    """`manual_review` → `manual review`; `PIIResidual` → `PII residual`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", str(name)).replace("_", " ")
    first, *rest = spaced.split(" ")
    return " ".join([first, *(w if w.isupper() else w.lower() for w in rest)])


def figure(value: object) -> str:
    """A value of a report in one cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return "–" if value is None else str(value)


def redacted(text: str) -> Markup:
    """The indexed text with its placeholders set apart: `<PERSON_1>` is shown as `person 1`."""
    safe = str(escape(text))
    return Markup(_PLACEHOLDER.sub(_placeholder, safe))  # noqa: S704 - escaped above


def _placeholder(found: re.Match[str]) -> str:
    return f'<span class="gone">{found[1].lower().replace("_", " ")} {found[2]}</span>'


@cache
def environment() -> Environment:
    own = (number, percent, whole_percent, utc, isotime, span, age, words, figure, redacted)
    return runs.templates("everycase.web", {f.__name__: f for f in own})


def render(name: str, values: Mapping[str, Any]) -> str:
    """The page `name` with these values; whatever is not there is an error, never a blank."""
    return environment().get_template(f"{name}.html.j2").render(values)
