"""A folded shadow of a text, and the way back: names are looked for there, and the text never changes.

NFKC and the loss of accents would damage a text (`½U`, `™`); on a shadow with an offset map they only
make `ＪＯＳＥ  ＮＵＮＥＺ` and `José Núñez` equal (facts/redaction.md).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

_SPACES = re.compile(" {2,}")
_ASCII_SPACES = {ord(c): " " for c in "\t\n\r\x0b\x0c"}
_PLAIN = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"}
"""Letters that Unicode does not take apart, as people type them who lack the key."""


class _Folds(dict[int, str]):
    """Code point → folded text, worked out when it is first met. `odd`: what folds to 0 or 2+ letters."""

    def __init__(self) -> None:
        super().__init__()
        self.odd: set[str] = set()

    def __missing__(self, point: int) -> str:
        c = chr(point)
        if c.isspace() and c != "\x1e":  # the mark between two texts of a case is no white space
            folded = " "
        else:
            apart = unicodedata.normalize("NFKD", c)
            bare = "".join(x for x in apart if not unicodedata.combining(x))
            folded = unicodedata.normalize("NFKC", c if bare == apart else bare).casefold()
            folded = "".join(_PLAIN.get(x, x) for x in folded)
        if len(folded) != 1:
            self.odd.add(c)
        self[point] = folded
        return folded


_FOLDS = _Folds()


def fold(text: str) -> str:
    """Lower case, compatibility form, no accents, every white space a space. May change the length."""
    if text.isascii():
        return text.lower().translate(_ASCII_SPACES)
    return text.translate(_FOLDS)


@dataclass(frozen=True, slots=True)
class _Offsets:
    """From `starts[i]` on, a place of the changed text is `shifts[i]` further on in the one before."""

    starts: list[int]
    shifts: list[int]

    def before(self, place: int) -> int:
        i = bisect_right(self.starts, place) - 1
        return place + self.shifts[i] if i >= 0 else place


@dataclass(frozen=True, slots=True)
class Shadow:
    """A folded text with runs of white space as one space, and the way back to the original's places."""

    text: str
    steps: tuple[_Offsets, ...]

    def original(self, place: int) -> int:
        """The place in the original of a character of the shadow."""
        for step in self.steps:
            place = step.before(place)
        return place


def shadow(text: str) -> Shadow:
    """Fold a text. Linear; as large as the text and its offsets."""
    folded = fold(text)
    steps = []
    if "  " in folded:
        steps.append(_of_runs(folded))
        squeezed = _SPACES.sub(" ", folded)
    else:
        squeezed = folded
    if not text.isascii() and not _FOLDS.odd.isdisjoint(text):
        steps.append(_of_letters(text))
    return Shadow(squeezed, tuple(steps))


def _of_runs(folded: str) -> _Offsets:
    starts, shifts, shift = [], [], 0
    for run in _SPACES.finditer(folded):
        starts.append(run.start() + 1 - shift)
        shift += run.end() - run.start() - 1
        shifts.append(shift)
    return _Offsets(starts, shifts)


def _of_letters(text: str) -> _Offsets:
    starts: list[int] = []
    shifts: list[int] = []
    place = shift = 0
    last = 0
    for i, width in _odd(text):
        place += i - last
        last = i + 1
        for _ in range(1, width):  # every letter of `ss` is the one `ß`
            place += 1
            shift -= 1
            starts.append(place)
            shifts.append(shift)
        if width:
            place += 1
        else:
            shift += 1
            starts.append(place)
            shifts.append(shift)
    return _Offsets(starts, shifts)


def _odd(text: str) -> Iterator[tuple[int, int]]:
    for i, c in enumerate(text):
        if c in _FOLDS.odd:
            yield i, len(_FOLDS[ord(c)])
