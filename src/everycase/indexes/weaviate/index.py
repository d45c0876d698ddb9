"""Weaviate as the index: a collection behind an alias, one object a case, one named vector a space.

Built on what the server does, not on what it says (docs/facts.md): nothing here relies on a default
limit, on a confirmation in a batch that had errors, or on a search of several vectors at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from weaviate.classes.aggregate import GroupByAggregate
from weaviate.classes.query import Filter

from everycase.domain.batching import pages
from everycase.domain.buckets import Range
from everycase.domain.cases import MOST_DIMENSIONS, IndexObject, Stamps, Vector
from everycase.domain.errors import WrongUse
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.domain.lineage import Owned
from everycase.indexes import hybrid
from everycase.indexes.admission import admit, check_widths, failed
from everycase.indexes.hybrid import Question
from everycase.indexes.weaviate import errors, schema
from everycase.indexes.weaviate import search as asked
from everycase.indexes.weaviate.client import WeaviateConnection
from everycase.indexes.weaviate.home import CollectionHome, Consistency, Shape
from everycase.indexes.weaviate.listing import PAGE, Listing
from everycase.indexes.weaviate.standing import StandingFacts
from everycase.indexes.weaviate.write import Fence, mark_unreached, read_stamps, write
from everycase.ports import Condition, Findings, IndexHealth, UpsertOutcome

__all__ = ["ALIAS", "Consistency", "Shape", "WeaviateIndex", "no_fence"]

ALIAS = "SupportCase"

T = TypeVar("T")

_AT_ONCE = 4
"""Probes under way at a time; each takes some milliseconds."""

_WHOLE_PAGE = 100
"""Objects per request, with their texts and vectors."""


def no_fence(_ids: Sequence[UUID]) -> AbstractContextManager[None]:
    """For an index that nobody else writes to at the same time."""
    return nullcontext()


class WeaviateIndex:
    """Implements `ports.VectorIndex` on a connection that it is handed."""

    name = "weaviate"
    settles_after = timedelta(minutes=5)
    """The log of the graph is written behind that of the objects (docs/facts.md 3)."""
    writes_whole = False
    most_dimensions = MOST_DIMENSIONS[name]

    def __init__(
        self,
        connection: WeaviateConnection,
        collection: str = ALIAS,
        *,
        is_alias: bool = True,
        shape: Shape | None = None,
        fence: Fence = no_fence,
    ) -> None:
        """`collection`: an alias, or with `is_alias` False a collection itself."""
        self.collection = collection
        self._connection = connection
        self._home = CollectionHome(connection, collection, is_alias=is_alias, shape=shape or Shape())
        self._fence = fence
        self._standing = StandingFacts(self.spaces)

    @property
    def target(self) -> str:
        """The collection itself: what the alias points to, or would if there were one."""
        with self._home.asking():
            return self._home.target()

    def prepare(self, spaces: Mapping[str, int]) -> None:
        check_widths(spaces, most=self.most_dimensions, index=self.name)
        self._home.prepare(spaces)

    def exists(self) -> bool:
        return self._home.exists()

    def life(self) -> str:
        return self._home.life()

    def set_life(self, token: str) -> None:
        self._home.set_life(token)

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def upsert(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        with self._home.asking():
            return admit(objects, self._write, refuse=self._refusal)

    def replace(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        with self._home.asking():
            return admit(objects, partial(self._write, anew=True), refuse=self._refusal)

    def _write(self, objects: Sequence[IndexObject], *, anew: bool = False) -> dict[UUID, UpsertOutcome]:
        return write(self._home.own(), objects, self._fence, clear=self._clear if anew else None)

    def _clear(self, collection: Any, ids: Sequence[UUID]) -> None:
        """Make room for objects that are inserted next; nothing goes where nothing can come."""
        if not (health := self.health()).is_writable:
            raise LoadFailure(ErrorType.WEAVIATE_READ_ONLY, health.detail)
        self._delete(collection, ids)

    def _refusal(self, o: IndexObject) -> UpsertOutcome | None:
        name = schema.vector_name(o.stamps.space)
        if name in self._home.vector_names(name):
            return None
        return failed(o, ErrorType.WEAVIATE_REJECTED, f"the collection has no vector for {o.stamps.space}")

    def delete(self, object_ids: Sequence[UUID]) -> int:
        there = 0
        with self._home.asking():
            collection = self._home.own()
            for page in pages(dict.fromkeys(object_ids), PAGE):
                there += self._delete(collection, page)
        return there

    def release(self, objects: Sequence[Owned]) -> int:
        there, owners = 0, {o.object_id: o.case_id for o in objects}
        with self._home.asking():
            collection = self._home.own()
            for page in pages(owners, PAGE):
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

    def make_reachable(self, object_ids: Sequence[UUID]) -> None:
        """Mark the objects, so that every search compares them exactly. Writing one anew removes the mark."""
        with self._home.asking():
            collection = self._home.own()
            for page in pages(dict.fromkeys(object_ids), PAGE):
                with self._fence(page):
                    mark_unreached(collection, page)
        self._standing.forget_unreached()

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def digests(self) -> None:
        """Weaviate cannot sum up what it holds."""

    def manifest(self, *, after: UUID | None = None, until: UUID | None = None) -> Iterator[Stamps]:
        with self._home.asking():
            # one collection to the end, whatever the alias does
            collection = self._home.use(self._home.target())

        def fetch(last: UUID | None) -> Sequence[Any]:
            with self._home.asking():
                found: Sequence[Any] = collection.query.fetch_objects(
                    limit=PAGE, after=last, return_properties=list(schema.STAMPS)
                ).objects
            return found

        return Listing(fetch, self.count).stamps(Range(after, until))

    def stamps(self, object_ids: Sequence[UUID]) -> Iterator[Stamps]:
        for page in pages(object_ids, PAGE):
            with self._home.asking():
                found = read_stamps(self._home.use(), page)
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
            with self._home.asking():
                answer = self._home.use().query.fetch_objects_by_ids(
                    page, limit=len(page), include_vector=True, return_properties=properties
                )
            yield from sorted(answer.objects, key=lambda o: o.uuid.int)

    def probe(self, object_ids: Sequence[UUID]) -> set[UUID]:
        """An approximate index overlooks a few; lost is what it does not find at its most thorough."""
        found: set[UUID] = set()
        for effort in asked.EFFORTS:
            left = [i for i in object_ids if i not in found]
            found |= self._probe(left, effort) if left else set()
        return found

    def _probe(self, object_ids: Sequence[UUID], effort: asked.Effort) -> set[UUID]:
        with self._home.asking():
            collection = self._home.use(consistent=False)
            held = (
                (UUID(int=o.uuid.int), name, vector)
                for o in self._read(object_ids, [])
                for name, vector in schema.vectors_of(o.vector).items()
            )

            def is_found(of: tuple[UUID, str, Vector]) -> UUID | None:
                return of[0] if asked.finds(collection, *of, effort) else None

            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="probe") as pool:
                return {i for p in pages(held, _WHOLE_PAGE) for i in pool.map(is_found, p) if i}

    def begin_load(self, space: str, objects: int) -> None:
        """Weaviate builds its graph as objects come."""

    def end_load(self) -> None:
        """There is nothing to make up for."""

    def spaces(self) -> Mapping[str, int]:
        """By a count for each space: grouping reads every object, and is done where these miss some."""
        return _once_more(self._spaces)

    def _spaces(self) -> Mapping[str, int]:
        with self._home.asking():
            collection = self._home.use()
            names = sorted(filter(None, map(schema.space_of, self._home.vector_names())))
            counts = {s: self._count(collection, Filter.by_property(schema.SPACE).equal(s)) for s in names}
            if sum(counts.values()) != self._count(collection):
                groups = collection.aggregate.over_all(
                    group_by=GroupByAggregate(prop=schema.SPACE, limit=PAGE), total_count=True
                ).groups
                counts = {str(g.grouped_by.value): g.total_count or 0 for g in groups}
        return {s: n for s, n in counts.items() if n}

    def count(self) -> int:
        with self._home.asking():
            return self._count(self._home.use())

    def _count(self, collection: Any, chosen: Any = None) -> int:
        return int(collection.aggregate.over_all(filters=chosen, total_count=True).total_count or 0)

    def health(self) -> IndexHealth:
        """The server calls itself ready when it takes no writes; its shards say so."""
        try:
            with self._home.asking():
                client = self._connection.client
                if not client.is_ready():
                    raise errors.lost(self._connection.address)
                target = self._home.target()
                if client.collections.exists(target):
                    self._home.check_mark(target)
                shards = client.collections.use(target).config.get_shards()
        except WrongUse as e:
            return IndexHealth(is_ready=True, is_writable=False, detail=str(e))
        except LoadFailure as e:
            return IndexHealth(is_ready=False, is_writable=False, detail=str(e))
        closed = sum(s.status == "READONLY" for s in shards)
        trouble = f"Weaviate takes no writes: {closed} of {len(shards)} shards are read-only (disk full?)"
        return IndexHealth(
            is_ready=True, is_writable=not closed, detail=trouble if closed else "Weaviate answers"
        )

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
            limit=limit,
            offset=offset,
            deepest=asked.MOST_RESULTS,
        )

        def ask() -> Findings:
            with self._home.asking():
                collection = self._home.use(consistent=False)
                lists = self._standing.lists(collection, where)
                return hybrid.search(lists, question, self._standing.backgrounds(collection, queries))

        return _once_more(ask)

    def about_spaces(self) -> Mapping[str, int]:
        return self._standing.sizes()


def _bare(collection: Any, ids: Sequence[UUID]) -> Sequence[Any]:
    """Those of these that an id filter matches."""
    return list(collection.query.fetch_objects_by_ids(ids, limit=len(ids), return_properties=[]).objects)


def _once_more(ask: Callable[[], T]) -> T:
    """The collection that was asked may have been switched from and dropped meanwhile."""
    try:
        return ask()
    except errors.CollectionGone:
        return ask()
