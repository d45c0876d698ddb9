"""An embedder behind HTTP: batches, in parallel, and an outcome for every text, whatever happens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from enum import StrEnum
from typing import Any, Protocol

from everycase.domain.cases import Vector
from everycase.domain.failures import EmbeddingFailure, ErrorType
from everycase.domain.usage import Usage
from everycase.embedders.admission import admit
from everycase.embedders.answers import Meaning
from everycase.embedders.bisection import Sifted, cut, sift
from everycase.embedders.endpoint import Endpoint, Manners, Request
from everycase.embedders.habits import Habits
from everycase.embedders.trouble import PersonNeeded, Refused, too_long
from everycase.ports import Embedding, EmbeddingBatch, EmbeddingError, Kept

CHARACTERS_PER_TOKEN = 3.6
"""Of support cases; for estimates only."""

PARALLEL = 4
"""Requests of one batch that are under way at once."""

CUTS = 8
"""A text is shortened so often before it is given up."""

A_PERSON_WAITS = Manners(attempts=1, timeout_s=10.0, queues=False)
"""A query, and the question whether the provider is there."""


class TextPurpose(StrEnum):
    """Documents and queries are embedded as such."""

    DOCUMENT = "search_document"
    QUERY = "search_query"


class Dialect(Protocol):
    """How a server is spoken to."""

    def body(self, texts: Sequence[str], purpose: TextPurpose) -> Mapping[str, Any]:
        """The request."""

    def vectors(self, payload: Mapping[str, Any], count: int) -> list[Vector]:
        """One a text, in their order, of whatever width. Raises `ValueError` for another number."""


class ProviderEmbedder:
    """Implements `ports.Embedder` with one provider, in one space."""

    def __init__(
        self, *, endpoint: Endpoint, dialect: Dialect, model: str, dimensions: int, batch_size: int
    ) -> None:
        self._endpoint, self._dialect = endpoint, dialect
        self._dimensions, self._batch_size = dimensions, batch_size
        self._habits = Habits(endpoint.provider)
        self.space = f"{endpoint.provider}/{model}@{dimensions}"
        self.spaces: Mapping[str, int] = {self.space: dimensions}

    def embed_documents(self, texts: Sequence[str], *, kept: Kept | None = None) -> EmbeddingBatch:  # noqa: ARG002 - it is nobody's fallback by itself
        whole = EmbeddingBatch(outcomes=[], calls=0, tokens=0)
        usage = Usage()
        for outcomes, used in self._in_batches(texts):
            whole.outcomes += outcomes
            usage.add(used)
        usage.embedded = sum(isinstance(o, Embedding) for o in whole.outcomes)
        whole.calls, whole.tokens = usage.calls, usage.tokens
        whole.usage = {self._endpoint.provider: usage}
        return whole

    def embed_query(self, text: str, space: str) -> Vector:
        if space != self.space:
            raise ValueError(f"{space} is not a space of {self._endpoint.provider}")
        return self._small(text, TextPurpose.QUERY, A_PERSON_WAITS)

    def is_ready(self, space: str) -> bool:
        """Asks: a breaker that is closed says only that nobody has met an outage yet."""
        if space != self.space:
            return False
        try:
            self._small("everycase", TextPurpose.DOCUMENT, replace(A_PERSON_WAITS, at_once=True))
        except EmbeddingFailure:
            return False
        return True

    def estimate_tokens(self, characters: int) -> int:
        return round(characters / CHARACTERS_PER_TOKEN)

    # ── batches ──────────────────────────────────────────────────────────────────────────────

    def _in_batches(self, texts: Sequence[str]) -> list[tuple[list[Embedding | EmbeddingError], Usage]]:
        size = self._batch_size
        batches = [list(texts[i : i + size]) for i in range(0, len(texts), size)]
        if len(batches) <= 1:
            return [self._batch(b) for b in batches]
        with ThreadPoolExecutor(min(PARALLEL, len(batches)), thread_name_prefix="embedding") as pool:
            return list(pool.map(self._batch, batches))

    def _batch(self, texts: list[str]) -> tuple[list[Embedding | EmbeddingError], Usage]:
        usage = Usage(texts=len(texts))
        with self._habits.first_alone():
            sifted = self._sift(texts, usage)
        outcomes: list[Embedding | EmbeddingError] = []
        for i, text in enumerate(texts):
            if i in sifted.found:
                outcomes.append(Embedding(vector=sifted.found[i], space=self.space))
            else:
                outcomes.append(self._without(text, sifted.failed.get(i), usage))
        return outcomes, usage

    def _sift(self, texts: Sequence[str], usage: Usage) -> Sifted[Vector]:
        """The vectors of the texts that have words, in requests that the server takes; shorter ones first."""
        words = sorted((i for i, t in enumerate(texts) if t.strip()), key=lambda i: len(texts[i]))

        return sift(
            lambda some: self._ask([texts[i] for i in some], TextPurpose.DOCUMENT, usage),
            words,
            lambda some: self._habits.fitting(len(texts[i]) for i in some),
        )

    def _without(self, text: str, error: EmbeddingFailure | None, usage: Usage) -> Embedding | EmbeddingError:
        """What becomes of a text that got no vector with its batch."""
        if error is None:
            return EmbeddingError(error_type=ErrorType.EMBEDDING_REJECTED, message="the text has no words")
        try:
            if isinstance(error, Refused) and error.is_of_size:
                vector = self._shortened(text, error, TextPurpose.DOCUMENT, usage, None)
                return Embedding(vector=vector, space=self.space, was_cut=True)
        except EmbeddingFailure as e:
            error = e
        is_setting = isinstance(error, PersonNeeded) and error.is_setting
        return EmbeddingError(error_type=error.error_type, message=str(error), is_setting=is_setting)

    def _shortened(
        self, text: str, error: Refused, purpose: TextPurpose, usage: Usage, manners: Manners | None
    ) -> Vector:
        """The vector of the beginning of a text: as much as the model takes, to a word."""
        keep = error.verdict.keep
        for _ in range(CUTS):
            shorter = cut(text, keep)
            if shorter is None:
                break
            text = shorter
            try:
                return self._ask([text], purpose, usage, manners)[0]
            except Refused as e:
                if not e.is_of_size:
                    raise
                keep = e.verdict.keep or 0.5
        raise too_long(self._endpoint.provider)

    # ── requests ─────────────────────────────────────────────────────────────────────────────

    def _ask(
        self, texts: Sequence[str], purpose: TextPurpose, usage: Usage, manners: Manners | None = None
    ) -> list[Vector]:
        """The vectors of one request; what its refusal teaches is remembered."""
        left_out = self._habits.left_out
        try:
            found = self._post(texts, purpose, usage, manners, left_out)
        except Refused as e:
            if not (unknown := set(e.verdict.unknown) - left_out):
                self._shrink(e, texts)
                raise
            found = self._post_without(unknown, e, texts, purpose, usage, manners)
        self._habits.note(usage)
        return found

    def _post_without(
        self,
        unknown: set[str],
        refused: Refused,
        texts: Sequence[str],
        purpose: TextPurpose,
        usage: Usage,
        manners: Manners | None,
    ) -> list[Vector]:
        """Ask once more, without the parameters that the server refused by name; remember if that helps.

        Raises the first refusal where it does not: then they were not what it was about.
        """
        left_out = self._habits.left_out | unknown
        try:
            found = self._post(texts, purpose, usage, manners, left_out)
        except Refused as e:
            if further := set(e.verdict.unknown) - left_out:
                return self._post_without(unknown | further, refused, texts, purpose, usage, manners)
            if not e.is_of_size:
                raise refused from None
            self._habits.leave_out(sorted(unknown))
            self._shrink(e, texts)
            raise
        self._habits.leave_out(sorted(unknown))
        return found

    def _shrink(self, refused: Refused, texts: Sequence[str]) -> None:
        if refused.verdict.meaning is Meaning.TOO_MUCH and len(texts) > 1:
            self._habits.shrink(refused.verdict, len(texts), sum(map(len, texts)))

    def _post(
        self,
        texts: Sequence[str],
        purpose: TextPurpose,
        usage: Usage,
        manners: Manners | None,
        left_out: Collection[str],
    ) -> list[Vector]:
        body = self._dialect.body(texts, purpose)
        request = Request(
            body={name: value for name, value in body.items() if name not in left_out},
            tokens=self.estimate_tokens(sum(map(len, texts))),
            texts=len(texts),
            read=lambda payload: self._read(payload, len(texts)),
        )
        found: list[Vector] = self._endpoint.ask(request, usage, manners)
        return found

    def _read(self, payload: Mapping[str, Any], count: int) -> list[Vector]:
        vectors = self._dialect.vectors(payload, count)
        if all(v.shape != (self._dimensions,) for v in vectors):
            raise ValueError(
                f"vectors of {vectors[0].size} numbers where {self.space} has {self._dimensions}"
            )
        return vectors

    def _small(self, text: str, purpose: TextPurpose, manners: Manners) -> Vector:
        """One short text for a person who waits. Raises `EmbeddingFailure`, also for a wrong key."""
        usage = Usage()
        try:
            vector = self._ask([text], purpose, usage, manners)[0]
        except Refused as e:
            if not e.is_of_size:
                raise
            vector = self._shortened(text, e, purpose, usage, manners)
        admitted = admit(Embedding(vector=vector, space=self.space), dimensions=self._dimensions)
        if isinstance(admitted, EmbeddingError):
            raise EmbeddingFailure(admitted.error_type, admitted.message)
        return admitted.vector
