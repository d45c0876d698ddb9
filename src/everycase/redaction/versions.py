"""Four numbers with dots: the address of a host, or the version of a product.

Decided by what touches them, by the word to the left, and by the numbers themselves; where nothing
speaks for a version, they are an address.
"""

from __future__ import annotations

import re
from functools import lru_cache

from everycase.redaction.words import words

_AROUND = 48
"""Characters to the left and right that are looked at, so that the rules below are bounded."""

_LEFT_REVERSED = re.compile(
    r"v?[\"'(]?[ \t]{0,3}(?:(?<![A-Za-z0-9])(?:si|saw|ot|morf|no|ta|fo)(?![A-Za-z0-9])|[=:#@(\"'])?"
    r"(?:[ \t]{1,2}(?:\d{1,3}\.)?\d{1,4})?[ \t]{0,3}"
    r"(?<![A-Za-z0-9])([A-Za-z0-9+_.-]{0,30}[A-Za-z])(?![A-Za-z0-9])"
)
"""The word to the left, perhaps with a number or `is` behind it, in the text read backwards: from its end on, no
place need be tried but one."""
_MOVED = re.compile(
    r"(?i:upgrad\w*|updat\w*|downgrad\w*|migrat\w*|flash\w*|patch\w*|roll\w*|went|moved?|bump\w*|level|install\w*)"
    r"[^\n]{0,30}\b(?i:from|to)[ \t]{1,2}\Z"
)
_MOVES = ("from", "to")
_TWO = re.compile(r"\d{1,4}(?:\.\d{1,5}){2,4}[ \t]{0,2}(?:to|->|=>|→|and|or|,|/|vs\.?)[ \t]{0,2}\Z")
_JOINS = ("to", "->", "=>", "→", "and", "or", ",", "/", "vs", "vs.")
_BESIDE = re.compile(
    r"\d{1,4}(?:\.\d{1,5}){1,4},?[ \t]\(?(?:was|from|formerly|previously|old|new|now|currently|before|instead of)[ :]{1,2}\Z"
)
_ONCE = ("was", "from", "formerly", "previously", "old", "new", "now", "currently", "before", "instead of")
"""What the patterns above end with: the end of a text is quicker to compare than a pattern to search."""
_SINCE = re.compile(
    r"(?<![\w.])(\d{1,4}(?:\.\d{1,5}){3})(?:[-~+][\w.]{1,20})?[,;]?[ \t]{1,2}\(?(?:(?:and|und|et|y|e|i|then|was|is|now|later|earlier|before|before that|after that|afterwards|"
    r"previously|previous|formerly|prior|initially|originally|old|new|from|to|upgraded|downgraded|updated|instead of|not|zuvor|vorher|davor|jetzt|dann|danach|war|"
    r"avant|puis|ensuite|maintenant|antes|luego|después|ahora|depois|prima|poi|ora|dopo|wcześniej|potem|teraz|eerder|daarna|nu)[ \t:]{1,2}){1,3}\Z",
    re.IGNORECASE,
)
"""`7.1.0.4, previously 6.9.0.7`: of one kind with the numbers before."""
_TWO_AFTER = re.compile(r"[ \t]{0,2}(?:to|->|=>|→|vs\.?)[ \t]{0,2}\d{1,4}(?:\.\d{1,5}){2,4}")
_LATEST = re.compile(
    r",?[ \t]\(?(?:the )?(?:latest|newest|recommended|required|minimum|supported)(?: version| release)?(?: is| was)?:? \d{1,4}(?:\.\d{1,5}){2,4}"
)
_NAMED_AFTER = re.compile(
    r"[ \t]{1,2}(?i:firmware|release|version|driver|build|bios|patch|hotfix|image|fw|rpm|package|update)\b(?! \d)"
)
_PORT = re.compile(r":\d{1,5}(?![\d.])|/\d{1,2}(?![\d.])")
_GLUED = re.compile(r"[-_~+][A-Za-z0-9]")
_RANGE = re.compile(r"-\d{1,3}(?:\.\d{1,3}){3}")
_TWO_DIGITS = re.compile(r"(?:\A|\.)0[0-9](?:\.|\Z)")
"""`7.20.05.00`: no number of an address has a zero in front."""
_NEAR = 10
"""The first part of a product's next version differs by less."""
_LARGE = 100
"""A version seldom has a part as large as this; every second address has."""


def is_version(text: str, start: int, end: int) -> bool:
    """Whether the four numbers at `[start, end)` are a version."""
    return _is_version(text[max(0, start - _AROUND) : start], text[start:end], text[end : end + _AROUND])


@lru_cache(maxsize=4096)
def _is_version(before: str, quad: str, after: str) -> bool:
    """Asked twice of each place, and again and again of lines of a log."""
    octets = [int(p) for p in quad.split(".")]
    if _is_private(octets) or _PORT.match(after):
        return False
    if _TWO_DIGITS.search(quad):
        return True
    if before[-1:] in ("-", "_", "~", "+") and before[-2:-1].strip():
        return not _is_host_prefix(before)
    if _GLUED.match(after):
        return not _RANGE.match(after)
    return _is_named_so(before, after, octets)


def _is_private(octets: list[int]) -> bool:
    first, second = octets[:2]
    return (
        (first, second) in ((192, 168), (169, 254))
        or first == 127
        or (first == 172 and 16 <= second < 32)
        or (first == 10 and max(octets) >= _LARGE)
    )


def _is_host_prefix(before: str) -> bool:
    """`ip-`, `host_`: words glued to an address that make it none the less one; a range of addresses too."""
    word = re.search(r"([A-Za-z]{1,30})[-_]\Z", before)
    if word is None:
        return bool(re.search(r"\d{1,3}(?:\.\d{1,3}){3}-\Z", before))
    return word[1].lower() in words("address_words") or word[1].lower() in (
        "vm",
        "client",
        "db",
        "esx",
        "web",
    )


def _is_named_so(before: str, after: str, octets: list[int]) -> bool:
    """By the words around, where the numbers leave it open."""
    is_small = max(octets) < _LARGE
    found = _LEFT_REVERSED.match(before[::-1])
    name = found[1][::-1] if found else ""
    word = name.lower().strip("._-")
    if (
        word in words("sure_version_words")
        or _ends_with(word, octets[0])
        or _NAMED_AFTER.match(after)
        or _LATEST.match(after)
    ):
        return True
    end = before.rstrip(" \t")
    if end.lower().endswith(_MOVES) and _MOVED.search(before):
        return octets[0] != 10 or is_small
    if word in words("address_words") or (before[-1:] == "/" and not before[-2:-1].isalnum()):
        return False
    if (first := _SINCE.search(before)) and abs(int(first[1].split(".")[0]) - octets[0]) < _NEAR:
        return _is_version(before[: first.start()], first[1], before[first.end(1) :] + after)
    if octets[0] < 10 and before.rstrip(" :").endswith(_ONCE) and _BESIDE.search(before):
        return True
    is_second = end.endswith(_JOINS) and _TWO.search(before)
    if is_small and octets[0] < 32 and (is_second or _TWO_AFTER.match(after)):
        return octets[0] != 10 or octets[3] == 0
    return _is_of_product(name, word, octets)


def _ends_with(word: str, first: int) -> bool:
    """`OS10 10.5.4.2`, `ESXi7 7.0.3.1`: a system whose name ends with the first number of its version."""
    name = word.removesuffix(str(first))
    if name == word or name in words("address_words"):
        return False
    return name.endswith("os") or name in words("version_words")


def _is_of_product(name: str, word: str, octets: list[int]) -> bool:
    """`iLO 2.44.7.1`, `nmlx5_core 4.23.0.36`, `OMSA 10.2.0.0`: a product's name, and numbers of a version."""
    large = sum(o >= _LARGE for o in octets)
    is_round = octets[3] == 0
    if not name or large > 1 or (large and octets[0] >= 32) or (octets[0] == 10 and not is_round):
        return False
    if word in words("version_words"):
        return True
    is_low = octets[0] < 10 or (octets[0] < 32 and octets[2:] == [0, 0])
    if is_low and len(word) > 2 and word not in words("not_names") and not (large and octets[3] < _LARGE):
        return True
    is_made = "_" in name or any(map(str.isdigit, name)) or (len(name) > 2 and name.isupper())
    return octets[0] < 32 and not large and (is_made or any(map(str.isupper, name[1:])))
