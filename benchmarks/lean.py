"""Invented cases that are lean: enough to weigh an index down, cheap enough to make 100,000 of them.

120 words each, whose frequencies fall as those of a language do (Zipf), and vectors of 384 dimensions in 200
clusters. No model embeds them: the vectors are drawn.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import psycopg

from everycase.domain import fingerprint
from everycase.domain.batching import pages
from everycase.domain.cases import IndexObject, Stamps, Vector
from everycase.ports import VectorIndex

WIDTH = 384
SPACE = f"benchmark/model@{WIDTH}"
VOCABULARY, WORDS, CLUSTERS = 60_000, 120, 200
BATCH = 500
FIRST_NUMBER = 50_000_000
SYLLABLES = [c + v for c in "bcdfghjklmnpqrstvwz" for v in "aeiou"]


class Invented:
    """Cases by number; the same seed gives the same ones."""

    def __init__(self, seed: int = 1, *, space: str = SPACE, recipe: str = "r", width: int = WIDTH) -> None:
        self.space, self._recipe, self._width = space, recipe, width
        self._rng = np.random.default_rng(seed)
        self.words = np.array([_word(n) for n in range(VOCABULARY)])
        shares = 1 / np.arange(2, VOCABULARY + 2)
        self._up_to = np.cumsum(shares / shares.sum())
        self._centres = self._rng.normal(size=(CLUSTERS, width))

    def text(self, words: int = WORDS) -> list[str]:
        places = np.searchsorted(self._up_to, self._rng.random(words))
        return list(self.words[np.minimum(places, VOCABULARY - 1)])

    def vector(self) -> Vector:
        raw = self._centres[self._rng.integers(CLUSTERS)] + self._rng.normal(size=self._width)
        return (raw / np.linalg.norm(raw)).astype(np.float32)

    def case(self, n: int) -> IndexObject:
        words, vector, number = self.text(), self.vector(), f"{FIRST_NUMBER + n}"
        return IndexObject(
            stamps=Stamps(
                object_id=fingerprint.object_id(number),
                case_id=f"500{n:012d}AAA",
                case_number=number,
                checksum=f"{n:064x}",
                children_checksum="0" * 64,
                text_hash=f"{n:064x}",
                space=self.space,
                recipe=self._recipe,
                vector_hash="0" * 64,
                object_hash=f"{n:064x}",
                generation=1,
                loaded_at=datetime(2024, 1, 1, tzinfo=UTC),
            ),
            properties={"subject": " ".join(words[:8]), "status": "Closed", "product_line": f"L{n % 9}"},
            composite=" ".join(words),
            vector=vector,
        )

    def query(self, case: IndexObject, /, words: int) -> str:
        """Half of it from a case, as far as the case has so many words, the rest from anywhere."""
        own = case.composite.split()
        picked = self._rng.permutation(own)[: max(2, words // 2)]
        return " ".join([*picked, *self.text(max(words - len(picked), 0))])


def _word(n: int) -> str:
    """The `n`th word; the commonest ones are the shortest."""
    syllables = []
    n += len(SYLLABLES)
    while n:
        n, rest = divmod(n, len(SYLLABLES))
        syllables.append(SYLLABLES[rest])
    return "".join(syllables)


def load(index: VectorIndex, invented: Invented, cases: int) -> list[IndexObject]:
    """Load so many cases as a first sync does, batch by batch; some of them are returned."""
    some = []
    index.begin_load(invented.space, cases)
    for batch in pages(map(invented.case, range(cases)), BATCH):
        refused = [o for o in index.upsert(batch) if o.error_type is not None]
        if refused:
            raise SystemExit(f"the index refuses an invented case: {refused[0]}")
        some += batch[:1]
    index.end_load()
    return some


def vacuum(dsn: str) -> None:
    """What PostgreSQL does by itself some minutes after a load: the planner's statistics, and tidying up."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("vacuum analyze")
