"""Ranges of ids, so that a large object is read by several jobs at once."""

from __future__ import annotations

from everycase.domain.rows import long_id

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY = 15


def split_range(lowest: str, highest: str, parts: int) -> list[str]:
    """The ids at which a range from `lowest` to `highest` is cut into `parts`; fewer where it is narrow.

    They need not be ids of rows: a cut anywhere loses no row, and rows that lie unevenly only make
    parts of unequal size.
    """
    low, high = _value(lowest), _value(highest)
    cuts = sorted({low + (high - low) * n // parts for n in range(1, parts)} - {low})
    return [long_id(_spelt(c)) for c in cuts]


def _value(record_id: str) -> int:
    found = 0
    for letter in record_id[:_KEY]:
        found = found * 62 + _BASE62.index(letter)
    return found


def _spelt(value: int) -> str:
    letters = []
    for _ in range(_KEY):
        value, digit = divmod(value, 62)
        letters.append(_BASE62[digit])
    return "".join(reversed(letters))
