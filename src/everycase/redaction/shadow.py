"""Shadows of a text, in which rules look, and the way back: the text itself never changes for them.

NFKC, decoded escapes and the loss of accents would damage a text (`½U`, `™`, `%d`). On a shadow with a map
of places they only make `０８９`, `%2B49` and `José` look like what they mean (docs/facts.md).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import accumulate
from typing import NamedTuple, Protocol

from everycase.redaction.translating import as_ascii, beyond_ascii, translated


class Edit(NamedTuple):
    """`[start, end)` of a text reads `text` in its shadow."""

    start: int
    end: int
    text: str


class Shown(Protocol):
    """A changed text, and the way back from each of its places."""

    @property
    def text(self) -> str: ...

    def start(self, place: int) -> int:
        """Where the character at `place` begins in the original."""

    def end(self, place: int) -> int:
        """Where the character before `place` ends in the original."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """A changed text, and where each of its places came from.

    From `places[i]` on, the shadow shows the text from `starts[i]` on; `ends[i]` is -1 there, or the end of
    an edit, whose characters all stand for the whole edit.
    """

    text: str
    places: Sequence[int] = ()
    starts: Sequence[int] = ()
    ends: Sequence[int] = ()

    def start(self, place: int) -> int:
        """Where the character at `place` begins in the original."""
        i = bisect_right(self.places, place) - 1
        if i < 0:
            return place
        return self.starts[i] if self.ends[i] >= 0 else self.starts[i] + place - self.places[i]

    def end(self, place: int) -> int:
        """Where the character before `place` ends in the original."""
        i = bisect_right(self.places, place - 1) - 1
        if i < 0:
            return place
        return self.ends[i] if self.ends[i] >= 0 else self.starts[i] + place - self.places[i]


def edited(text: str, edits: Iterable[Edit]) -> Shadow:
    """The text with all edits, which stand in order and do not overlap. Linear."""
    parts: list[str] = []
    places: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    last = place = 0

    def note(start: int, end: int) -> None:
        places.append(place)
        starts.append(start)
        ends.append(end)

    for start, end, meant in edits:
        if start > last:
            if last:
                note(last, -1)
            parts.append(text[last:start])
            place += start - last
        if meant:
            note(start, end)
            parts.append(meant)
            place += len(meant)
        last = end
    if not last:
        return Shadow(text)
    note(last, -1)
    return Shadow("".join(parts) + text[last:], places, starts, ends)


# ── the plain shadow: digits, dashes and escapes as they are meant ──────────────────────────────


class _Plain(dict[int, str]):
    """Code point → the ASCII digit, dash or sign that it stands for; one character for one."""

    def __missing__(self, point: int) -> str:
        c = chr(point)
        digit = unicodedata.decimal(c, -1)
        if digit >= 0:
            plain = str(digit)
        elif unicodedata.category(c) == "Pd" or c == "\u2212":
            plain = "-"
        elif 0xFF01 <= point <= 0xFF5E:
            plain = chr(point - 0xFEE0)
        else:
            plain = c
        self[point] = plain
        return plain


_PLAIN = _Plain()
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_QUOTED_SIGN = re.compile(r"=(?:3D|20\n|0D\n|[CDE][0-9A-F]=\n?[89AB][0-9A-F]|\n.{0,76}=\n)")
_QUOTED = re.compile(r"(?:=[0-9A-F]{2}|=\n)+")
_QUOTED_AT = re.compile(r"(?<=[A-Za-z0-9])=40(?=[A-Za-z0-9][A-Za-z0-9-]{0,62}\.[A-Za-z])")


def plain(text: str) -> Shadow:
    """Digits of all scripts as ASCII, all dashes as `-`, percent- and quoted-printable escapes decoded."""
    if not text.isascii():
        text = translated(text, _PLAIN)
    escapes: list[Edit] = []
    if "%" in text:
        escapes += _decoded(text, _PERCENT, "%")
    if "=" in text:
        if _QUOTED_SIGN.search(text):
            escapes += _decoded(text, _QUOTED, "=")
        elif "=40" in text:
            escapes += _decoded(text, _QUOTED_AT, "=")
    return edited(text, sorted(escapes)) if escapes else Shadow(text)


def _decoded(text: str, pattern: re.Pattern[str], sign: str) -> Iterator[Edit]:
    for found in pattern.finditer(text):
        escape = found[0].replace("=\n", "")
        try:
            meant = bytes.fromhex(escape.replace(sign, "")).decode()
        except ValueError:
            continue
        seen = "".join(_seen(c) for c in meant)
        if seen.isprintable():
            yield Edit(found.start(), found.end(), seen.translate(_PLAIN))


def _seen(c: str) -> str:
    """What a reader sees of a decoded character: nothing of a zero-width one, a blank of any blank."""
    category = unicodedata.category(c)
    return "" if category == "Cf" else " " if category == "Zs" else c


# ── the folded shadow: letters without case and accents ─────────────────────────────────────────

_RUNS = re.compile(r"  (?:(?<=[^\W\d_]  ) *(?=\w)|(?<=[\w,.:]  ) *(?=[^\W\d_]))")
"""Where `_joins` may hold. Begins with two blanks, for which `re` looks quickly; linear: a run is tried once."""
_ASCII_RUNS = re.compile(r"  (?:(?<=[a-z]  ) *(?=[a-z0-9])|(?<=[0-9,.:]  ) *(?=[a-z]))")
"""Where it holds in a text of ASCII letters."""
_GAPS = re.compile("  (?<=[^ \x1e]  ) *")


def _joins(low: str, m: re.Match[str]) -> bool:
    """Whether a name may stand on both sides of a run of blanks; between the columns of a log none does."""
    before, after = low[m.start() - 1 : m.start()], low[m.end() : m.end() + 1]
    return (before.isalpha() and after.isalnum()) or (
        after.isalpha() and (before.isdigit() or before in (",", ".", ":"))
    )


_ASCII_SPACES = "\t\n\r\x0b\x0c"
_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"}
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
            folded = "".join(_LETTERS.get(x, x) for x in folded)
        if len(folded) != 1:
            self.odd.add(c)
        self[point] = folded
        return folded


_FOLDS = _Folds()


def fold(text: str) -> str:
    """Lower case, compatibility form, no accents, every white space a space. May change the length."""
    plain_letters = text if text.isascii() else as_ascii(text, _FOLDS)
    if plain_letters is None:
        return text.translate(_FOLDS)
    low = plain_letters.lower()
    for space in _ASCII_SPACES:
        if space in low:
            low = low.replace(space, " ")
    return low


def folded(text: str) -> Shown:
    """The folded text with runs of white space as one space. Linear."""
    low = fold(text)
    if len(low) != len(text) or not (text.isascii() or _FOLDS.odd.isdisjoint(beyond_ascii(text))):
        return edited(text.translate(_SAME), _odd_and_runs(text))
    if "  " not in low:
        return Shadow(low)
    return _Collapsed(low)


class _Collapsed:
    """The text with one blank for each run of them: `edited`, for thousands of runs.

    Most texts have no name of their case, and so nothing to lead back: the map is made when it is asked.
    """

    def __init__(self, low: str) -> None:
        self._low = low
        self.text = _ASCII_RUNS.sub(" ", low) if low.isascii() else _RUNS.sub(partial(_run, low), low)

    @cached_property
    def _map(self) -> tuple[list[int], list[int]]:
        """Where the blanks stand, and how many characters are missing up to each."""
        low = self._low
        if low.isascii():
            runs = [m.span() for m in _ASCII_RUNS.finditer(low)]
        else:
            runs = [m.span() for m in _RUNS.finditer(low) if _joins(low, m)]
        missing = [0, *accumulate(end - start - 1 for start, end in runs)]
        return [start - less for (start, _), less in zip(runs, missing, strict=False)], missing

    def start(self, place: int) -> int:
        """Behind as many characters as are missing before it; a blank begins where its run does."""
        blanks, missing = self._map
        return place + missing[bisect_left(blanks, place)]

    end = start
    """What ends behind a blank ends behind its run, so that both ways back are one."""


def _run(low: str, m: re.Match[str]) -> str:
    return " " if _joins(low, m) else m[0]


class _Same(dict[int, str]):
    """Folds that keep the length; the others are edits."""

    def __missing__(self, point: int) -> str:
        found = _FOLDS[point]
        self[point] = found if len(found) == 1 else chr(point)
        return self[point]


_SAME = _Same()


def _odd_and_runs(text: str) -> Iterable[Edit]:
    odd = _any_of(frozenset(_FOLDS.odd.intersection(text)))
    edits = (Edit(m.start(), m.end(), _FOLDS[ord(m[0])]) for m in odd.finditer(text))
    runs = [Edit(m.start(), m.end(), " ") for m in _GAPS.finditer(text.translate(_SAME))]
    return sorted([*edits, *runs]) if runs else edits


@lru_cache(maxsize=64)
def _any_of(characters: frozenset[str]) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(''.join(sorted(characters)))}]")
