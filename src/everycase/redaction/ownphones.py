"""The telephone numbers of a case's own people, by their digits, whatever stands between these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

from everycase.redaction.matching import Alternatives, Scanned
from everycase.redaction.spans import Label, Span

_RUNS = Alternatives({"digits": r"[0-9](?:[^A-Za-z0-9\n\x1e]{0,3}[0-9]){5,}"})
_FEWEST = 6
_COUNTRY_DIGITS = 6
"""Digits of a country code with its exit code in front of a number: `00353`."""


_ASCII_DIGITS = frozenset("0123456789")


class _Digits(dict[int, str | None]):
    """Keeps ASCII digits only."""

    def __missing__(self, point: int) -> str | None:
        self[point] = chr(point) if 48 <= point < 58 else None
        return self[point]


_DIGITS = _Digits()
_NOT_DIGITS = bytes(b for b in range(256) if not 48 <= b < 58)


@dataclass(frozen=True, slots=True)
class _Own:
    """`core`: the digits without country code and trunk zero. `local`: without the area code. Empty: not known."""

    core: str
    local: str
    country: str = ""


class OwnPhones:
    """Found by digits alone: groups, signs, scripts of digits and country codes do not matter."""

    def __init__(self, values: Iterable[str]) -> None:
        self._own = tuple({own for v in values for own in _own_numbers(v[:200])})

    def find(self, text: str) -> Iterator[Span]:
        """`text`: plain, so that all digits are ASCII."""
        if not self._is_in(text):
            return
        for start, end in _RUNS.places(Scanned.of(text)):
            digits = text[start:end].translate(_DIGITS)
            wanted = [own for own in self._own if own.core in digits or (own.local and own.local in digits)]
            if wanted:
                places = _places(text, start, end, len(digits))
                for own in wanted:
                    yield from _in_run(text, digits, places, own)

    def _is_in(self, text: str) -> bool:
        """Whether a number stands among all digits of a text: mostly none does, and no run need be looked at."""
        if not self._own:
            return False
        digits = text.encode().translate(None, _NOT_DIGITS).decode()
        return any(own.core in digits or (own.local and own.local in digits) for own in self._own)


def _places(text: str, start: int, end: int, count: int) -> Sequence[int]:
    """Where the `count` digits of `[start, end)` stand."""
    if end - start == count:
        return range(start, end)
    return [i for i in range(start, end) if text[i] in _ASCII_DIGITS]


def _in_run(text: str, digits: str, places: Sequence[int], own: _Own) -> Iterator[Span]:
    at = digits.find(own.core)
    while at != -1:
        yield _span(
            text, places, _with_country(text, digits, places, at, own.country), at + len(own.core), own
        )
        at = digits.find(own.core, at + len(own.core))
    at = digits.find(own.local) if own.local else -1
    while at != -1:
        if _stands_alone(places, at, at + len(own.local)):
            yield _span(text, places, at, at + len(own.local), own)
        at = digits.find(own.local, at + 1)


def _span(text: str, places: Sequence[int], first: int, last: int, own: _Own) -> Span:
    start, end = places[first], places[last - 1] + 1
    while start and text[start - 1] in "+(":
        start -= 1
    return Span(start, end, Label.PHONE, own.core[-9:], "own phone number", is_known=True)


def _with_country(text: str, digits: str, places: Sequence[int], at: int, country: str) -> int:
    """Further left over a trunk zero or a country code, as long as these digits stand together."""
    for first in range(max(0, at - _COUNTRY_DIGITS), at):
        if first and places[first] - places[first - 1] == 1:
            continue
        lead, count = digits[first:at], at - first
        is_code = lead in ("0", country, country + "0", "00" + country, "00" + country + "0")
        is_signed = text[places[first] - 1 : places[first]] == "+" or (lead.startswith("00") and count > 3)
        if (is_code or is_signed) and places[at] - places[first] <= count + 6:
            return first
    return at


def _stands_alone(places: Sequence[int], first: int, last: int) -> bool:
    """Whether no further digit touches it directly."""
    before = first and places[first] - places[first - 1] == 1
    after = last < len(places) and places[last] - places[last - 1] == 1
    return not before and not after


@lru_cache(maxsize=20_000)
def _own_numbers(value: str) -> tuple[_Own, ...]:
    """The numbers of a column: mostly one; several between slashes or semicolons."""
    found = []
    for part in value.replace("|", ";").replace(" / ", ";").replace(",", ";").split(";"):
        number = part.lower().split("ext")[0].split("x")[0]
        digits = "".join(str(int(c)) for c in number if c.isdecimal())
        if len(digits) >= _FEWEST:
            found.append(_own(number, digits))
    return tuple(found)


def _own(number: str, digits: str) -> _Own:
    stripped = number.strip().lstrip("(")
    if stripped.startswith(("+", "00")):
        return _international("+" + digits.removeprefix("00" if stripped.startswith("00") else ""))
    core = digits.lstrip("0") if len(digits.lstrip("0")) >= _FEWEST else digits
    if len(core) == 11 and core[0] == "1":
        core = core[1:]
    return _Own(core, core[3:] if len(core) == 10 else _local_of_groups(stripped, core))


def _international(number: str) -> _Own:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return _Own(number.lstrip("+0")[-9:], "")
    core = phonenumbers.national_significant_number(parsed)
    area = phonenumbers.length_of_geographical_area_code(
        parsed
    ) or phonenumbers.length_of_national_destination_code(parsed)
    local = core[area:] if area else ""
    return _Own(core, local if len(local) >= _FEWEST else "", str(parsed.country_code))


def _local_of_groups(number: str, core: str) -> str:
    """Behind the first group: `089 2345678`."""
    groups = "".join(c if c.isdecimal() else " " for c in number).split()
    local = "".join(groups[1:])
    return local if len(groups) > 1 and len(local) >= _FEWEST and core.endswith(local) else ""
