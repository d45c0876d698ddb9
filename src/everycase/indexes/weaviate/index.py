"""Weaviate as the index: a collection behind an alias, one object a case, one named vector a space.

Built on what the server does, not on what it says (facts/weaviate.md): nothing here relies on a default
limit, on a confirmation in a batch that had errors, or on a search of several vectors at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from weaviate.classes.aggregate import GroupByAggregate
from weaviate.classes.config import Configure, ConsistencyLevel
from weaviate.classes.query import Filter
from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateInvalidInputError

from everycase.domain.batching import pages
from everycase.domain.cases import IndexObject, Stamps, Vector
from everycase.domain.errors import WrongUse
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.domain.lineage import Owned
from everycase.domain.ranking import Background
from everycase.indexes import hybrid
from everycase.indexes.admission import admit, check_widths, failed, is_marked, marked, token_of
from everycase.indexes.hybrid import SAMPLE, Question, as_matrix
from everycase.indexes.weaviate import errors as errors
from everycase.indexes.weaviate import schema as schema
from everycase.indexes.weaviate import search as asked
from everycase.indexes.weaviate.client import Connection
from everycase.indexes.weaviate.write import Fence, read_stamps, write
from everycase.ports import Condition, Findings, IndexHealth, UpsertOutcome

ALIAS = "SupportCase"

T = TypeVar("T")

_NEAREST = (20, 1000)
"""A probe looks for an object among so many nearest, and among so many where that did not find it."""

_AT_ONCE = 4
"""Probes under way at a time; each takes some milliseconds."""

_PAGE = 1000
_WHOLE_PAGE = 100
"""Objects a question: stamps alone, and with texts and vectors."""

_LOOKS = 5
"""How often a creation that another process got in the way of is looked at again."""


class Consistency(StrEnum):
    """How many replicas answer for a read or write."""

    ONE = "one"
    QUORUM = "quorum"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a collection is made, and how it is read and written."""

    quantise: bool = True
    """Vectors in memory as 8-bit RQ: a quarter of the size, found ones are ranked by the whole vector."""
    replicas: int = 1
    consistency: Consistency = Consistency.QUORUM


def no_fence(_ids: Sequence[UUID]) -> AbstractContextManager[None]:
    """For an index that nobody else writes to at the same time."""
    return nullcontext()


class WeaviateIndex:
    """Implements `ports.VectorIndex` on a connection that it is handed."""

    name = "weaviate"
    settles_after = timedelta(minutes=5)
    """The log of the graph is written behind that of the objects (facts/weaviate.md 3)."""
    writes_whole = False
    most_dimensions = 65_535

    def __init__(
        self,
        connection: Connection,
        collection: str = ALIAS,
        *,
        is_alias: bool = True,
        shape: Shape | None = None,
        fence: Fence = no_fence,
    ) -> None:
        """`collection`: an alias, or with `is_alias` False a collection itself."""
        self.collection = collection
        self._connection = connection
        self._is_alias = is_alias
        self._shape = shape or Shape()
        self._fence = fence
        self._names: frozenset[str] = frozenset()
        self._ours: set[str] = set()
        self._preparing = threading.Lock()
        self._sizes = hybrid.remembered_sizes()
        self._samples = hybrid.remembered_samples()

    # ── shape ────────────────────────────────────────────────────────────────────────────────

    @property
    def target(self) -> str:
        """The collection itself: what the alias points to, or would if there were one."""
        with self._asking():
            return self._target()

    def prepare(self, spaces: Mapping[str, int]) -> None:
        check_widths(spaces, most=self.most_dimensions, index=self.name)
        with self._asking(), self._preparing:
            for look in range(_LOOKS):
                try:
                    return self._bring_up(spaces)
                except (UnexpectedStatusCodeError, WeaviateInvalidInputError) as e:
                    if not _is_race(e) or look == _LOOKS - 1:
                        raise
        return None

    def exists(self) -> bool:
        """Whether the collection was ever created. Raises `WrongUse` for one that is somebody else's."""
        with self._asking():
            target = self._target()
            if not self._connection.client.collections.exists(target):
                return False
            self._check_mark(target)
            return True

    def _bring_up(self, spaces: Mapping[str, int]) -> None:
        """Create what is missing; what another process has created meanwhile is found by the next look."""
        client, target = self._connection.client, self._target()
        if not client.collections.exists(target):
            client.collections.create(
                target,
                description=marked(""),
                properties=schema.properties(),
                vector_config=[schema.vector_config(s, quantise=self._shape.quantise) for s in spaces],
                replication_config=Configure.replication(factor=self._shape.replicas),
            )
        if target != self.collection and client.alias.get(alias_name=self.collection) is None:
            client.alias.create(alias_name=self.collection, target_collection=target)
        settings = client.collections.use(target).config
        found = settings.get()
        self._check_mark(target, found)
        there = {p.name for p in found.properties}
        for missing in (p for p in schema.properties() if p.name not in there):
            settings.add_property(missing)
        lacking = [s for s in spaces if schema.vector_name(s) not in (found.vector_config or {})]
        if lacking:
            settings.add_vector(
                vector_config=[schema.vector_config(s, quantise=self._shape.quantise) for s in lacking]
            )
        self._names = frozenset(found.vector_config or {}) | {schema.vector_name(s) for s in lacking}

    def _check_mark(self, target: str, found: Any = None) -> None:
        """Raises `WrongUse` for a collection that is somebody else's; ours of 0.1 has our stamps."""
        if target in self._ours:
            return
        found = found or self._connection.client.collections.use(target).config.get()
        is_shaped = set(schema.STAMPS) <= {p.name for p in found.properties}
        if not (is_marked(found.description) or is_shaped):
            raise WrongUse(
                f"the collection {target} at {self._connection.address} is not everycase's: nothing was "
                "written or removed; set EVERYCASE_WEAVIATE__COLLECTION to another name"
            )
        self._ours.add(target)

    def _own(self) -> Any:
        """The collection to write to. Raises `WrongUse` where it is not ours."""
        target = self._target()
        self._check_mark(target)
        return self._use(target)

    def life(self) -> str:
        with self._asking():
            return token_of(self._connection.client.collections.use(self._target()).config.get().description)

    def set_life(self, token: str) -> None:
        with self._asking():
            self._own().config.update(description=marked(token))

    def _target(self) -> str:
        """A collection that has the alias's name itself is used as it is."""
        if not self._is_alias:
            return self.collection
        client = self._connection.client
        if found := client.alias.get(alias_name=self.collection):
            return found.collection
        return self.collection if client.collections.exists(self.collection) else f"{self.collection}_v1"

    def _vectors(self, wanted: str = "") -> frozenset[str]:
        """The named vectors that the collection has, looked up again where the wanted one is not known."""
        if not self._names or (wanted and wanted not in self._names):
            config = self._connection.client.collections.use(self._target()).config.get()
            self._names = frozenset(config.vector_config or {})
        return self._names

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def upsert(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        with self._asking():
            return admit(objects, self._write, refuse=self._refusal)

    def replace(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        with self._asking():
            return admit(objects, partial(self._write, anew=True), refuse=self._refusal)

    def _write(self, objects: Sequence[IndexObject], *, anew: bool = False) -> dict[UUID, UpsertOutcome]:
        return write(self._own(), objects, self._fence, clear=self._clear if anew else None)

    def _clear(self, collection: Any, ids: Sequence[UUID]) -> None:
        """Make room for objects that are inserted next; nothing goes where nothing can come."""
        if not (health := self.health()).is_writable:
            raise LoadFailure(ErrorType.WEAVIATE_READ_ONLY, health.detail)
        self._delete(collection, ids)

    def _refusal(self, o: IndexObject) -> UpsertOutcome | None:
        name = schema.vector_name(o.stamps.space)
        if name in self._vectors(name):
            return None
        return failed(o, ErrorType.WEAVIATE_REJECTED, f"the collection has no vector for {o.stamps.space}")

    def delete(self, object_ids: Sequence[UUID]) -> int:
        there = 0
        with self._asking():
            collection = self._own()
            for page in pages(dict.fromkeys(object_ids), _PAGE):
                there += self._delete(collection, page)
        return there

    def release(self, objects: Sequence[Owned]) -> int:
        there, owners = 0, {o.object_id: o.case_id for o in objects}
        with self._asking():
            collection = self._own()
            for page in pages(owners, _PAGE):
                with self._fence(page):
                    held = read_stamps(collection, page)
                    own = [i for i, stamps in held.items() if stamps.case_id == owners[i]]
                    there += self._delete(collection, own) if own else 0
        return there

    def _delete(self, collection: Any, ids: Sequence[UUID]) -> int:
        """A call deletes at most as many as the server's limit: again, until all that match are gone.

        After a crash there are objects that are listed and counted, and that no filter on their id
        matches: those are deleted one by one, by their own address (measured, 1.39.0).
        """
        hidden = set(ids) - {UUID(int=o.uuid.int) for o in _bare(collection, ids)}
        there = 0
        for i in hidden:
            if collection.data.exists(i):
                collection.data.delete_by_id(i)
                there += 1
        while True:
            answer = collection.data.delete_many(where=Filter.by_id().contains_any(list(ids)))
            there += int(answer.successful)
            if answer.failed:
                raise self._why_not_deleted()
            if answer.matches == answer.successful:
                return there

    def _why_not_deleted(self) -> LoadFailure:
        health = self.health()
        if health.is_ready and not health.is_writable:
            return LoadFailure(ErrorType.WEAVIATE_READ_ONLY, health.detail)
        return errors.WeaviateUnreachable("Weaviate could not delete every object: try again")

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def manifest(self, *, after: UUID | None = None, until: UUID | None = None) -> Iterator[Stamps]:
        with self._asking():
            collection = self._use(self._target())  # one collection to the end, whatever the alias does
        last = after
        while True:
            with self._asking():
                page = collection.query.fetch_objects(
                    limit=_PAGE, after=last, return_properties=list(schema.STAMPS)
                ).objects
            for o in page:
                if until is not None and o.uuid.int > until.int:
                    return
                yield schema.stamps_of(o.uuid, o.properties)
            if not page:
                return
            last = page[-1].uuid

    def stamps(self, object_ids: Sequence[UUID]) -> Iterator[Stamps]:
        for page in pages(object_ids, _PAGE):
            with self._asking():
                found = read_stamps(self._use(), page)
            yield from found.values()

    def vectors(self, object_ids: Sequence[UUID]) -> Iterator[tuple[UUID, Vector]]:
        for o in self._read(object_ids, []):
            for vector in schema.vectors_of(o.vector).values():
                yield UUID(int=o.uuid.int), vector

    def objects(self, object_ids: Sequence[UUID]) -> Iterator[IndexObject]:
        for o in self._read(object_ids, schema.WHOLE):
            yield schema.from_weaviate(o.uuid, o.properties, o.vector)

    def _read(self, object_ids: Sequence[UUID], properties: list[str]) -> Iterator[Any]:
        """With their vectors, in the order of their ids."""
        for page in pages(sorted(set(object_ids)), _WHOLE_PAGE):
            with self._asking():
                answer = self._use().query.fetch_objects_by_ids(
                    page, limit=len(page), include_vector=True, return_properties=properties
                )
            yield from sorted(answer.objects, key=lambda o: o.uuid.int)

    def probe(self, object_ids: Sequence[UUID]) -> set[UUID]:
        """An approximate index overlooks a few; lost is what it does not find at its most thorough."""
        found: set[UUID] = set()
        for limit in _NEAREST:
            left = [i for i in object_ids if i not in found]
            found |= self._probe(left, limit) if left else set()
        return found

    def _probe(self, object_ids: Sequence[UUID], limit: int) -> set[UUID]:
        with self._asking():
            collection = self._use(consistent=False)
            held = (
                (UUID(int=o.uuid.int), name, vector)
                for o in self._read(object_ids, [])
                for name, vector in schema.vectors_of(o.vector).items()
            )

            def is_found(of: tuple[UUID, str, Vector]) -> UUID | None:
                return of[0] if asked.finds(collection, *of, limit) else None

            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="probe") as pool:
                return {i for p in pages(held, _WHOLE_PAGE) for i in pool.map(is_found, p) if i}

    def spaces(self) -> Mapping[str, int]:
        """By a count for each space: grouping reads every object, and is done where these miss some."""
        return _once_more(self._spaces)

    def _spaces(self) -> Mapping[str, int]:
        with self._asking():
            collection = self._use()
            names = sorted(filter(None, map(schema.space_of, self._vectors())))
            counts = {s: self._count(collection, Filter.by_property(schema.SPACE).equal(s)) for s in names}
            if sum(counts.values()) != self._count(collection):
                groups = collection.aggregate.over_all(
                    group_by=GroupByAggregate(prop=schema.SPACE, limit=_PAGE), total_count=True
                ).groups
                counts = {str(g.grouped_by.value): g.total_count or 0 for g in groups}
        return {s: n for s, n in counts.items() if n}

    def count(self) -> int:
        with self._asking():
            return self._count(self._use())

    def _count(self, collection: Any, chosen: Any = None) -> int:
        return int(collection.aggregate.over_all(filters=chosen, total_count=True).total_count or 0)

    def health(self) -> IndexHealth:
        """The server calls itself ready when it takes no writes; its shards say so."""
        try:
            with self._asking():
                client = self._connection.client
                if not client.is_ready():
                    raise errors.lost(self._connection.address)
                target = self._target()
                if client.collections.exists(target):
                    self._check_mark(target)
                shards = client.collections.use(target).config.get_shards()
        except WrongUse as e:
            return IndexHealth(is_ready=True, is_writable=False, detail=str(e))
        except LoadFailure as e:
            return IndexHealth(is_ready=False, is_writable=False, detail=str(e))
        closed = sum(s.status == "READONLY" for s in shards)
        detail = (
            f"Weaviate takes no writes: {closed} of {len(shards)} shards are read-only (is its disk full?)"
            if closed
            else "Weaviate answers"
        )
        return IndexHealth(is_ready=True, is_writable=not closed, detail=detail)

    # ── search ───────────────────────────────────────────────────────────────────────────────

    def search(
        self,
        text: str,
        queries: Mapping[str, Vector],
        *,
        where: Sequence[Condition] = (),
        limit: int = 10,
        offset: int = 0,
    ) -> Findings:
        question = Question(
            text=text.replace("\x00", " "),
            queries=queries,
            limit=min(limit, asked.MOST_RESULTS),
            offset=offset,
        )

        def ask() -> Findings:
            with self._asking():
                collection = self._use(consistent=False)
                lists = asked.WeaviateLists(collection, where)
                return hybrid.search(lists, question, self._backgrounds(collection, queries))

        return _once_more(ask)

    def _backgrounds(self, collection: Any, queries: Mapping[str, Vector]) -> dict[str, Background]:
        sizes = self.about_spaces() if queries else {}

        def sample(space: str) -> Vector:
            return self._samples.get(space, lambda: as_matrix(asked.sample(collection, space, SAMPLE)))

        fitting = {s: v for s, v in queries.items() if sizes.get(s) and v.shape == (schema.width_of(s),)}
        return {s: hybrid.background(sample(s), sizes[s], vector) for s, vector in fitting.items()}

    def about_spaces(self) -> Mapping[str, int]:
        return self._sizes.get("", self.spaces)

    # ── the edge ─────────────────────────────────────────────────────────────────────────────

    def _use(self, name: str = "", *, consistent: bool = True) -> Any:
        found = self._connection.client.collections.use(name or self.collection)
        if not consistent:
            return found
        return found.with_consistency_level(ConsistencyLevel[self._shape.consistency.name])

    def _asking(self) -> AbstractContextManager[None]:
        return errors.asking(self._connection.address)


def _bare(collection: Any, ids: Sequence[UUID]) -> Sequence[Any]:
    """Those of these that an id filter matches."""
    return list(collection.query.fetch_objects_by_ids(ids, limit=len(ids), return_properties=[]).objects)


def _once_more(ask: Callable[[], T]) -> T:
    """The collection that was asked may have been switched from and dropped meanwhile."""
    try:
        return ask()
    except errors.CollectionGone:
        return ask()


def _is_race(error: Exception) -> bool:
    """Whether somebody else has just done the same."""
    return "already exists" in str(error) or getattr(error, "status_code", 0) in (404, 409, 422)
