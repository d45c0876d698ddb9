"""The `POST /v1/embeddings` that OpenAI defined and many servers speak, ChatHPE among them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from everycase.domain.cases import Vector
from everycase.embedders.provider import TextPurpose

PATH = "/embeddings"

NATIVE_WIDTHS = MappingProxyType({"text-embedding-3-large": 3072, "text-embedding-3-small": 1536})
"""Models that can be asked for fewer dimensions than they have; others refuse to be asked."""

NO_PREFIXES: Mapping[TextPurpose, str] = MappingProxyType({})
_NOTHING: Vector = np.empty(0, dtype=np.float32)


class OpenAIDialect:
    """Implements `provider.Dialect`.

    `prefixes`: put before documents and queries, for models that want it so. `encoding`: `base64` is a
    quarter of the size of `float`; a server that knows only the other answers with that, and is read;
    `none` is not sent at all, for gateways that refuse the parameter.
    """

    def __init__(
        self, *, model: str, dimensions: int, encoding: str, prefixes: Mapping[TextPurpose, str] = NO_PREFIXES
    ) -> None:
        self._prefixes = prefixes
        self._dimensions, self._native = dimensions, NATIVE_WIDTHS.get(model, dimensions)
        self._fixed: dict[str, Any] = {"model": model}
        if encoding != "none":
            self._fixed["encoding_format"] = encoding
        if self._native != dimensions:
            self._fixed["dimensions"] = dimensions

    def body(self, texts: Sequence[str], purpose: TextPurpose) -> Mapping[str, Any]:
        prefix = self._prefixes.get(purpose, "")
        return {**self._fixed, "input": [prefix + t for t in texts] if prefix else list(texts)}

    def vectors(self, payload: Mapping[str, Any], count: int) -> list[Vector]:
        data = payload.get("data")
        if not isinstance(data, list) or not all(isinstance(d, dict) for d in data):
            raise ValueError("no vectors")
        if len(data) != count:
            raise ValueError(f"{len(data)} vectors for {count} texts")
        return [self._shortened(as_vector(d.get("embedding"))) for d in _in_order(data)]

    def _shortened(self, vector: Vector) -> Vector:
        """As wide as was asked for: a server that takes no `dimensions` answers in the model's own width.

        The models of `NATIVE_WIDTHS` are made so that the beginning of a vector is the shorter vector.
        """
        is_whole = vector.size == self._native > self._dimensions
        return vector[: self._dimensions] if is_whole else vector


def _in_order(data: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The vectors by their `index`; of one that has none, it is the one that no other has.

    Raises `ValueError` where that leaves doubt. Servers whose answers come out of proto3 leave out the 0;
    where no vector has an index, they stand in the order of the texts.
    """
    known = {d["index"]: d for d in data if isinstance(d.get("index"), int)}
    without = [d for d in data if d.get("index") is None]
    if len(without) == len(data):
        return list(data)
    free = set(range(len(data))) - known.keys()
    if len(known) + len(without) != len(data) or len(without) > 1 or len(free) != len(without):
        raise ValueError("vectors of which nobody knows whose they are")
    known |= dict(zip(free, without, strict=True))
    return [known[i] for i in range(len(data))]


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
