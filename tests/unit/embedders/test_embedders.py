"""The local models and the chain: an outcome for each text, and no vector that is not one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from everycase.domain.failures import EmbeddingFailure, ErrorType
from everycase.embedders.admission import admit
from everycase.embedders.chain import EmbedderChain
from everycase.embedders.wordllama import WordLlamaEmbedder
from everycase.ports import Embedding, EmbeddingBatch, EmbeddingError

TEXTS = ["The fan is loud.", "Memory error on DIMM 3 of processor 1", "größer Ω 你好 " * 50, "x"]
LOCAL = WordLlamaEmbedder()


def test_vectors_are_those_of_wordllama_itself() -> None:
    """Only its padding is left out."""
    from everycase.embedders.wordllama import _load

    theirs = _load().embed(TEXTS, norm=True)
    ours = np.stack([o.vector for o in LOCAL.embed_documents(TEXTS).outcomes])
    assert np.allclose(ours, theirs, atol=1e-6)
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)


def test_the_same_text_is_the_same_vector_in_any_batch() -> None:
    """To the last bit, so that hashes agree."""
    alone = [LOCAL.embed_documents([t]).outcomes[0].vector for t in TEXTS]
    together = [o.vector for o in LOCAL.embed_documents(TEXTS).outcomes]
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


def test_a_text_without_words_is_an_error_of_its_own() -> None:
    """The others have their vectors."""
    outcomes = LOCAL.embed_documents(["a", "", "b"]).outcomes
    assert [type(o) for o in outcomes] == [Embedding, EmbeddingError, Embedding]


def test_loading_the_model_leaves_the_logs_alone() -> None:
    """Importing wordllama would configure the root logger."""
    LOCAL.embed_documents(["a"])
    assert not [h for h in logging.getLogger().handlers if type(h) is logging.StreamHandler]


class Provider:
    """An embedder that answers what it is told to."""

    def __init__(self, name: str, answers: Mapping[str, object], width: int = 3) -> None:
        self.space = f"{name}/m@{width}"
        self.spaces = {self.space: width}
        self.answers, self.asked = answers, []

    def embed_documents(self, texts: Sequence[str], **_kept: object) -> EmbeddingBatch:
        self.asked.append(list(texts))
        outcomes = []
        for t in texts:
            answer = self.answers.get(t, [1.0, 2.0, 2.0])
            if isinstance(answer, EmbeddingError):
                outcomes.append(answer)
            else:
                outcomes.append(Embedding(vector=np.array(answer, dtype=np.float32), space=self.space))
        return EmbeddingBatch(
            outcomes=outcomes[: self.answers.get("#", len(outcomes))], calls=1, tokens=len(texts)
        )

    def embed_query(self, text: str, space: str) -> np.ndarray:
        return np.ones(3, dtype=np.float32)

    def estimate_tokens(self, characters: int) -> int:
        return characters


REJECTED = EmbeddingError(error_type=ErrorType.EMBEDDING_REJECTED, message="no")


def test_what_the_first_cannot_embed_goes_to_the_next() -> None:
    """In its own space; only what failed is asked again."""
    first, second = Provider("a", {"poison": REJECTED}), Provider("b", {})
    batch = EmbedderChain([first, second]).embed_documents(["one", "poison", "two"])
    assert [o.space for o in batch.outcomes] == ["a/m@3", "b/m@3", "a/m@3"]
    assert second.asked == [["poison"]]
    assert (batch.calls, batch.tokens) == (2, 4)


@pytest.mark.parametrize(
    "answer", [[1.0, 2.0], [0.0, 0.0, 0.0], [1.0, float("nan"), 0.0], [float("inf"), 0, 0]]
)
def test_what_is_no_vector_of_its_space_is_never_let_in(answer: list[float]) -> None:
    """Wrong width, zero, not finite: a named failure."""
    (outcome,) = EmbedderChain([Provider("a", {"t": answer})]).embed_documents(["t"]).outcomes
    assert isinstance(outcome, EmbeddingError)
    assert outcome.error_type is ErrorType.INVALID_EMBEDDING


def test_another_number_of_answers_says_nothing_about_any_text() -> None:
    """None of them is let in."""
    outcomes = EmbedderChain([Provider("a", {"#": 1})]).embed_documents(["one", "two"]).outcomes
    assert [o.error_type for o in outcomes] == [ErrorType.INVALID_EMBEDDING] * 2


def test_vectors_are_let_in_at_unit_length() -> None:
    """Whatever length a provider gives them."""
    found = admit(Embedding(vector=np.array([3.0, 4.0], dtype=np.float32), space="s"), dimensions=2)
    assert np.allclose(found.vector, [0.6, 0.8])


def test_a_query_is_embedded_by_the_provider_of_its_space() -> None:
    """And a space that nobody knows is said so."""
    chain = EmbedderChain([Provider("a", {}), LOCAL])
    assert chain.embed_query("fan", LOCAL.space).shape == (256,)
    with pytest.raises(EmbeddingFailure, match="none of EVERYCASE_EMBEDDERS"):
        chain.embed_query("fan", "other/m@9")


def test_an_embedder_for_queries_embeds_no_documents() -> None:
    """Cases in a former space are still found by meaning until they are in the new one."""
    chain = EmbedderChain([Provider("a", {})], for_queries=[LOCAL])
    assert chain.embed_query("fan", LOCAL.space).shape == (256,)
    assert LOCAL.space not in chain.spaces
