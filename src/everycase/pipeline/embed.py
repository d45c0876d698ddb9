"""Stage 4: a vector for each text; what is in the cache costs nothing (contract §5, §7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from everycase.domain.cases import EmbeddedCase, RedactedCase, Vector
from everycase.domain.composite import Composite
from everycase.domain.failures import Failure, FailureStage
from everycase.domain.fingerprint import text_hash
from everycase.ports import Embedder, EmbeddingError
from everycase.store import vectors
from everycase.store.db import Connection


@dataclass(slots=True, kw_only=True)
class EmbedResult:
    cases: list[EmbeddedCase] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    fresh: set[str] = field(default_factory=set)
    """The hashes of the texts that a provider was asked for; the others were in the cache."""
    embedded: int = 0
    reused: int = 0
    calls: int = 0
    tokens: int = 0


def embed(
    conn: Connection, embedder: Embedder, texts: Sequence[tuple[RedactedCase, Composite]]
) -> EmbedResult:
    """Vectors from the cache, the rest from the embedder; new ones are kept before they are used.

    Equal texts of a batch are embedded once.
    """
    result = EmbedResult()
    hashes = [text_hash(composite.text) for _, composite in texts]
    have = {
        h: (v, embedder.space) for h, v in vectors.cached(conn, sorted(set(hashes)), embedder.space).items()
    }
    reused = set(have)
    wanted = {h: c.text for h, (_, c) in zip(hashes, texts, strict=True) if h not in have}
    errors = _call(conn, embedder, wanted, have, result)
    for h, (case, composite) in zip(hashes, texts, strict=True):
        if h in have:
            vector, space = have[h]
            result.reused += h in reused
            result.cases.append(
                EmbeddedCase(case=case, composite=composite, vector=vector, space=space, text_hash=h)
            )
        else:
            result.failures.append(_failure(case, composite, h, errors[h]))
    return result


def _call(
    conn: Connection,
    embedder: Embedder,
    wanted: dict[str, str],
    have: dict[str, tuple[Vector, str]],
    result: EmbedResult,
) -> dict[str, EmbeddingError]:
    if not wanted:
        return {}
    batch = embedder.embed_documents(list(wanted.values()))
    if len(batch.outcomes) != len(wanted):
        raise AssertionError("the embedder owes an outcome for every text")
    result.calls, result.tokens = batch.calls, batch.tokens
    errors: dict[str, EmbeddingError] = {}
    fresh: list[tuple[str, str, Vector]] = []
    for h, outcome in zip(wanted, batch.outcomes, strict=True):
        if isinstance(outcome, EmbeddingError):
            errors[h] = outcome
        else:
            have[h] = (outcome.vector, outcome.space)
            fresh.append((h, outcome.space, outcome.vector))
    vectors.keep(conn, fresh)
    result.fresh = {h for h, _, _ in fresh}
    result.embedded = len(fresh)
    return errors


def _failure(case: RedactedCase, composite: Composite, h: str, error: EmbeddingError) -> Failure:
    return Failure(
        record_id=case.record_id,
        case_number=case.case_number,
        stage=FailureStage.EMBEDDING_GENERATION,
        error_type=error.error_type,
        message=error.message,
        payload={"text_hash": h, "characters": composite.full_length, "composite": composite.text},
    )
