"""Spans of a text that are to go or to stay, and which of them win."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple


class Label(StrEnum):
    """What was removed: the word in the placeholder."""

    PERSON = "PERSON"
    COMPANY = "COMPANY"
    ADDRESS = "ADDRESS"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    IP = "IP"
    CARD = "CARD"
    IBAN = "IBAN"
    SSN = "SSN"
    PASSWORD = "PASSWORD"  # noqa: S105 - a label
    LOGIN = "LOGIN"
    HARDWARE = "HARDWARE"
    HOST = "HOST"
    SERIAL = "SERIAL"


WEAK = frozenset({Label.PHONE, Label.IP, Label.ADDRESS, Label.SSN})
"""Found by their shape alone: technical tokens that look alike are stronger (docs/facts.md)."""

_WHOLE = frozenset({Label.EMAIL, Label.PASSWORD, Label.LOGIN})
"""A name inside one of these goes with it: one mail address is one placeholder."""

_PRIORITY = {label: i for i, label in enumerate(Label)}


class Span(NamedTuple):
    """`[start, end)` in characters. `key`: equal keys of a case get the same placeholder."""

    start: int
    end: int
    label: Label
    key: str
    rule: str = ""
    """Which rule found it: what `everycase redact` names."""
    is_known: bool = False
    """A value of the case's own identity columns: beats protection."""
    is_fixed: bool = False
    """A placeholder that is there already: beats everything and stays as it is."""


class Kept(NamedTuple):
    """`[start, end)` of a technical token."""

    start: int
    end: int


class Cover:
    """Kept spans, in order and without overlap, that can be asked about a place: a byte for each character."""

    def __init__(self, kept: Sequence[Kept], size: int) -> None:
        """`size`: characters of the text."""
        self._taken = bytearray(size)
        for start, end in kept:
            self._taken[start:end] = b"\x01" * (end - start)

    def touches(self, start: int, end: int) -> bool:
        return self._taken.find(1, start, end) != -1

    def count(self, start: int, end: int) -> int:
        """How many characters of `[start, end)` are kept."""
        return self._taken.count(1, start, end)

    def gaps(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What of `[start, end)` is not kept."""
        return _free(self._taken, start, end)


def resolve(spans: Sequence[Span], kept: Cover) -> list[Span]:
    """The spans to mask, in order and without overlap: longest first, then by label.

    What is known, and mails and secrets, go before what a shape alone suggests. A beaten span keeps
    what it covers beside the winners, so that no half of an address is left.
    Cost: n log n, plus the width of the spans.
    """
    wanted = [
        s
        for s in spans
        if s.start < s.end and (s.is_known or s.label not in WEAK or not kept.touches(s.start, s.end))
    ]
    wanted.sort(key=lambda s: s.start)
    chosen: list[Span] = []
    group: list[Span] = []
    reach = -1
    for span in wanted:
        if span.start >= reach and group:
            chosen += _settle(group)
            group = []
        group.append(span)
        reach = max(reach, span.end)
    return chosen + _settle(group)


def _rank(span: Span) -> tuple[bool, bool, int, int, int]:
    is_strong = span.is_known or span.label in _WHOLE
    return (not span.is_fixed, not is_strong, span.start - span.end, _PRIORITY[span.label], span.start)


def _settle(group: list[Span]) -> list[Span]:
    """The winners of spans that touch one another."""
    if len(group) < 2:
        return group
    base = group[0].start
    taken = bytearray(max(s.end for s in group) - base)
    chosen: list[Span] = []
    for span in sorted(group, key=_rank):
        for start, end in _free(taken, span.start - base, span.end - base):
            is_whole = end - start == span.end - span.start
            if is_whole or end - start > 1:
                taken[start:end] = b"\x01" * (end - start)
                chosen.append(span if is_whole else Span(start + base, end + base, *span[2:]))
    return sorted(chosen, key=lambda s: s.start)


def _free(taken: bytearray, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches of `[start, end)` that nobody has."""
    while (start := taken.find(0, start, end)) != -1:
        stop = taken.find(1, start, end)
        stop = end if stop == -1 else stop
        yield start, stop
        start = stop
