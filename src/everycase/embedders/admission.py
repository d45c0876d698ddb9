"""The admission gate: what is not a vector of its space is never stored (contract §7)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from everycase.domain.failures import ErrorType
from everycase.ports import Embedding, EmbeddingError


def admit(outcome: Embedding | EmbeddingError, *, dimensions: int) -> Embedding | EmbeddingError:
    """The embedding at unit length if it has the right width, is finite and is not zero; else why not."""
    if isinstance(outcome, EmbeddingError):
        return outcome
    vector = np.asarray(outcome.vector, dtype=np.float32)
    if vector.shape != (dimensions,):
        return _invalid(f"a vector of {vector.size} numbers where {outcome.space} has {dimensions}")
    if not np.isfinite(vector).all():
        return _invalid("a vector with numbers that are not finite")
    norm = float(np.linalg.norm(vector))
    if norm < 1e-6:
        return _invalid("a vector of zeros")
    return replace(outcome, vector=vector / np.float32(norm))


def _invalid(found: str) -> EmbeddingError:
    return EmbeddingError(error_type=ErrorType.INVALID_EMBEDDING, message=f"the provider answered {found}")
