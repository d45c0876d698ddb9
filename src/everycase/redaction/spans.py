"""Spans of a text that are to go or to stay, and which of them win."""

from __future__ import annotations

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
    """The spans to mask, in order and without overlap: known first, then longest, then by label."""
    wanted = [s for s in spans if s.is_known or s.label not in WEAK or not _covers(kept, s)]
    ranked = sorted(wanted, key=lambda s: (not s.is_known, s.start - s.end, _PRIORITY[s.label], s.start))
    chosen: list[Span] = []
    for span in ranked:
        if all(span.end <= c.start or span.start >= c.end for c in chosen):
            chosen.append(span)
        else:
            chosen.extend(_remains(span, chosen))
    return sorted(chosen, key=lambda s: s.start)


def _remains(span: Span, chosen: Sequence[Span]) -> list[Span]:
    """What a beaten span still covers beside the winners, so that no half of an address is left."""
    start, end = span.start, span.end
    for c in sorted(chosen, key=lambda c: c.start):
        if c.end <= start or c.start >= end:
            continue
        if c.start <= start:
            start = c.end
        elif c.end >= end:
            end = c.start
        else:
            return []
    return [Span(start, end, span.label, span.key, span.is_known)] if end - start > 1 else []


def _covers(kept: Sequence[Kept], span: Span) -> bool:
    return any(k.start < span.end and span.start < k.end for k in kept)
