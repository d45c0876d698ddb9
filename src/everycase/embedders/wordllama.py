"""The `local-small` provider: WordLlama's packaged model, in process, without a network (contract §7)."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from everycase.domain.cases import Vector
from everycase.domain.failures import ErrorType
from everycase.ports import Embedding, EmbeddingBatch, EmbeddingError, Kept

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from wordllama.inference import WordLlamaInference


DIMENSIONS = 256
MODEL = "wordllama-l2-supercat"
CHARACTERS_PER_TOKEN = 3.6
"""Measured on support cases; for estimates only."""

_LOADING = threading.Lock()


class WordLlamaEmbedder:
    """Mean of the texts' token embeddings, as WordLlama computes it, without its padding.

    Vectors are of unit length, float32, shape (256,). One batch counts as one call.
    """

    space = f"local/{MODEL}@{DIMENSIONS}"
    spaces: Mapping[str, int] = {space: DIMENSIONS}

    def embed_documents(self, texts: Sequence[str], *, kept: Kept | None = None) -> EmbeddingBatch:  # noqa: ARG002 - it costs nothing
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        outcomes: list[Embedding | EmbeddingError] = []
        tokens = 0
        for encoding in encodings:
            ids = np.asarray(encoding.ids, dtype=np.int64)
            tokens += len(ids)
            outcomes.append(self._embedding(ids))
        return EmbeddingBatch(outcomes=outcomes, calls=1, tokens=tokens)

    def embed_query(self, text: str, space: str) -> Vector:
        """Queries are embedded as documents are. Raises `ValueError` for another space, or no words."""
        if space != self.space:
            raise ValueError(f"{space} is not a space of WordLlama")
        outcome = self.embed_documents([text]).outcomes[0]
        if isinstance(outcome, EmbeddingError):
            raise ValueError(outcome.message)
        return outcome.vector

    def is_ready(self, space: str) -> bool:
        return space == self.space

    def estimate_tokens(self, characters: int) -> int:
        return round(characters / CHARACTERS_PER_TOKEN)

    def count_tokens(self, texts: Sequence[str]) -> int:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return sum(len(e.ids) for e in encodings)

    def _embedding(self, ids: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Embedding | EmbeddingError:
        if not len(ids):
            return EmbeddingError(error_type=ErrorType.EMBEDDING_REJECTED, message="the text has no words")
        matrix = self._model.embedding
        np.clip(ids, 0, len(matrix) - 1, out=ids)
        mean = matrix[ids].mean(axis=0)
        return Embedding(vector=(mean / np.linalg.norm(mean)).astype(np.float32), space=self.space)

    @cached_property
    def _model(self) -> WordLlamaInference:
        with _LOADING:
            return _load()

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer: Tokenizer = self._model.tokenizer
        tokenizer.no_padding()
        return tokenizer


def _load() -> WordLlamaInference:
    """The model that the package ships; nothing is looked up or downloaded.

    Importing wordllama configures the root logger if nobody has: a handler that is there for as long
    as the import lasts keeps it from that.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    root, guard = logging.getLogger(), logging.NullHandler()
    root.addHandler(guard)
    try:
        import wordllama
    finally:
        root.removeHandler(guard)
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
