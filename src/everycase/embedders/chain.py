"""Providers in order: what the first cannot embed goes to the next. Itself an embedder (contract §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from everycase.domain.cases import Vector
from everycase.domain.failures import EmbeddingFailure, ErrorType
from everycase.embedders.admission import admit
from everycase.ports import Embedder, Embedding, EmbeddingBatch, EmbeddingError


class EmbedderChain:
    """The first embedder is the preferred one; every vector passes the admission gate."""

    def __init__(self, embedders: Sequence[Embedder]) -> None:
        if not embedders:
            raise ValueError("a chain needs an embedder")
        self._embedders = tuple(embedders)
        self.space = self._embedders[0].space
        self.spaces: Mapping[str, int] = {s: d for e in self._embedders for s, d in e.spaces.items()}

    def embed_documents(self, texts: Sequence[str]) -> EmbeddingBatch:
        """An outcome for each text: the first vector that is admitted, or the last error."""
        found: list[Embedding | EmbeddingError | None] = [None] * len(texts)
        open_ones = list(range(len(texts)))
        calls = tokens = 0
        for embedder in self._embedders:
            if not open_ones:
                break
            batch = embedder.embed_documents([texts[i] for i in open_ones])
            calls, tokens = calls + batch.calls, tokens + batch.tokens
            for i, outcome in zip(open_ones, self._admitted(batch, len(open_ones)), strict=True):
                found[i] = outcome
            open_ones = [i for i in open_ones if isinstance(found[i], EmbeddingError)]
        return EmbeddingBatch(outcomes=[o for o in found if o is not None], calls=calls, tokens=tokens)

    def embed_query(self, text: str, space: str) -> Vector:
        for embedder in self._embedders:
            if space in embedder.spaces:
                try:
                    return embedder.embed_query(text, space)
                except ValueError as e:
                    raise EmbeddingFailure(ErrorType.EMBEDDING_REJECTED, str(e)) from None
        raise EmbeddingFailure(
            ErrorType.EMBEDDING_UNAVAILABLE, f"none of EVERYCASE_EMBEDDERS embeds in {space}"
        )

    def estimate_tokens(self, characters: int) -> int:
        return self._embedders[0].estimate_tokens(characters)

    def _admitted(self, batch: EmbeddingBatch, expected: int) -> list[Embedding | EmbeddingError]:
        """Another number of answers than of texts says nothing about any of them."""
        if len(batch.outcomes) != expected:
            wrong = EmbeddingError(
                error_type=ErrorType.INVALID_EMBEDDING,
                message=f"the provider answered {len(batch.outcomes)} vectors for {expected} texts",
            )
            return [wrong] * expected
        return [
            admit(o, dimensions=self.spaces.get(o.space, 0)) if isinstance(o, Embedding) else o
            for o in batch.outcomes
        ]
