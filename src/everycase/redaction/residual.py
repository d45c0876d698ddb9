"""The post-condition: an independent look at what is left (contract §6). Fails closed.

It shares no pattern, no word form and no search with the masks: it makes its own shadow, takes identity
values apart by itself, and looks for them with nothing but letters or nothing but digits left of the text.
Shapes are those that leave no doubt. What it finds is a fault of a rule, and is counted by shape.
"""

from __future__ import annotations

import heapq
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from urllib.parse import unquote

from everycase.domain.catalogue import IdentityKind
from everycase.redaction.residual_shapes import Residue, find_shapes
from everycase.redaction.spans import Label, Span
from everycase.redaction.translating import as_ascii

_PLACEHOLDER = re.compile(r"<[A-Z]{2,10}_\d{1,4}>")
_BLANK = "\x00"
_GAP = 3
"""Signs between two digits of one number."""
_LONGEST = 300
"""Characters of an identity value that are looked for."""


class _View(dict[int, str]):
    """Code point → one folded letter or digit, a sign as it is, nothing personal lost: one for one."""

    def __missing__(self, point: int) -> str:
        c = chr(point)
        digit = unicodedata.decimal(c, -1)
        bare = str(digit) if digit >= 0 else unicodedata.normalize("NFKD", c).casefold()[:1] or c
        self[point] = "-" if unicodedata.category(c) == "Pd" or c == "\u2212" else bare
        return self[point]


class _Letters(dict[int, str | None]):
    """Keeps letters and digits only."""

    def __missing__(self, point: int) -> str | None:
        self[point] = chr(point) if chr(point).isalnum() else None
        return self[point]


_VIEW, _LETTERS = _View(), _Letters()
_NOT_LETTERS = bytes(b for b in range(128) if not chr(b).isalnum())
_NOT_DIGITS = bytes(b for b in range(256) if not chr(b).isdigit() or b > 127)


def _seen(text: str) -> str:
    """The text as this scan looks at it, of the same length: placeholders blanked, letters and digits plain."""
    if "<" in text:
        text = _PLACEHOLDER.sub(lambda m: _BLANK * len(m[0]), text)
    plain_letters = text if text.isascii() else as_ascii(text, _VIEW)
    return text.translate(_VIEW) if plain_letters is None else plain_letters.lower()


def _only_letters(seen: str) -> str:
    if seen.isascii():
        return seen.encode().translate(None, _NOT_LETTERS).decode()
    return seen.translate(_LETTERS)


@dataclass(frozen=True, slots=True)
class _Needle:
    """Letters and digits that must not stand together. `is_word`: asked to stand as one word or words."""

    text: str
    label: Label
    shape: str


class ResidualScan:
    """Looks for what must not be left of one case. `allowed`: folded texts that may stay, whoever has them."""

    def __init__(
        self, identities: Iterable[tuple[IdentityKind, str]], allowed: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._allowed = allowed
        self._needles: dict[str, _Needle] = {}
        self._numbers: set[str] = set()
        for kind, value in identities:
            for needle in _needles(kind, value[:_LONGEST]):
                if not allowed(needle.text):
                    self._needles[needle.text] = needle
            if kind is IdentityKind.PHONE:
                self._numbers |= _numbers(value[:_LONGEST])

    def find(self, text: str) -> list[Residue]:
        """Everything that is left in a text; empty is what is wanted."""
        seen = _seen(text)
        found = [*self._own(seen), *find_shapes(text, seen)]
        if "%" in text or "=" in text:
            found += self._escaped(text)
        return [r for r in found if not self._allowed(_only_letters(seen[r.start : r.end]))]

    def _own(self, seen: str) -> Iterator[Residue]:
        letters = _only_letters(seen)
        for needle in self._needles.values():
            if needle.text in letters:
                yield from _located(seen, needle.text, str.isalnum, needle)
        if self._numbers:
            digits = seen.encode("utf-8", "replace").translate(None, _NOT_DIGITS).decode()
            for number in self._numbers:
                if number in digits:
                    yield from _located(seen, number, str.isdigit, _Needle(number, Label.PHONE, "own number"))

    def _escaped(self, text: str) -> Iterator[Residue]:
        """Words with escapes, decoded, that hold a mail address or something of the case's own."""
        for start, end in _words_with_escapes(text):
            escaped = text[start:end].replace("=", "%")
            meant = unquote(escaped, errors="replace")
            if meant == escaped:
                continue
            seen = _seen(meant)
            is_mail = "@" in seen and any(r.shape == "mail" for r in find_shapes(meant, seen))
            if is_mail or next(iter(self._own(seen)), None):
                yield Residue("escaped", Label.EMAIL if is_mail else Label.PERSON, start, end)


_PERCENT, _QUOTED = re.compile(r"%[0-9A-Fa-f]{2}"), re.compile(r"=[0-9A-Fa-f]{2}")
_ENDS_WORD = " \t\n<>\x1e"
_REST_OF_WORD = re.compile(rf"[^{_ENDS_WORD}]*")
_LONGEST_WORD = 200


def _words_with_escapes(text: str) -> Iterator[tuple[int, int]]:
    reach = 0
    for escape in heapq.merge(_PERCENT.finditer(text), _QUOTED.finditer(text), key=re.Match.start):
        if escape.start() < reach:
            continue
        least = max(reach, escape.start() - _LONGEST_WORD)
        start = max(least, *(text.rfind(c, least, escape.start()) + 1 for c in _ENDS_WORD))
        rest = _REST_OF_WORD.match(text, escape.end(), escape.end() + _LONGEST_WORD)
        reach = rest.end() if rest else escape.end()
        yield start, reach


def _located(seen: str, wanted: str, counts: Callable[[str], bool], needle: _Needle) -> Iterator[Residue]:
    """Where `wanted` stands when only characters that count are read, with short gaps, as whole words."""
    places = [i for i, c in enumerate(seen) if counts(c)]
    read = "".join(seen[i] for i in places)
    at = read.find(wanted)
    while at != -1:
        start, end = places[at], places[at + len(wanted) - 1] + 1
        touches = (start and counts(seen[start - 1])) or (end < len(seen) and counts(seen[end]))
        touches = touches and not (counts is str.isdigit and len(wanted) >= 9)
        inside = places[at : at + len(wanted)]
        is_close = all(b - a <= _GAP + 1 for a, b in pairwise(inside))
        if (
            is_close
            and not touches
            and not (counts is str.isdigit and any(map(str.isalpha, seen[start:end])))
            and _is_plain(seen, start, end)
        ):
            yield Residue(needle.shape, needle.label, start, end)
        at = read.find(wanted, at + 1)


def _is_plain(seen: str, start: int, end: int) -> bool:
    """No placeholder, and no end of a text, stands in between."""
    return _BLANK not in seen[start:end] and "\x1e" not in seen[start:end] and "\n\n" not in seen[start:end]


# ── what is looked for ──────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=20_000)
def _needles(kind: IdentityKind, value: str) -> tuple[_Needle, ...]:
    return tuple(
        n for n in _made(kind, value) if len(n.text) >= 7 or (not n.text.isascii() and len(n.text) >= 2)
    )


def _made(kind: IdentityKind, value: str) -> Iterator[_Needle]:
    for piece in re.split(r"[;\n]", value)[:32]:
        mails = re.findall(r"[^\s<>\"',;:()\[\]]+@[^\s<>\"',;:()\[\]]+", piece)
        for mail in mails:
            yield _Needle(_letters(mail), Label.EMAIL, "own mail")
            piece = piece.replace(mail, " ")
        if kind in (IdentityKind.PERSON, IdentityKind.EMAIL):
            yield from _named(piece)
        elif kind is IdentityKind.COMPANY:
            yield _Needle(_letters(piece), Label.COMPANY, "own company")
        elif kind is IdentityKind.ADDRESS and any(map(str.isdigit, piece)):
            parts = (p for p in piece.split(",") if any(map(str.isdigit, p)) and any(map(str.isalpha, p)))
            yield from (_Needle(_letters(p), Label.ADDRESS, "own address") for p in parts)


def _named(piece: str) -> Iterator[_Needle]:
    for one in [piece] if piece.count(",") < 2 else piece.split(","):
        parts = [p for p in (_letters(w) for w in re.split(r"[\s,]+", re.sub(r"\([^)]*\)", " ", one))) if p][
            :6
        ]
        if len(parts) == 1 and not parts[0].isascii():
            yield _Needle(parts[0], Label.PERSON, "own name")
        if len(parts) > 1:
            for a, b in ((parts[0], parts[-1]), (parts[-1], parts[0])):
                yield _Needle(a + b, Label.PERSON, "own name")


def _letters(value: str) -> str:
    return _only_letters(_seen(unicodedata.normalize("NFC", value)))


def _numbers(value: str) -> set[str]:
    """The last nine digits, or all of a shorter number without its zeros."""
    number = re.split(r"(?i)x|ext|durchwahl|/ ", value)[0]
    digits = "".join(str(unicodedata.decimal(c)) for c in number if c.isdecimal()).lstrip("0")
    return {digits[-9:]} if len(digits) >= 7 else set()


def spans(text: str, residues: Iterable[Residue]) -> list[Span]:
    """What was found, for one more mask; placeholders stay."""
    fixed = [Span(m.start(), m.end(), Label.PERSON, "", is_fixed=True) for m in _PLACEHOLDER.finditer(text)]
    return fixed + [
        Span(r.start, r.end, r.label, text[r.start : r.end].lower(), f"residual: {r.shape}", is_known=True)
        for r in residues
    ]
