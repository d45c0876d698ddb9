"""Stage 4: a vector for each text; what is in the cache costs nothing (contract §5, §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from everycase.domain.cases import Composite, EmbeddedCase, RedactedCase, Vector
from everycase.domain.failures import Failure, FailureStage
from everycase.domain.fingerprint import text_hash
from everycase.domain.runs import BatchResult
from everycase.domain.usage import Usage, add_usage, provider_of
from everycase.ports import Embedder, Embedding, EmbeddingError
from everycase.store import vectors
from everycase.store.db import Pool

REUSED, EMBEDDED, EMBEDDED_CUT = "reused", "embedded", "embedded, cut to fit the model"
"""What the trail says of a vector: from the cache, computed now, computed of the beginning of a text."""


@dataclass(slots=True, kw_only=True)
class EmbedResult:
    cases: list[EmbeddedCase] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    """Where each vector came from, by text hash: `REUSED`, `EMBEDDED` or `EMBEDDED_CUT`."""
    embedded: int = 0
    reused: int = 0
    cut: int = 0
    calls: int = 0
    tokens: int = 0
    usage: dict[str, Usage] = field(default_factory=dict)

    def count_in(self, result: BatchResult) -> None:
        """Add these texts, calls and tokens to the result of a batch."""
        result.embedded += self.embedded
        result.reused += self.reused
        result.embedding_calls += self.calls
        result.tokens += self.tokens
        result.cut += self.cut
        add_usage(result.usage, self.usage)


def embed(
    pool: Pool,
    embedder: Embedder,
    texts: Sequence[tuple[RedactedCase, Composite]],
    *,
    half_precision: bool = True,
) -> EmbedResult:
    """Vectors from the cache, the rest from the embedder; new ones are kept before they are used.

    Equal texts of a batch are embedded once. No connection is held while a provider is asked.
    """
    result = EmbedResult()
    hashes = [text_hash(composite.to_embed) for _, composite in texts]
    have = {h: (v, embedder.space) for h, v in _cached(pool, sorted(set(hashes)), embedder.space).items()}
    result.origins = dict.fromkeys(have, REUSED)
    if have:
        result.usage[provider_of(embedder.space)] = Usage(reused=len(have))
    wanted = {h: c.to_embed for h, (_, c) in zip(hashes, texts, strict=True) if h not in have}
    errors = _call(pool, embedder, wanted, have, result, half_precision=half_precision)
    for h, (case, composite) in zip(hashes, texts, strict=True):
        if h in have:
            vector, space = have[h]
            result.reused += result.origins[h] == REUSED
            result.cases.append(
                EmbeddedCase(case=case, composite=composite, vector=vector, space=space, text_hash=h)
            )
        else:
            result.failures.append(_failure(case, composite, h, errors[h]))
    return result


def _cached(pool: Pool, hashes: Sequence[str], space: str) -> dict[str, Vector]:
    with pool.connection() as conn:
        kept = vectors.cached(conn, hashes, space)
        if kept.altered:
            vectors.forget(conn, kept.altered, space)
    return kept.vectors


def _call(
    pool: Pool,
    embedder: Embedder,
    wanted: dict[str, str],
    have: dict[str, tuple[Vector, str]],
    result: EmbedResult,
    *,
    half_precision: bool,
) -> dict[str, EmbeddingError]:
    if not wanted:
        return {}
    hashes = {text: h for h, text in wanted.items()}

    def kept(texts: Sequence[str], space: str) -> Mapping[str, Vector]:
        return {wanted[h]: v for h, v in _cached(pool, [hashes[t] for t in texts], space).items()}

    batch = embedder.embed_documents(list(wanted.values()), kept=kept)
    if len(batch.outcomes) != len(wanted):
        raise AssertionError("the embedder owes an outcome for every text")
    result.calls, result.tokens = batch.calls, batch.tokens
    for name, used in batch.usage.items():
        result.usage.setdefault(name, Usage()).add(used)
    errors: dict[str, EmbeddingError] = {}
    fresh: list[tuple[str, str, Vector]] = []
    for h, outcome in zip(wanted, batch.outcomes, strict=True):
        if isinstance(outcome, EmbeddingError):
            errors[h] = outcome
            continue
        have[h], result.origins[h] = (outcome.vector, outcome.space), _origin(outcome)
        if not outcome.is_reused:
            fresh.append((h, outcome.space, outcome.vector))
            result.cut += outcome.was_cut
    with pool.connection() as conn:
        vectors.keep(conn, fresh, half_precision=half_precision)
    result.embedded = len(fresh)
    return errors


def _origin(outcome: Embedding) -> str:
    if outcome.is_reused:
        return REUSED
    return EMBEDDED_CUT if outcome.was_cut else EMBEDDED


def _failure(case: RedactedCase, composite: Composite, h: str, error: EmbeddingError) -> Failure:
    return Failure(
        record_id=case.record_id,
        case_number=case.case_number,
        stage=FailureStage.EMBEDDING_GENERATION,
        error_type=error.error_type,
        message=error.message,
        payload={"text_hash": h, "characters": composite.full_length, "composite": composite.text},
    )
