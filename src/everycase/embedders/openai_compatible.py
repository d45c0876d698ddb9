"""The `POST /v1/embeddings` that OpenAI defined and many servers speak, ChatHPE among them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from everycase.domain.cases import Vector
from everycase.embedders.provider import Purpose

PATH = "/embeddings"

NATIVE_WIDTHS = MappingProxyType({"text-embedding-3-large": 3072, "text-embedding-3-small": 1536})
"""Models that can be asked for fewer dimensions than they have; others refuse to be asked."""

NO_PREFIXES: Mapping[Purpose, str] = MappingProxyType({})
_NOTHING: Vector = np.empty(0, dtype=np.float32)


class OpenAIDialect:
    """Implements `provider.Dialect`.

    `prefixes`: put before documents and queries, for models that want it so. `encoding`: `base64` is a
    quarter of the size of `float`; a server that knows only the other answers with that, and is read.
    """

    def __init__(
        self, *, model: str, dimensions: int, encoding: str, prefixes: Mapping[Purpose, str] = NO_PREFIXES
    ) -> None:
        self._prefixes = prefixes
        self._fixed: dict[str, Any] = {"model": model, "encoding_format": encoding}
        if NATIVE_WIDTHS.get(model, dimensions) != dimensions:
            self._fixed["dimensions"] = dimensions

    def body(self, texts: Sequence[str], purpose: Purpose) -> Mapping[str, Any]:
        prefix = self._prefixes.get(purpose, "")
        return {**self._fixed, "input": [prefix + t for t in texts] if prefix else list(texts)}

    def vectors(self, payload: Mapping[str, Any], count: int) -> list[Vector]:
        data = payload.get("data")
        if not isinstance(data, list) or not all(isinstance(d, dict) for d in data):
            raise ValueError("no vectors")
        if len(data) != count:
            raise ValueError(f"{len(data)} vectors for {count} texts")
        places = [d.get("index") for d in data]
        if any(p is not None for p in places):
            if sorted(p for p in places if isinstance(p, int)) != list(range(count)):
                raise ValueError("vectors of which nobody knows whose they are")
            data = sorted(data, key=lambda d: int(d["index"]))
        return [as_vector(d.get("embedding")) for d in data]


def as_vector(found: object) -> Vector:
    """Numbers, or float32 in base64; empty where it is neither, so that the admission gate refuses it."""
    try:
        if isinstance(found, str):
            return np.frombuffer(base64.b64decode(found, validate=True), dtype="<f4")
        if isinstance(found, list):
            return np.asarray(found, dtype=np.float32)
    except (ValueError, TypeError, binascii.Error, OverflowError):
        pass
    return _NOTHING
