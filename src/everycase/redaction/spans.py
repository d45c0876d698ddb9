"""Spans of a text that are to go or to stay, and which of them win."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


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


WEAK = frozenset({Label.PHONE, Label.IP, Label.ADDRESS, Label.CARD, Label.SSN, Label.IBAN})
"""Found by their shape alone: technical tokens that look alike are stronger (facts/redaction.md)."""

_PRIORITY = {label: i for i, label in enumerate(Label)}


@dataclass(frozen=True, slots=True)
class Span:
    """`[start, end)` in characters. `key`: equal keys of a case get the same placeholder."""

    start: int
    end: int
    label: Label
    key: str
    is_known: bool = False
    """A value of the case's own identity columns: beats protection."""


@dataclass(frozen=True, slots=True)
class Kept:
    """`[start, end)` of a technical token."""

    start: int
    end: int


def resolve(spans: Sequence[Span], kept: Sequence[Kept]) -> list[Span]:
    """The spans to mask, in order and without overlap: known first, then longest, then by label.

    `kept` is in order and without overlap. Cost: n log n.
    """
    starts = [k.start for k in kept]
    wanted = [s for s in spans if s.is_known or s.label not in WEAK or not _covers(kept, starts, s)]
    ranked = sorted(wanted, key=lambda s: (not s.is_known, s.start - s.end, _PRIORITY[s.label], s.start))
    chosen: list[Span] = []
    for span in ranked:
        place = bisect_left(chosen, span.start, key=_start)
        first = place - 1 if place and chosen[place - 1].end > span.start else place
        last = place
        while last < len(chosen) and chosen[last].start < span.end:
            last += 1
        rest = _remains(span, chosen[first:last]) if first < last else span
        if rest is not None:
            chosen.insert(bisect_left(chosen, rest.start, key=_start), rest)
    return chosen


def _start(span: Span) -> int:
    return span.start


def _remains(span: Span, winners: Sequence[Span]) -> Span | None:
    """What a beaten span still covers beside the winners, so that no half of an address is left."""
    start, end = span.start, span.end
    for w in winners:
        if w.start <= start:
            start = max(start, w.end)
        elif w.end >= end:
            end = min(end, w.start)
        else:
            return None
    return Span(start, end, span.label, span.key, span.is_known) if end - start > 1 else None


def _covers(kept: Sequence[Kept], starts: Sequence[int], span: Span) -> bool:
    place = bisect_left(starts, span.end) - 1
    return place >= 0 and kept[place].end > span.start
