"""What turns texts into vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from everycase.domain.cases import Vector
from everycase.domain.failures import ErrorType
from everycase.domain.providers import CallOutcome, Grant
from everycase.domain.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """A vector (unit length, float32) and the space it lives in."""

    vector: Vector = field(repr=False)
    space: str
    was_cut: bool = False
    """The text was too long for the model and was cut on a word."""
    is_reused: bool = False
    """It was kept from an earlier time, so nobody was asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingError:
    """Why one text got no vector."""

    error_type: ErrorType
    message: str
    is_setting: bool = False
    """A setting of the provider is wrong, so that none of its texts gets a vector."""


@dataclass(slots=True, kw_only=True)
class EmbeddingBatch:
    """The answer to one batch: an outcome for every text, in their order, and what it cost."""

    outcomes: list[Embedding | EmbeddingError]
    calls: int
    """Requests made to a provider; a local model counts one a batch."""
    tokens: int
    usage: dict[str, Usage] = field(default_factory=dict)
    """The same and more, by provider."""


Kept = Callable[[Sequence[str], str], Mapping[str, Vector]]
"""The vectors that are kept of these texts in a space, by text."""


class Embedder(Protocol):
    """Turns texts into vectors. A chain of embedders is itself an embedder."""

    space: str
    """The preferred space: `provider/model@dimensions`."""
    spaces: Mapping[str, int]
    """Every space it may answer in, with its dimensions."""

    def embed_documents(self, texts: Sequence[str], *, kept: Kept | None = None) -> EmbeddingBatch:
        """One outcome a text; never raises for a text, never drops one.

        A fallback is asked only for what is not `kept` in its space. A chain raises
        `DependencyUnreachable` where the address, model or key of all its providers is wrong.
        """

    def embed_query(self, text: str, space: str) -> Vector:
        """The query's vector in `space`. Raises `EmbeddingFailure` when its provider cannot be reached."""

    def is_ready(self, space: str) -> bool:
        """Whether the provider of `space` answers now; may ask it for something small."""

    def estimate_tokens(self, characters: int) -> int:
        """About how many tokens texts of so many characters have."""


@runtime_checkable
class TokenCounter(Protocol):
    """An embedder whose tokenizer is at hand, so that a plan need not estimate."""

    def count_tokens(self, texts: Sequence[str]) -> int:
        """How many tokens `embed_documents` would count for these texts."""


def count_tokens(embedder: Embedder, texts: Sequence[str]) -> int:
    """How many tokens the texts have: counted where the embedder can, else estimated by their characters."""
    if isinstance(embedder, TokenCounter):
        return embedder.count_tokens(texts)
    return embedder.estimate_tokens(sum(map(len, texts)))


class ProviderGate(Protocol):
    """Budget and circuit breaker of a provider, shared by all threads, processes and machines."""

    def reserve(self, *, tokens: int, patience_s: float, at_once: bool = False) -> Grant:
        """Reserve a call; if there is a wait, the caller waits `wait_s` and then asks `look`.

        `at_once`: probe an open breaker before its time.
        """

    def look(self) -> Grant:
        """Whether the breaker has opened, or a longer wait was ordered, since the call was reserved."""

    def report(self, grant: Grant, outcome: CallOutcome, *, retry_after_s: float = 0.0) -> None:
        """Report how the reserved call ended."""
