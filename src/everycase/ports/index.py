"""Where vectors live, and builds of it side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from everycase.domain.buckets import Digests
from everycase.domain.cases import IndexObject, Stamps, Vector
from everycase.domain.failures import ErrorType
from everycase.domain.lineage import Owned

MARK = "everycase: one object a support case"
"""How an index's place says that it is ours; a token may follow (`set_life`)."""


class UpsertStatus(StrEnum):
    STORED = "stored"
    SUPERSEDED = "superseded"
    """The index holds newer content of this case; the write was not made."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertOutcome:
    """What became of one object. Only `STORED` is stored."""

    object_id: UUID
    status: UpsertStatus
    error_type: ErrorType | None = None
    message: str = ""


class Comparison(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A filter on one property; a list property matches when any of its entries does."""

    property: str
    comparison: Comparison
    value: str
    until: str = ""
    """With = and !=: the end of the period `[value, until)` that a moment lies in, or does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a case's text that answers the query, and where in it the query's words stand."""

    text: str = field(repr=False)
    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One case that a search found, and why. `score` is in (0, 1], higher is better."""

    object_id: UUID
    case_id: str
    case_number: str
    subject: str
    space: str
    score: float
    words: float | None = None
    """How well the query's words match, as a share of the best match; None: by meaning alone."""
    similarity: float | None = None
    """Cosine of the query's and the case's vector in `space`; None: by words alone."""
    identifiers: tuple[str, ...] = ()
    """Identifiers of the query that the case has: codes, case and part numbers, versions."""
    coverage: float = 0.0
    """Share of the query's words that the case has."""
    passages: tuple[Passage, ...] = ()


Facets = Mapping[str, Mapping[str, int]]
"""By property, the number of cases with each value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The hits of one page, best first, and what all candidates of the search are like."""

    hits: tuple[Hit, ...] = ()
    candidates: int = 0
    """Cases that words or meaning brought up, before the page was cut out of them."""
    facets: Facets = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexHealth:
    is_ready: bool
    is_writable: bool
    detail: str


class VectorIndex(Protocol):
    """Where vectors live: one object a case, exactly one vector in exactly one space.

    Writes go only to a place that carries our mark (`MARK`); elsewhere they raise `WrongUse`.
    """

    name: str
    writes_whole: bool
    """A write that failed has left nothing behind, so nothing needs to be deleted before it is repeated."""
    most_dimensions: int
    """The widest vector that it can search."""
    settles_after: timedelta
    """How long a crash of the server may still take an object out of reach of vector searches."""

    def prepare(self, spaces: Mapping[str, int]) -> None:
        """Create what is missing for these spaces (name → dimensions). Idempotent."""

    def upsert(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        """Write objects whole, an outcome for each, in order. One bad object never fails the others.

        Content of an older `generation` never replaces newer content. Raises `LoadFailure` when the
        index as a whole cannot be written (unreachable, timed out, read-only).
        """

    def replace(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        """The same for objects whose stored state is not to be trusted: each is deleted and inserted anew.

        What cannot be inserted is not deleted either, as far as that can be known before.
        """

    def delete(self, object_ids: Sequence[UUID]) -> int:
        """Remove objects; how many were there."""

    def release(self, objects: Sequence[Owned]) -> int:
        """Remove objects, each only if it still belongs to that case: another may have taken its number."""

    def life(self) -> str:
        """What `set_life` wrote last, as the index's own storage has it; empty where it has none."""

    def set_life(self, token: str) -> None:
        """Remember a token beside the objects, so that a restored index is known by an old one."""

    def manifest(self, *, after: UUID | None = None, until: UUID | None = None) -> Iterator[Stamps]:
        """The stamps of everything that is there, in the order of the ids, streamed; `(after, until]`."""

    def digests(self) -> Digests | None:
        """A digest of the manifest for each bucket, without listing it; None if the index cannot sum up."""

    def stamps(self, object_ids: Sequence[UUID]) -> Iterator[Stamps]:
        """The stamps of those of these that are there: the second look before anything is believed."""

    def vectors(self, object_ids: Sequence[UUID]) -> Iterator[tuple[UUID, Vector]]:
        """Read vectors back as they are stored."""

    def objects(self, object_ids: Sequence[UUID]) -> Iterator[IndexObject]:
        """Read whole objects back; without exactly one vector, in its own space, with an empty one."""

    def probe(self, object_ids: Sequence[UUID]) -> set[UUID]:
        """Which of these are found: by their own vectors in the vector index itself, and by their words.

        An index whose words cannot be damaged apart from the object looks for the vectors alone.
        """

    def make_reachable(self, object_ids: Sequence[UUID]) -> None:
        """Make these found by vector searches although the graph leaves them out even after `replace`.

        A graph of nearest neighbours (HNSW) keeps only the closest links of a node, so a node that is far
        from everything may have no link that leads to it, however often it is inserted. Objects that are
        not there are passed over. `probe` finds these objects afterwards.
        """

    def begin_load(self, space: str, objects: int) -> None:
        """So many objects are about to be written into a space: put off what is made faster at the end.

        Searches find everything meanwhile. `end_load` makes up for it, even in another process.
        """

    def end_load(self) -> None:
        """Make what `begin_load` put off, for all spaces. Idempotent, and cheap where nothing is lacking."""

    def search(
        self,
        text: str,
        queries: Mapping[str, Vector],
        *,
        where: Sequence[Condition] = (),
        limit: int = 10,
        offset: int = 0,
    ) -> Findings:
        """Hybrid search: words, identifiers, and one vector query for each space, fused by their scores."""

    def spaces(self) -> Mapping[str, int]:
        """How many objects each space holds."""

    def about_spaces(self) -> Mapping[str, int]:
        """The same for a search: about right, cheap, and possibly some seconds old."""

    def count(self) -> int:
        """Objects that are there."""

    def health(self) -> IndexHealth: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One build of the index; one of them is served."""

    name: str
    is_served: bool
    count: int


class Collections(Protocol):
    """Builds of the index side by side, one of which every search is answered from (blue/green)."""

    def listed(self) -> list[Collection]:
        """All that are there, in the order of their names."""

    def create(self, spaces: Mapping[str, int]) -> str:
        """An empty one for these spaces and those of the served one; its name."""

    def open(self, name: str) -> VectorIndex:
        """The index in it, whether it is served or not."""

    def serve(self, name: str) -> None:
        """From now on, in one step, searches and writes go there."""

    def drop(self, name: str) -> None:
        """Remove one that is not served. Raises `WrongUse` for the served one, and where it is not there."""
