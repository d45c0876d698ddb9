"""Nomic's own `POST /v1/embedding/text`; and the prefixes with which other servers serve its models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from everycase.domain.cases import Vector
from everycase.embedders.openai_compatible import as_vector
from everycase.embedders.provider import TextPurpose

PATH = "/embedding/text"
NATIVE_WIDTH = 768

PREFIXES: Mapping[TextPurpose, str] = MappingProxyType({p: f"{p.value}: " for p in TextPurpose})
"""What Nomic's models were trained with, and what its own API adds by the `task_type`."""


class NomicDialect:
    """Implements `provider.Dialect`."""

    def __init__(self, *, model: str, dimensions: int) -> None:
        self._fixed: dict[str, Any] = {"model": model}
        if dimensions != NATIVE_WIDTH:
            self._fixed["dimensionality"] = dimensions

    def body(self, texts: Sequence[str], purpose: TextPurpose) -> Mapping[str, Any]:
        return {**self._fixed, "texts": list(texts), "task_type": purpose.value}

    def vectors(self, payload: Mapping[str, Any], count: int) -> list[Vector]:
        found = payload.get("embeddings")
        if not isinstance(found, list):
            raise ValueError("no vectors")
        if len(found) != count:
            raise ValueError(f"{len(found)} vectors for {count} texts")
        return [as_vector(v) for v in found]
