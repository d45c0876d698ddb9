"""The pieces of a text that answer a query, with its words marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 200
"""Characters of a passage, about."""

MOST = 2
"""Passages of a case."""

_WORD = re.compile(r"\w+")
_LABEL = re.compile(r"^(?:##.*|[A-Z][\w -]{2,20}:)\s*", re.MULTILINE)
_STOP = frozenset(
    "a about after all also an and any are as at be been before but by can could did do does for from had "
    "has have how i if in into is it its me my no not of on or our out over please she he so some that the "
    "their them then there these they this to up us was we were what when where which while who why will "
    "with would you your".split()
)
_ENDINGS = re.compile(r"(?:ing|edly|ed|es|s|ly|ion|ions)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A passage, and the places of the query's words in it."""

    text: str
    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    passages: tuple[Marked, ...]
    coverage: float
    """Share of the query's different words that the text has; 0 for a query without any."""


def stems(text: str) -> frozenset[str]:
    """The meaningful words of a text, without their endings."""
    return frozenset(stem(w) for w in _WORD.findall(text.lower()) if w not in _STOP)


def stem(word: str) -> str:
    """`failing`, `failed` and `fails` are one word here; so few rules are enough to mark words with."""
    bare = _ENDINGS.sub("", word) if len(word) > 4 else word
    return bare if len(bare) >= 3 else word


def match(text: str, wanted: frozenset[str], *, most: int = MOST, width: int = WIDTH) -> Match:
    """The passages of `text` with the most different words of `wanted` (as `stems` gives them)."""
    found = [(m.start(), m.end(), s) for m in _WORD.finditer(text) if (s := stem(m[0].lower())) in wanted]
    coverage = len({s for _, _, s in found}) / len(wanted) if wanted else 0.0
    windows = sorted(_windows(found, width), key=lambda w: -w[2])
    chosen: list[tuple[int, int]] = []
    for start, end, _ in windows:
        if len(chosen) < most and all(end <= a or start >= b for a, b in chosen):
            chosen.append((start, end))
    return Match(
        passages=tuple(_marked(text, start, end, found) for start, end in sorted(chosen)), coverage=coverage
    )


def _windows(found: Sequence[tuple[int, int, str]], width: int) -> Iterator[tuple[int, int, int]]:
    """Each stretch of about `width` that begins with a found word: start, end, different words."""
    last = 0
    for first, (start, _, _) in enumerate(found):
        last = max(last, first)
        while last < len(found) and found[last][1] <= start + width:
            last += 1
        yield start, start + width, len({s for _, _, s in found[first:last]})


def _marked(text: str, start: int, end: int, found: Sequence[tuple[int, int, str]]) -> Marked:
    """The stretch from a word before `start` to a whole word at its end, on one line."""
    begin = max(text.rfind("\n", 0, start), text.rfind(". ", 0, start) + 1, start - 60, 0)
    while begin and begin < start and not text[begin - 1].isspace():
        begin += 1
    stop = len(text) if end >= len(text) else max(text.rfind(" ", start, end), text.rfind("\n", start, end))
    stop = stop if stop > start else min(end, len(text))
    piece, marks = "", []
    places = [(a, b) for a, b, _ in found if begin <= a and b <= stop]
    at = begin
    for a, b in places:
        piece = _joined(piece, text[at:a])
        marks.append((len(piece), len(piece) + b - a))
        piece, at = piece + text[a:b], b
    return Marked(text=_joined(piece, text[at:stop]).rstrip(), marks=tuple(marks))


def _joined(piece: str, more: str) -> str:
    """With blanks for line ends, and neither headings nor labels."""
    bare = _LABEL.sub("", more) if "\n" in more or not piece else more
    flat = re.sub(r"\s+", " ", re.sub(r"\n\s*\n\s*", " … ", bare))
    return piece + (flat.lstrip(" …") if not piece or piece.endswith(" ") else flat)
