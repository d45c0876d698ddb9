"""The seams to the outside: where cases come from, and what turns, finds, keeps and tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar
from uuid import UUID

from everycase.domain.cases import IndexObject, JoinedCase, Record, RedactedCase, Stamps, Vector
from everycase.domain.catalogue import SourceObject
from everycase.domain.failures import ErrorType
from everycase.domain.lineage import Owned
from everycase.domain.providers import CallOutcome, Grant, Usage
from everycase.domain.rows import BadRow, RowVersion, Tombstone
from everycase.domain.thresholds import Severity

# ── source ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectState:
    """What a source says of one object before its rows are read."""

    object: str
    is_present: bool
    problem: str = ""
    """What is wrong, and what to do, where the object cannot be read or lacks catalogue fields."""
    missing_fields: tuple[str, ...] = ()
    place: str = ""
    """What a row's number is counted in: `Case.csv line`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProof:
    """The balance of one read, known when it has ended. A read that is not whole deletes nothing."""

    announced: int | None = None
    """Rows that the source promised: `totalSize`, `Sforce-NumberOfRecords`; None where it promises none."""
    read: int = 0
    """Rows that came, good or bad; rows that belong to no case are counted as well."""
    counted: int | None = None
    """Rows that a separate count over the same window found; None where there is no such count."""
    is_whole: bool
    """Every row of the window was named: the figures agree, no page is missing, no row lost its id."""
    names_everything: bool
    """The window is all there is, so that what a whole read does not name is not there."""
    mark: str = ""
    """Stored, and given back as `since` of the next read; equal to `since` where nothing has changed."""
    window: str = ""
    """What was read, for people: `Case.csv`, `2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z`."""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Rows that were read and belong to no case, by the reason."""
    problem: str = ""
    """Why the read is not whole, and what to do; one sentence."""
    error_type: ErrorType = ErrorType.SOURCE_UNAVAILABLE
    """Of the failure that is opened for `problem`."""

    @property
    def proves_absence(self) -> bool:
        """Whether a row that this read did not name is gone."""
        return self.is_whole and self.names_everything


T_co = TypeVar("T_co", covariant=True)


class Reading(Protocol[T_co]):
    """A read under way. Iterated once; `proof` may be asked when the iteration has ended."""

    def __iter__(self) -> Iterator[T_co]:
        """The rows, streamed. An end that comes too early does not raise: the proof says so."""

    def proof(self) -> ReadProof: ...

    @property
    def expected(self) -> int | None:
        """Rows that are to come, deletions among them; None where nobody has counted them yet."""

    def note_stored(self) -> None:
        """All rows that were given out are stored: a read that is cut short goes on after them."""


class VersionKind(StrEnum):
    """What the version of a row is, by the column that staging keeps of it."""

    ROW_HASH = "row_hash"
    SYSTEM_MODSTAMP = "system_modstamp"
    """As `domain.rows.iso` writes it."""
    SOURCE = "source_version"
    """`Record.source_version`: of the stamp and of whatever can change without it."""


class Source(Protocol):
    """Where cases come from. Reading is streamed: memory does not grow with the rows.

    Every method raises `DependencyUnreachable` where the source does not answer at all, and `WrongUse`
    where it cannot be used as it is set up (no such folder, refused credentials).
    """

    kind: str
    """`sample`, `export` or `salesforce`."""
    versions: VersionKind
    """What `inventory` gives as the version of a row."""
    is_incremental: bool
    """A mark is a point to go on from, so that staging may run ahead of it; False: it names the content."""

    @property
    def identity(self) -> str:
        """What a database is bound to: `sample`, `export`, `salesforce:<organisation id>`."""

    def state(self, obj: SourceObject) -> ObjectState:
        """Look without reading rows."""

    def changes(self, obj: SourceObject, since: str = "") -> Reading[Record | Tombstone | BadRow]:
        """The rows that changed since the mark of an earlier read, and those that are gone.

        Without `since`, or where the mark means nothing any more, all rows. A source that can tell that
        nothing has changed yields nothing and gives the same mark back.
        """

    def inventory(self, obj: SourceObject, since: str = "") -> Reading[RowVersion | BadRow]:
        """The id and version of every row there is, for the sweep of a reconciliation.

        A source that can tell that nothing has changed since that mark may yield nothing and give the
        same mark back, as in `changes`; without `since` it never does.
        """

    def fetch(self, obj: SourceObject, ids: AbstractSet[str]) -> Iterator[Record | Tombstone | BadRow]:
        """What is true now of these ids (18 characters), in any order.

        An id that the source has no longer is a `Tombstone`. Nothing is known of an id that is not answered.
        """


class ReadState(Protocol):
    """What a source must remember from one process to the next: jobs, places, descriptions."""

    def get(self, key: str) -> Mapping[str, Any] | None: ...

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Kept when this returns, whatever becomes of a transaction of the caller."""

    def delete(self, key: str) -> None: ...


# ── redaction ────────────────────────────────────────────────────────────────────────────────────


class Redactor(Protocol):
    version: str
    """Changes whenever the same case would come out differently: part of every case's recipe."""

    def redact(self, case: JoinedCase) -> RedactedCase:
        """The case without personal data. Raises `RedactionFailure`; never returns on doubt."""

    def search(self, case: JoinedCase, texts: Sequence[str]) -> Mapping[str, int]:
        """What the rules find, by type, in texts that other rules made of a case earlier."""


# ── embedding ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """A vector (unit length, float32) and the space it lives in."""

    vector: Vector = field(repr=False)
    space: str
    was_cut: bool = False
    """The text was too long for the model and was cut on a word."""
    is_reused: bool = False
    """It was kept from an earlier time, so nobody was asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingError:
    """Why one text got no vector."""

    error_type: ErrorType
    message: str


@dataclass(slots=True, kw_only=True)
class EmbeddingBatch:
    """The answer to one batch: an outcome for every text, in their order, and what it cost."""

    outcomes: list[Embedding | EmbeddingError]
    calls: int
    """Requests made to a provider; a local model counts one a batch."""
    tokens: int
    usage: dict[str, Usage] = field(default_factory=dict)
    """The same and more, by provider."""


Kept = Callable[[Sequence[str], str], Mapping[str, Vector]]
"""The vectors that are kept of these texts in a space, by text."""


class Embedder(Protocol):
    """Turns texts into vectors. A chain of embedders is itself an embedder."""

    space: str
    """The preferred space: `provider/model@dimensions`."""
    spaces: Mapping[str, int]
    """Every space it may answer in, with its dimensions."""

    def embed_documents(self, texts: Sequence[str], *, kept: Kept | None = None) -> EmbeddingBatch:
        """One outcome a text; never raises for a text, never drops one.

        A fallback is asked only for what is not `kept` in its space. Raises `DependencyUnreachable`
        where the provider's address, model or key is wrong: that is nobody's outage.
        """

    def embed_query(self, text: str, space: str) -> Vector:
        """The query's vector in `space`. Raises `EmbeddingFailure` when its provider cannot be reached."""

    def is_ready(self, space: str) -> bool:
        """Whether the provider of `space` answers now; may ask it for something small."""

    def estimate_tokens(self, characters: int) -> int:
        """About how many tokens texts of so many characters have."""


class ProviderGate(Protocol):
    """The one door to a provider, for all threads, processes and machines: its budget and its breaker."""

    def reserve(self, *, tokens: int, patience_s: float, at_once: bool = False) -> Grant:
        """A place in the queue; the caller waits `wait_s` and then asks `look`, if there is a wait.

        `at_once`: probe an open breaker before its time.
        """

    def look(self) -> Grant:
        """Whether the door has been shut, or everybody asked to wait, since the place was given."""

    def report(self, grant: Grant, outcome: CallOutcome, *, retry_after_s: float = 0.0) -> None:
        """What came of the call that was granted."""


# ── index ────────────────────────────────────────────────────────────────────────────────────────

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
"""By property: how many cases have each value."""


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


# ── alerts ───────────────────────────────────────────────────────────────────────────────────────


class Notifier(Protocol):
    """How people are told."""

    @property
    def channels(self) -> Sequence[str]:
        """The keys of the channels, which say nothing of their addresses. At least one."""

    def send(self, channel: str, title: str, body: str, *, severity: Severity | None) -> bool:
        """Send to one channel; whether it took the message. `severity` None is good news. Never raises."""


# ── collections ──────────────────────────────────────────────────────────────────────────────────


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
