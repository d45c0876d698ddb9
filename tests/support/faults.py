"""Ports that fail: a provider, an index and a redactor with faults, and a process that dies at any call.

The source's own faults are `changing_export`'s; what happens to the tables behind our back is in `hands`.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
import psycopg

from everycase.domain.cases import IndexObject, JoinedCase, RedactedCase
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.ports import (
    Embedder,
    Embedding,
    EmbeddingBatch,
    EmbeddingError,
    Redactor,
    UpsertOutcome,
    UpsertStatus,
    VectorIndex,
)
from tests.support.changing_export import POISON
from tests.support.providers import KEY, vector_of

# ── death ────────────────────────────────────────────────────────────────────────────────────────


class Death(BaseException):
    """The process dies here. A BaseException, so that no handler of ours catches it."""


@dataclass
class Mortality:
    """Kills at the `at`-th call through any port: every connection ends at once, as with `kill -9`."""

    dsn: str
    at: int = 0
    """0: never."""
    is_fatal: bool = True
    """If not, the connections end and the process lives."""
    calls: int = 0

    @property
    def is_dead(self) -> bool:
        return self.is_fatal and 0 < self.at <= self.calls

    def call(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            with psycopg.connect(self.dsn, autocommit=True) as conn:
                conn.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                    "where datname = current_database() and application_name = 'everycase'"
                )
        if self.is_dead:
            raise Death


class Mortal:
    """Wraps a port; each call, and each row of a stream, may be the one at which the process dies."""

    def __init__(self, inner: object, mortality: Mortality) -> None:
        self._inner, self._mortality = inner, mortality

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._mortality.call()
            answer = found(*args, **kwargs)
            self._mortality.call()
            return self._stream(answer) if isinstance(answer, Iterator) else answer

        return call

    def _stream(self, rows: Iterator[Any]) -> Iterator[Any]:
        for row in rows:
            self._mortality.call()
            yield row


# ── the weather outside ──────────────────────────────────────────────────────────────────────────


class Trouble(StrEnum):
    """The faults of provider, index and redactor."""

    PROVIDER_DOWN = "provider down"
    PROVIDER_SLOW = "provider times out"
    PROVIDER_SHORT = "provider answers too few vectors"
    PROVIDER_WIDE = "vectors of a wrong width"
    PROVIDER_NAN = "vectors that are not finite"
    INDEX_DOWN = "index down"
    INDEX_SLOW = "index times out after it has written"
    INDEX_REFUSES = "index refuses objects"
    LISTING_FORGETS = "the index's listing forgets objects"
    LISTING_BREAKS = "the index's listing breaks off"
    REDACTOR_CHOKES = "redactor fails as nobody foresaw"


@dataclass
class Weather:
    """Which faults are on, and for how many more calls."""

    rng: random.Random
    left: Counter[Trouble] = field(default_factory=Counter)

    def has(self, trouble: Trouble) -> bool:
        """True if this call is to fail so; counts the call."""
        if self.left[trouble] <= 0:
            return False
        self.left[trouble] -= 1
        return True

    def turn(self, trouble: Trouble, calls: int) -> None:
        self.left[trouble] = calls

    def clear(self) -> None:
        self.left.clear()

    @property
    def is_calm(self) -> bool:
        return not any(n > 0 for n in self.left.values())


@dataclass
class Ledger:
    """Every text that a provider has turned into a vector, by hash and space: each is paid for once."""

    paid: Counter[tuple[str, str]] = field(default_factory=Counter)
    texts: dict[str, str] = field(default_factory=dict)
    """By hash."""
    calls: int = 0

    def pay(self, text: str, space: str) -> None:
        text_hash = hashlib.sha256(text.encode()).hexdigest()
        self.texts[text_hash] = text
        self.paid[text_hash, space] += 1

    def forgive(self, what: tuple[str, str]) -> None:
        """Allow this text to be paid for once more."""
        self.paid.pop(what, None)

    @property
    def paid_twice(self) -> int:
        return sum(n > 1 for n in self.paid.values())


class Model:
    """The vectors that the stand-in provider gives, without its HTTP. Implements `ports.Embedder`."""

    name, dimensions = "stand-in", 256
    space = f"chathpe/{name}@{dimensions}"
    spaces: Mapping[str, int] = {space: dimensions}

    @classmethod
    def settings(cls, url: str) -> dict[str, Any]:
        """The settings of a run that asks the stand-in at `url` for the same vectors."""
        provider = {"url": url, "api_key": KEY, "model": cls.name, "dimensions": cls.dimensions}
        return {"embedders": ("chathpe",), "chathpe": provider}

    def embed_documents(self, texts: Sequence[str], **_kept: Any) -> EmbeddingBatch:
        outcomes: list[Embedding | EmbeddingError] = [
            Embedding(vector=vector_of(t, self.dimensions), space=self.space) for t in texts
        ]
        return EmbeddingBatch(outcomes=outcomes, calls=1, tokens=self.estimate_tokens(sum(map(len, texts))))

    def embed_query(self, text: str, space: str) -> Any:
        return vector_of(text, self.dimensions, "search_query")

    def is_ready(self, space: str) -> bool:
        return space == self.space

    def estimate_tokens(self, characters: int) -> int:
        return characters // 4


class Provider:
    """A model with the manners of a provider. Implements `ports.Embedder`."""

    def __init__(self, model: Embedder, weather: Weather, ledger: Ledger) -> None:
        self._model, self._weather, self._ledger = model, weather, ledger
        self.space, self.spaces = model.space, model.spaces

    def embed_documents(self, texts: Sequence[str], **_kept: Any) -> EmbeddingBatch:
        self._ledger.calls += 1
        has = self._weather.has
        if has(Trouble.PROVIDER_DOWN):
            return _refused(texts, ErrorType.EMBEDDING_UNAVAILABLE, "the provider is away")
        if has(Trouble.PROVIDER_SLOW):
            return _refused(texts, ErrorType.EMBEDDING_API_TIMEOUT, "no answer in time")
        answer = self._model.embed_documents(texts)
        if has(Trouble.PROVIDER_SHORT):
            answer.outcomes.pop()
            return answer
        wrong = next((t for t in (Trouble.PROVIDER_WIDE, Trouble.PROVIDER_NAN) if has(t)), None)
        answer.outcomes = [self._answer(t, o, wrong) for t, o in zip(texts, answer.outcomes, strict=True)]
        return answer

    def _answer(
        self, text: str, outcome: Embedding | EmbeddingError, wrong: Trouble | None
    ) -> Embedding | EmbeddingError:
        if POISON in text:
            return EmbeddingError(error_type=ErrorType.EMBEDDING_REJECTED, message="the text is refused")
        if isinstance(outcome, Embedding) and wrong and self._weather.rng.random() < 0.5:
            vector = np.append(outcome.vector, np.float32(1)) if wrong is Trouble.PROVIDER_WIDE else None
            spoilt = vector if vector is not None else outcome.vector * np.float32("nan")
            return Embedding(vector=spoilt, space=self.space)
        self._ledger.pay(text, self.space)
        return outcome

    def embed_query(self, text: str, space: str) -> Any:
        return self._model.embed_query(text, space)

    def is_ready(self, space: str) -> bool:
        away = (Trouble.PROVIDER_DOWN, Trouble.PROVIDER_SLOW)
        return space == self.space and not any(self._weather.has(t) for t in away)

    def estimate_tokens(self, characters: int) -> int:
        return self._model.estimate_tokens(characters)


class Half:
    """A smaller model for a fallback: the first half of every vector, in a space of its own.

    It keeps no accounts: what is paid for is the preferred provider.
    """

    space = "backup/half@128"
    spaces: Mapping[str, int] = {space: 128}

    def __init__(self, model: Embedder) -> None:
        self._model = model

    def embed_documents(self, texts: Sequence[str], **_kept: Any) -> EmbeddingBatch:
        answer = self._model.embed_documents(texts)
        answer.outcomes = [self._answer(t, o) for t, o in zip(texts, answer.outcomes, strict=True)]
        return answer

    def _answer(self, text: str, outcome: Embedding | EmbeddingError) -> Embedding | EmbeddingError:
        if POISON in text or isinstance(outcome, EmbeddingError):
            return EmbeddingError(error_type=ErrorType.EMBEDDING_REJECTED, message="the text is refused")
        return Embedding(vector=outcome.vector[:128].copy(), space=self.space)

    def embed_query(self, text: str, space: str) -> Any:
        return self._model.embed_query(text, self._model.space)[:128]

    def is_ready(self, space: str) -> bool:
        return space == self.space

    def estimate_tokens(self, characters: int) -> int:
        return self._model.estimate_tokens(characters)


def _refused(texts: Sequence[str], error_type: ErrorType, message: str) -> EmbeddingBatch:
    outcomes: list[Embedding | EmbeddingError] = [
        EmbeddingError(error_type=error_type, message=message) for _ in texts
    ]
    return EmbeddingBatch(outcomes=outcomes, calls=1, tokens=0)


Write = Callable[[Sequence[IndexObject]], list[UpsertOutcome]]


class StormyIndex:
    """The real index behind the weather. Implements `ports.VectorIndex`."""

    def __init__(self, inner: VectorIndex, weather: Weather) -> None:
        self._inner, self._weather = inner, weather

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or name == "health":
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            if self._weather.has(Trouble.INDEX_DOWN):
                raise LoadFailure(ErrorType.WEAVIATE_UNAVAILABLE, "the index is away")
            return found(*args, **kwargs)

        return call

    def upsert(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        return self._write(self._inner.upsert, objects)

    def replace(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        return self._write(self._inner.replace, objects)

    def _write(self, write: Write, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        has = self._weather.has
        if has(Trouble.INDEX_DOWN):
            raise LoadFailure(ErrorType.WEAVIATE_UNAVAILABLE, "the index is away")
        if has(Trouble.INDEX_SLOW):
            write(objects[: self._weather.rng.randint(0, len(objects))])
            raise LoadFailure(ErrorType.WEAVIATE_TIMEOUT, "no answer in time")
        if has(Trouble.INDEX_REFUSES):
            chosen = {o.stamps.object_id for o in objects if self._weather.rng.random() < 0.3}
            taken = iter(write([o for o in objects if o.stamps.object_id not in chosen]))
            return [_refusal(o) if o.stamps.object_id in chosen else next(taken) for o in objects]
        return write(objects)

    def manifest(self, *, after: UUID | None = None, until: UUID | None = None) -> Iterator[Any]:
        forgets, breaks = map(self._weather.has, (Trouble.LISTING_FORGETS, Trouble.LISTING_BREAKS))
        for n, stamps in enumerate(self._inner.manifest(after=after, until=until)):
            if breaks and n == 5:
                raise LoadFailure(ErrorType.WEAVIATE_UNAVAILABLE, "the connection was lost")
            if not (forgets and self._weather.rng.random() < 0.3):
                yield stamps


def _refusal(o: IndexObject) -> UpsertOutcome:
    return UpsertOutcome(
        object_id=o.stamps.object_id,
        status=UpsertStatus.FAILED,
        error_type=ErrorType.WEAVIATE_REJECTED,
        message="the object is refused",
    )


class Choking:
    """The real redactor behind the weather. Implements `ports.Redactor`."""

    def __init__(self, inner: Redactor, weather: Weather) -> None:
        self._inner, self._weather, self.version = inner, weather, inner.version

    def redact(self, case: JoinedCase) -> RedactedCase:
        if self._weather.has(Trouble.REDACTOR_CHOKES):
            raise RuntimeError(next(iter(case.case.identity.values()), ""))
        return self._inner.redact(case)
