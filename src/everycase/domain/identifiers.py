"""Identifiers in texts: error codes, case and part numbers, versions. They are found by equality."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

SHORTEST, LONGEST = 3, 64
MOST = 400
"""Identifiers kept of one case: a pasted log has thousands, and the first ones are enough."""

_BARE, _LONG = 3, 30
"""Words of a query that may be nothing but identifiers, and of one that is a whole report."""

_TOKEN = re.compile(r"[^\W_](?:[\w.:/#+\-]*[^\W_])?")
_PARTS = re.compile(r"[:/#+]")
_MOMENT = re.compile(
    r"\d{4}[-/.]\d\d?[-/.]\d\d?(?:t\S*)?|\d\d?[-/]\d\d?[-/]\d{2,4}|\d\d?:\d\d(?::\d\d)?(?:[.,]\d+)?"
)
_SMALL = re.compile(r"\d{1,3}")


def identifiers(texts: Iterable[str], *, codes: Iterable[str] = ()) -> list[str]:
    """The identifiers of some texts in lower case, each once; every entry of `codes` is one.

    >>> identifiers(["iLO 2.10: P00930-B21 fails"])
    ['2.10', 'p00930-b21']
    """
    found = dict.fromkeys(code for text in codes for code in _codes(text))
    for text in texts:
        for token in _TOKEN.findall(text.lower()):
            found.update(dict.fromkeys(_identifiers_of(token)))
        if len(found) >= MOST:
            break
    return list(found)[:MOST]


def _codes(text: str) -> Iterator[str]:
    """A code field holds one code, or several with commas, semicolons or blanks between them."""
    whole = " ".join(text.lower().split())
    for code in (whole, *re.split(r"[,;|\s]+", whole)):
        if SHORTEST <= len(code) <= LONGEST:
            yield code


def _identifiers_of(token: str) -> Iterator[str]:
    for part in (token, *_PARTS.split(token)):
        bare = part[1:] if re.match(r"v\d", part) else part
        if SHORTEST <= len(bare) <= LONGEST and _is_identifier(bare):
            yield bare


def _is_identifier(token: str) -> bool:
    """Whether it has a digit, and is neither a small number nor a date or time."""
    has_digit = any(c.isdigit() for c in token)
    return has_digit and not _SMALL.fullmatch(token) and not _MOMENT.fullmatch(token)


def is_bare(query: str) -> bool:
    """Whether a query may be nothing but identifiers."""
    return len(query.split()) <= _BARE


def asked_for(query: str) -> list[str]:
    """The identifiers that a query asks for; a bare query may be one without digits.

    A long query is a pasted report: what looks like an identifier in it is no more than a word (measured,
    docs/decisions/0018).
    """
    if len(query.split()) > _LONG:
        return []
    return identifiers([query], codes=[query] if is_bare(query) else ())
