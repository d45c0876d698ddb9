"""RE2 on bytes, with the places given in characters: linear in the text, whatever the pattern."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 64 << 20
_UNANCHORED = re2._Anchor.UNANCHORED


_UPPER = r"A-Z\x{C0}-\x{DE}\x{100}-\x{24F}\x{386}-\x{3AB}\x{400}-\x{42F}\x{1E00}-\x{1EFF}"
_LETTERS = (
    r"A-Za-z\x{C0}-\x{24F}\x{370}-\x{52F}\x{531}-\x{587}\x{5D0}-\x{6FF}\x{900}-\x{EFF}\x{10A0}-\x{11FF}\x{1E00}-\x{1FFF}"
    r"\x{3040}-\x{30FF}\x{3400}-\x{9FFF}\x{AC00}-\x{D7AF}\x{F900}-\x{FAFF}"
)
"""Letters by blocks: RE2's own classes have hundreds of ranges, which makes large automata. Python looks closer."""


def _expanded(pattern: str) -> str:
    """`\\p{Lu}` and, within brackets, `\\pL` as blocks of letters."""
    return pattern.replace(r"\p{Lu}", f"[{_UPPER}]").replace(r"\pL", _LETTERS)


@dataclass(frozen=True, slots=True)
class Scanned:
    """A text and its bytes, encoded once for all rules."""

    text: str
    raw: bytes

    @property
    def is_ascii(self) -> bool:
        return len(self.raw) == len(self.text)

    @staticmethod
    def of(text: str) -> Scanned:
        return Scanned(text, text.encode())

    def part(self, start: int, end: int) -> Scanned:
        """The text of `[start, end)`, in characters."""
        return self if (start, end) == (0, len(self.text)) else Scanned.of(self.text[start:end])


class TermMatch(NamedTuple):
    """A hit. `start` and `end` in characters of the text."""

    name: str
    start: int
    end: int
    text: str


class Alternatives:
    """Named patterns, found in one pass; where two begin at one place, the earlier one wins.

    The search has no groups, so that RE2 need not leave its automaton (more than half of the time,
    docs/facts.md); a hit alone is asked for its name. Compiled when first used.
    """

    def __init__(self, patterns: dict[str, str]) -> None:
        self.patterns = {name: _expanded(pattern) for name, pattern in patterns.items()}

    @cached_property
    def _search(self) -> Any:
        return re2.compile("|".join(f"(?:{p})" for p in self.patterns.values()).encode(), _OPTIONS)

    @cached_property
    def _naming(self) -> Any:
        """One automaton for all patterns that says which of them match a whole text."""
        found = re2.Set.FullMatchSet(_OPTIONS)
        for pattern in self.patterns.values():
            found.Add(pattern.encode())
        found.Compile()
        return found

    @cached_property
    def _names(self) -> list[str]:
        return list(self.patterns)

    def find(self, scanned: Scanned) -> Iterator[TermMatch]:
        """Every hit with its name, in order."""
        for place, (start, end) in self.spans(scanned):
            yield self.named(scanned, place, start, end)

    def named(self, scanned: Scanned, place: tuple[int, int], start: int, end: int) -> TermMatch:
        """The hit at `place`, in bytes, and `[start, end)`, in characters."""
        which = self._naming._set.Match(scanned.raw[place[0] : place[1]])
        name = self._names[min(which)] if which else self._named_alone(scanned.raw, *place)
        return TermMatch(name, start, end, scanned.text[start:end])

    @cached_property
    def _alone(self) -> dict[str, Any]:
        return {name: re2.compile(pattern.encode(), _OPTIONS) for name, pattern in self.patterns.items()}

    def _named_alone(self, raw: bytes, first: int, last: int) -> str:
        """The name of a hit that matches nothing without what stands around it."""
        return next(name for name, pattern in self._alone.items() if pattern.fullmatch(raw, first, last))

    def places(self, scanned: Scanned) -> list[tuple[int, int]]:
        """Every hit without its name, in order: its start and end in characters."""
        found = hits(self._search, scanned.raw)
        return found if scanned.is_ascii else list(_in_characters(scanned.raw, found))

    def spans(self, scanned: Scanned) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Start and end of every hit in bytes, then in characters."""
        found = hits(self._search, scanned.raw)
        return zip(found, found if scanned.is_ascii else _in_characters(scanned.raw, found), strict=True)


def hits(compiled: Any, raw: bytes) -> list[tuple[int, int]]:
    """Start and end of every hit that is not empty, in bytes, in order.

    What `finditer` does, without an object for each hit: these take as long as the search itself.
    """
    match, size = compiled._regexp.Match, len(raw)
    found: list[tuple[int, int]] = []
    at = 0
    while at < size and (span := match(_UNANCHORED, raw, at, size)[0])[0] >= 0:
        start, end = span
        if start < end:
            found.append(span)
        at = end if end > at else at + 1
    return found


def _in_characters(raw: bytes, found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    at_byte = at_char = 0
    for first, last in found:
        start = at_char + len(raw[at_byte:first].decode("utf-8", "replace"))
        end = start + len(raw[first:last].decode("utf-8", "replace"))
        yield start, end
        at_byte, at_char = last, end


def is_bounded(text: str, start: int, end: int) -> bool:
    """Whether `[start, end)` stands alone: no letter or digit touches its first or last letter or digit."""
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    return not (before.isalnum() and text[start].isalnum()) and not (
        after.isalnum() and text[end - 1].isalnum()
    )
