"""What a search in Weaviate needs and its query does not change: asked once for many searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from everycase.domain.cases import Vector
from everycase.domain.ranking import Background
from everycase.indexes import hybrid
from everycase.indexes.weaviate import schema
from everycase.indexes.weaviate import search as asked
from everycase.indexes.weaviate.words import FRESH_S, SAMPLE, Lexicon, lexicon_of
from everycase.ports import Condition


class StandingFacts:
    """The sizes of the spaces, a sample of vectors of each, how common words are, and what is out of reach.

    `spaces`: how many cases each space holds, as it is now.
    """

    def __init__(self, spaces: Callable[[], Mapping[str, int]]) -> None:
        self._spaces = spaces
        self._sizes = hybrid.remembered_sizes()
        self._samples = hybrid.remembered_samples()
        self._unreached = hybrid.Remembered[bool](lambda _: True)
        self._lexicons = hybrid.Remembered[Lexicon](lambda _: True, fresh_s=FRESH_S)

    def sizes(self) -> Mapping[str, int]:
        return self._sizes.get("", self._spaces)

    def forget_unreached(self) -> None:
        """After objects were marked as out of reach."""
        self._unreached.forget()

    def lists(self, collection: Any, where: Sequence[Condition]) -> asked.WeaviateLists:
        unreached = self._unreached.get("", lambda: asked.has_unreached(collection))
        return asked.WeaviateLists(
            collection, where, has_unreached=unreached, lexicon=lambda: self._lexicon(collection)
        )

    def backgrounds(self, collection: Any, queries: Mapping[str, Vector]) -> dict[str, Background]:
        """Of the spaces that hold cases and for which a query has a fitting vector."""
        sizes = self.sizes() if queries else {}

        def sample(space: str) -> Vector:
            return self._samples.get(
                space, lambda: hybrid.as_matrix(asked.sample(collection, space, hybrid.SAMPLE))
            )

        fitting = {s: v for s, v in queries.items() if sizes.get(s) and v.shape == (schema.width_of(s),)}
        return {s: hybrid.background(sample(s), sizes[s], vector) for s, vector in fitting.items()}

    def _lexicon(self, collection: Any) -> Lexicon:
        def ask() -> Lexicon:
            return lexicon_of(asked.sample_texts(collection, SAMPLE), sum(self.sizes().values()))

        return self._lexicons.get("", ask)
