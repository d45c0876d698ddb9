"""Which words of a long query Weaviate is asked for.

Its time for a query grows with the words and with the cases that have each of them. A long query has dozens
of words that a third of all cases have, and they change the order of the best cases little. Weaviate does not
tell how common a word is: a sample of the cases does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from everycase.indexes.bm25 import Word, choose

SAMPLE = 500
"""Cases whose words are counted."""

FRESH_S = 3600.0
"""They are counted again after so long: what words are common changes slowly."""

SHORT = 20
"""A query of so many different words is asked as it is."""

MOST_OCCURRENCES = 100_000
"""How often the words of a long query may occur in the index, each counted once a case."""

_UNSEEN = 0.5
"""In how many cases of the sample a word counts as occurring that is in none of them."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """In how many of some cases each word occurs. `size`: cases of the whole index."""

    occurrences: Mapping[str, int]
    cases: int
    size: int


def lexicon_of(texts: Iterable[str], size: int) -> Lexicon:
    """`texts`: those of some cases of an index with `size` cases."""
    occurrences: Counter[str] = Counter()
    cases = 0
    for text in texts:
        occurrences.update(set(words_of(text)))
        cases += 1
    return Lexicon(occurrences=occurrences, cases=cases, size=size)


def words_of(text: str) -> list[str]:
    """The words of a text as Weaviate's tokenisation `word` makes them."""
    return _WORD.findall(text.lower())


def is_long(text: str) -> bool:
    """Whether a query has so many words that some of them are chosen."""
    return len(set(words_of(text))) > SHORT


def shorten(text: str, lexicon: Lexicon) -> str:
    """The words of a long query that count most, as often as it has them; a small index is asked for all."""
    counts = Counter(words_of(text))
    if lexicon.cases < SAMPLE or len(counts) * lexicon.size <= MOST_OCCURRENCES:
        return text
    share = lexicon.size / lexicon.cases
    words = [
        Word(lexeme=w, times=n, cases=share * lexicon.occurrences.get(w, _UNSEEN)) for w, n in counts.items()
    ]
    chosen = choose(words, lexicon.size, MOST_OCCURRENCES)
    return " ".join(w.lexeme for w in chosen for _ in range(w.times)) or text
