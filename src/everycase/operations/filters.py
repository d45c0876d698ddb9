"""Filters as people write them: `status=Closed`, `created_date=2023-01-02`, `created_date=2023..2024-06`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from everycase.domain.catalogue import Catalogue, Kind
from everycase.domain.errors import WrongUse
from everycase.domain.rows import MalformedRow, iso, moment
from everycase.ports import Comparison, Condition

_CONDITION = re.compile(r"\s*([\w.]+?)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*", re.DOTALL)
_PERIOD = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def parse_condition(text: str, catalogue: Catalogue) -> Condition:
    """`field=value`, or with != < <= > >=; a field as `Catalogue.property_for` takes it.

    A date is the whole day, `2023-05` the month, `2023` the year, `2023-01-02..2023-03-31` all of these
    days; a time with hours is that moment. Raises `WrongUse` saying what is wrong with it, also where a
    range ends before it begins.
    """
    found = _CONDITION.fullmatch(text)
    if found is None or not found[3]:
        raise WrongUse(f"the filter {text!r} is not field=value (or with !=, <, <=, >, >=)")
    name, comparison, value = catalogue.property_for(found[1]), Comparison(found[2]), found[3]
    if catalogue.properties[name][1].kind is not Kind.MOMENT:
        return Condition(property=name, comparison=comparison, value=value)
    try:
        condition = _about_time(name, comparison, value)
    except (MalformedRow, ValueError, OverflowError):
        raise WrongUse(
            f"the filter {text!r} wants a date: YYYY, YYYY-MM, YYYY-MM-DD, a time, or a range like "
            "2023-01-01..2023-03-31"
        ) from None
    if condition.until and condition.until < condition.value:
        raise WrongUse(f"the range of the filter {text!r} ends before it begins")
    return condition


def _about_time(name: str, comparison: Comparison, value: str) -> Condition:
    first, is_range, last = value.partition("..")
    begin, end = _period(first.strip())[0], _period((last if is_range else first).strip())[1]
    if comparison in (Comparison.EQUAL, Comparison.NOT_EQUAL):
        until = iso(end) if end != begin else ""
        return Condition(property=name, comparison=comparison, value=iso(begin), until=until)
    if is_range:
        raise ValueError("a range is equal or not equal")
    if end > begin and comparison is Comparison.GREATER:
        return Condition(property=name, comparison=Comparison.GREATER_OR_EQUAL, value=iso(end))
    if end > begin and comparison is Comparison.LESS_OR_EQUAL:
        return Condition(property=name, comparison=Comparison.LESS, value=iso(end))
    return Condition(property=name, comparison=comparison, value=iso(begin))


def _period(text: str) -> tuple[datetime, datetime]:
    """From its begin to the begin of the next one; a moment begins and ends at once."""
    found = _PERIOD.fullmatch(text)
    if not found:
        when = moment(text)
        return when, when
    year, month, day = int(found[1]), found[2], found[3]
    begin = datetime(year, int(month or 1), int(day or 1), tzinfo=UTC)
    if day:
        return begin, begin + timedelta(days=1)
    if month:
        return begin, datetime(year + int(month) // 12, int(month) % 12 + 1, 1, tzinfo=UTC)
    return begin, datetime(year + 1, 1, 1, tzinfo=UTC)
