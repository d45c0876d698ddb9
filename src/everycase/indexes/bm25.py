"""Which words of a long query are asked for: those that count most in BM25 (docs/decisions/0019)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of the query, how often it has it, and in how many cases it occurs."""

    lexeme: str
    times: int
    cases: float


W = TypeVar("W", bound=Word)


def rarity(word: Word, size: int) -> float:
    """Inverse document frequency, as in BM25. `size`: cases of the index."""
    return math.log(1 + (max(size - word.cases, 0) + 0.5) / (word.cases + 0.5))


def worth(word: Word, size: int) -> float:
    """A word's part in the score of a case that has it: times in the query × inverse document frequency."""
    return word.times * rarity(word, size)


def choose(words: Sequence[W], size: int, most: float) -> list[W]:
    """The words that count most and together occur at most `most` times, counting a case once a word.

    A word that occurs in more cases than are left is passed over, and the next ones are tried.
    """
    chosen: list[W] = []
    left = most
    for w in sorted(words, key=lambda w: (-worth(w, size), w.lexeme)):
        if w.cases <= left:
            chosen.append(w)
            left -= w.cases
    return chosen
