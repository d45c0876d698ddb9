"""The interfaces to the outside: source, redactor, embedder, index, notifier."""

from __future__ import annotations

from everycase.ports.alerts import Notifier
from everycase.ports.embedding import (
    Embedder,
    Embedding,
    EmbeddingBatch,
    EmbeddingError,
    Kept,
    ProviderGate,
    TokenCounter,
    count_tokens,
)
from everycase.ports.index import (
    MARK,
    Collection,
    Collections,
    Comparison,
    Condition,
    Facets,
    Findings,
    Hit,
    IndexHealth,
    Passage,
    UpsertOutcome,
    UpsertStatus,
    VectorIndex,
)
from everycase.ports.redaction import Redactor
from everycase.ports.source import ObjectState, Reading, ReadProof, ReadState, Source, VersionKind

__all__ = [
    "MARK",
    "Collection",
    "Collections",
    "Comparison",
    "Condition",
    "Embedder",
    "Embedding",
    "EmbeddingBatch",
    "EmbeddingError",
    "Facets",
    "Findings",
    "Hit",
    "IndexHealth",
    "Kept",
    "Notifier",
    "ObjectState",
    "Passage",
    "ProviderGate",
    "ReadProof",
    "ReadState",
    "Reading",
    "Redactor",
    "Source",
    "TokenCounter",
    "UpsertOutcome",
    "UpsertStatus",
    "VectorIndex",
    "VersionKind",
    "count_tokens",
]
