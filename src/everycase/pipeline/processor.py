"""What the stages work with, and what each of them computes; nothing here keeps books of cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from everycase.domain.cases import EmbeddedCase, IndexObject
from everycase.domain.catalogue import Catalogue
from everycase.domain.usage import Prices, provider_of
from everycase.pipeline.embed import EmbedResult, embed
from everycase.pipeline.join import JoinResult, check
from everycase.pipeline.load import index_object
from everycase.pipeline.redact import Redacted, RedactResult, redact_all
from everycase.ports import Embedder, Redactor, VectorIndex
from everycase.store import ledger, staging
from everycase.store.db import Connection, Pool


@dataclass(frozen=True, kw_only=True)
class Processor:
    """Everything that a worker needs; built once in each worker process."""

    pool: Pool
    catalogue: Catalogue
    redactor: Redactor
    embedder: Embedder
    index: VectorIndex
    recipe: str
    clock: Callable[[], datetime]
    prices: Prices = field(default_factory=dict)
    half_precision: bool = True
    """Of the vectors that are kept."""

    @property
    def preferred_price(self) -> float:
        """Money a million tokens, where all goes well."""
        return self.prices.get(provider_of(self.embedder.space), 0.0)

    def join(self, conn: Connection, ids: Sequence[str]) -> list[JoinResult]:
        """Those of these cases that are staged and not deleted, with their children and what they lack."""
        return [check(j, self.catalogue) for j in staging.join(conn, self.catalogue, list(ids))]

    def redact(self, joins: Sequence[JoinResult]) -> RedactResult:
        """The cases without personal data, and a failure for each that could not be cleaned."""
        return redact_all(self.redactor, [j.case for j in joins])

    def embed(self, clean: Sequence[Redacted]) -> EmbedResult:
        """A vector or a failure for each case; what is in the cache costs nothing."""
        texts = [(c.case, c.composite) for c in clean]
        return embed(self.pool, self.embedder, texts, half_precision=self.half_precision)

    def book_usage(self, conn: Connection, run_id: UUID, found: EmbedResult) -> None:
        """Book what the providers did for a run, and what it cost."""
        ledger.book(conn, run_id, found.usage, self.prices)

    def objects(
        self, embedded: Sequence[EmbeddedCase], joins: Mapping[str, JoinResult], *, now: datetime
    ) -> list[IndexObject]:
        """The cases as the index is to hold them."""
        return [
            index_object(c, joins[c.case.record_id].case, self.catalogue, recipe=self.recipe, now=now)
            for c in embedded
        ]
