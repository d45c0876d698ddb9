"""Providers in order: what the first cannot embed goes to the next. Itself an embedder (contract §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from everycase.domain.cases import Vector
from everycase.domain.errors import DependencyUnreachable
from everycase.domain.failures import POLICIES, EmbeddingFailure, ErrorType
from everycase.domain.usage import Usage, add_usage, provider_of
from everycase.embedders.admission import admit
from everycase.ports import Embedder, Embedding, EmbeddingBatch, EmbeddingError, Kept, count_tokens

Outcome = Embedding | EmbeddingError

_KEPT_QUERIES = 512
"""Vectors of queries that are kept in memory."""


class EmbedderChain:
    """The first embedder is the preferred one; every vector passes the admission gate."""

    def __init__(self, embedders: Sequence[Embedder], *, for_queries: Sequence[Embedder] = ()) -> None:
        """`for_queries`: embed no documents, only queries in spaces that no embedder of the chain has."""
        if not embedders:
            raise ValueError("a chain needs an embedder")
        self._embedders = tuple(embedders)
        self._for_queries = (*self._embedders, *for_queries)
        self._query_vector = lru_cache(maxsize=_KEPT_QUERIES)(self._embed_query)
        self.space = self._embedders[0].space
        self.spaces: Mapping[str, int] = {s: d for e in self._embedders for s, d in e.spaces.items()}

    def embed_documents(self, texts: Sequence[str], *, kept: Kept | None = None) -> EmbeddingBatch:
        """An outcome for each text: the first vector that is admitted, or why there is none."""
        run = _Run(texts, self.spaces)
        for embedder in self._embedders:
            if kept and embedder is not self._embedders[0]:
                run.reuse(embedder.space, kept)
            if run.waiting:
                run.ask(embedder)
        run.check_settings()
        return run.batch()

    def embed_query(self, text: str, space: str) -> Vector:
        """The vector of a query. Further pages and other filters of a search ask for the same one again."""
        return self._query_vector(text, space)

    def _embed_query(self, text: str, space: str) -> Vector:
        for embedder in self._for_queries:
            if space in embedder.spaces:
                try:
                    return embedder.embed_query(text, space)
                except ValueError as e:
                    raise EmbeddingFailure(ErrorType.EMBEDDING_REJECTED, str(e)) from None
        raise EmbeddingFailure(
            ErrorType.EMBEDDING_UNAVAILABLE, f"none of EVERYCASE_EMBEDDERS embeds in {space}"
        )

    def is_ready(self, space: str) -> bool:
        return any(e.is_ready(space) for e in self._embedders if space in e.spaces)

    def estimate_tokens(self, characters: int) -> int:
        return self._embedders[0].estimate_tokens(characters)

    def count_tokens(self, texts: Sequence[str]) -> int:
        return count_tokens(self._embedders[0], texts)


class _Run:
    """One batch on its way through the chain."""

    def __init__(self, texts: Sequence[str], spaces: Mapping[str, int]) -> None:
        self._texts, self._spaces = texts, spaces
        self._found: dict[int, Outcome] = {}
        self._usage: dict[str, Usage] = {}
        self._calls = self._tokens = 0
        self._wrong: list[str] = []
        """What is wrong with the settings of each provider where something is, a sentence each."""
        self._asked = 0

    @property
    def waiting(self) -> list[int]:
        """The places of the texts that have no vector yet."""
        return [i for i in range(len(self._texts)) if not isinstance(self._found.get(i), Embedding)]

    def reuse(self, space: str, kept: Kept) -> None:
        """What a fallback has embedded once, it need not be paid for again."""
        waiting = self.waiting
        vectors = kept([self._texts[i] for i in waiting], space) if waiting else {}
        for i in waiting:
            if self._texts[i] in vectors:
                self._found[i] = Embedding(vector=vectors[self._texts[i]], space=space, is_reused=True)
                self._usage.setdefault(provider_of(space), Usage()).reused += 1

    def ask(self, embedder: Embedder) -> None:
        places = self.waiting
        batch = embedder.embed_documents([self._texts[i] for i in places])
        outcomes = self._admitted(batch, len(places))
        self._asked += 1
        self._wrong += [o.message for o in outcomes if isinstance(o, EmbeddingError) and o.is_setting][:1]
        for i, outcome in zip(places, outcomes, strict=True):
            self._found[i] = _better(self._found.get(i), outcome)
        self._calls, self._tokens = self._calls + batch.calls, self._tokens + batch.tokens
        name = provider_of(embedder.space)
        used = batch.usage or {name: Usage(texts=len(places), calls=batch.calls, tokens=batch.tokens)}
        used[name].embedded = sum(isinstance(o, Embedding) for o in outcomes)
        add_usage(self._usage, used)

    def check_settings(self) -> None:
        """Raises `DependencyUnreachable` where each provider has a wrong setting and no text has a vector.

        A provider that works carries the run on, whichever of them it is.
        """
        has_vector = any(isinstance(o, Embedding) for o in self._found.values())
        if self._wrong and not has_vector and len(self._wrong) == self._asked:
            raise DependencyUnreachable("; ".join(self._wrong))

    def batch(self) -> EmbeddingBatch:
        outcomes = [self._found[i] for i in range(len(self._texts))]
        return EmbeddingBatch(outcomes=outcomes, calls=self._calls, tokens=self._tokens, usage=self._usage)

    def _admitted(self, batch: EmbeddingBatch, expected: int) -> list[Outcome]:
        """Another number of answers than of texts says nothing about any of them."""
        if len(batch.outcomes) != expected:
            wrong = EmbeddingError(
                error_type=ErrorType.INVALID_EMBEDDING,
                message=f"the provider answered {len(batch.outcomes)} vectors for {expected} texts",
            )
            return [wrong] * expected
        return [
            admit(o, dimensions=self._spaces.get(o.space, 0)) if isinstance(o, Embedding) else o
            for o in batch.outcomes
        ]


def _better(before: Outcome | None, now: Outcome) -> Outcome:
    """A provider that is merely away may yet embed the text: that says more than that another cannot."""
    if isinstance(before, EmbeddingError) and isinstance(now, EmbeddingError):
        return before if POLICIES[before.error_type].is_outage else now
    return now
