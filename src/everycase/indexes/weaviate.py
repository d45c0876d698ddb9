"""The index in Weaviate, built on how the server really behaves (facts/weaviate.md).

One collection behind an alias, a named vector for each space, and in every object exactly one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Condition
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from weaviate.classes.aggregate import GroupByAggregate
from weaviate.classes.query import Filter
from weaviate.exceptions import WeaviateInsertManyAllFailedError

from everycase.domain.cases import IndexObject, Vector
from everycase.domain.errors import DependencyUnreachable
from everycase.domain.failures import POLICIES, ErrorType, LoadFailure
from everycase.domain.fingerprint import Stamps
from everycase.domain.ranking import fuse
from everycase.indexes import weaviate_schema as schema
from everycase.indexes.refusal import refusal
from everycase.indexes.weaviate_alias import begin, behind, complete
from everycase.indexes.weaviate_errors import CollectionGone, meaning
from everycase.indexes.weaviate_schema import Shape
from everycase.indexes.weaviate_search import as_filter, is_found, lexical, nearest, words_of
from everycase.indexes.weaviate_server import WeaviateServer
from everycase.ports import Condition as Where
from everycase.ports import Hit, IndexHealth, UpsertOutcome, UpsertStatus

BATCH, BATCH_BYTES = 100, 16_000_000
"""Objects and bytes of one call: well under the server's 104,858,000 and ten seconds."""

PAGE, READ_PAGE = 1000, 200
"""Objects of one answer: stamps alone, and whole with their vectors."""

DEPTH = 100
"""How many of each list take part in the fusion."""

PROBES = 4
"""Probes under way at once."""

NEAREST = (20, 500)
"""A probe looks for an object among so many nearest, and once more among so many: it widens the search."""

T = TypeVar("T")


class WeaviateIndex:
    """Implements `ports.VectorIndex` on the collection that `name` names, or is the alias of."""

    name = "weaviate"
    settles_after = timedelta(minutes=5)
    """The log of the graph is written behind that of the objects (facts/weaviate.md 3)."""

    def __init__(self, server: WeaviateServer, collection: str, shape: Shape) -> None:
        self._server, self._name, self._shape = server, collection, shape
        self._writing = _InFlight()

    # ── shape ────────────────────────────────────────────────────────────────────────────────

    def prepare(self, spaces: Mapping[str, int]) -> None:
        with self._server.reached() as client:
            name = behind(client, self._name) or begin(client, self._name, self._shape)
            complete(client, name, spaces, self._shape)

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def upsert(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        outcomes: dict[int, UpsertOutcome] = {i: why for i, o in enumerate(objects) if (why := refusal(o))}
        newest: dict[UUID, int] = {}
        for i, o in enumerate(objects):
            first = newest.get(o.stamps.object_id)
            if i not in outcomes and (
                first is None or objects[first].stamps.generation <= o.stamps.generation
            ):
                newest[o.stamps.object_id] = i
        with self._collection() as collection, self._writing.of(newest):
            there = {s.object_id: s.generation for s in _stamps(collection, list(newest), ["generation"])}
            todo = [i for k, i in newest.items() if there.get(k, 0) <= objects[i].stamps.generation]
            for part in _parts([objects[i] for i in todo]):
                written = self._insert(collection, part)
                outcomes |= {newest[o.object_id]: o for o in written}
        return [outcomes.get(i) or _outcome(o, UpsertStatus.SUPERSEDED) for i, o in enumerate(objects)]

    def _insert(self, collection: Any, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        """One call; what has no confirmed id is not stored."""
        try:
            answer = collection.data.insert_many([schema.as_object(o) for o in objects])
        except WeaviateInsertManyAllFailedError as e:
            return self._all_failed(collection, objects, str(e))
        found = []
        for i, o in enumerate(objects):
            if i in answer.errors:
                found.append(_failed(o, answer.errors[i].message))
            elif str(answer.uuids.get(i)) == str(o.stamps.object_id):
                found.append(_outcome(o, UpsertStatus.STORED))
            else:
                found.append(_failed(o, "timeout"))
        return found

    def _all_failed(self, collection: Any, objects: Sequence[IndexObject], said: str) -> list[UpsertOutcome]:
        """The client says then what all of them met together, and not which met what."""
        error_type, sentence = meaning(said)
        if POLICIES[error_type].is_outage or error_type is ErrorType.WEAVIATE_TIMEOUT:
            raise LoadFailure(error_type, sentence)
        if len(objects) == 1:
            return [_failed(objects[0], said)]
        half = len(objects) // 2
        return [*self._insert(collection, objects[:half]), *self._insert(collection, objects[half:])]

    def delete(self, object_ids: Sequence[UUID]) -> int:
        deleted = 0
        for ids in _pages(object_ids, PAGE):
            with self._collection() as collection:
                while True:
                    answer = collection.data.delete_many(where=Filter.by_id().contains_any(ids))
                    deleted += answer.successful
                    if answer.failed:
                        why = "Weaviate could not delete all that it was told to"
                        raise LoadFailure(ErrorType.WEAVIATE_UNAVAILABLE, why)
                    if answer.matches == answer.successful:
                        break
        return deleted

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def manifest(self, *, after: UUID | None = None, until: UUID | None = None) -> Iterator[Stamps]:
        while True:
            with self._collection() as collection:
                page = collection.query.fetch_objects(
                    limit=PAGE, after=after, return_properties=list(schema.STAMPS)
                ).objects
            for found in page:
                if until is not None and found.uuid.int > until.int:
                    return
                yield schema.stamps_of(found.uuid, found.properties)
            if len(page) < PAGE:
                return
            after = UUID(int=page[-1].uuid.int)

    def stamps(self, object_ids: Sequence[UUID]) -> Iterator[Stamps]:
        with self._collection() as collection:
            found = list(_stamps(collection, object_ids, list(schema.STAMPS)))
        return iter(found)

    def vectors(self, object_ids: Sequence[UUID]) -> Iterator[tuple[UUID, Vector]]:
        for object_id, _, vectors in self._whole(object_ids, properties=[]):
            for vector in vectors.values():
                if vector:
                    yield object_id, np.asarray(vector, dtype=np.float32)

    def objects(self, object_ids: Sequence[UUID]) -> Iterator[IndexObject]:
        names = [*schema.STAMPS, schema.COMPOSITE, *schema.PROPERTIES]
        for object_id, properties, vectors in self._whole(object_ids, properties=list(dict.fromkeys(names))):
            yield schema.object_of(object_id, properties, vectors)

    def _whole(
        self, object_ids: Sequence[UUID], *, properties: list[str]
    ) -> Iterator[tuple[UUID, Mapping[str, Any], Mapping[str, Any]]]:
        for ids in _pages(object_ids, READ_PAGE):
            with self._collection() as collection:
                found = collection.query.fetch_objects_by_ids(
                    ids, limit=len(ids), include_vector=True, return_properties=properties
                ).objects
            for o in found:
                yield UUID(int=o.uuid.int), o.properties, o.vector

    def probe(self, object_ids: Sequence[UUID]) -> set[UUID]:
        """A graph overlooks a few; lost is what it does not find when it looks widely either."""
        found: set[UUID] = set()
        for ids in _pages(object_ids, READ_PAGE):
            whole = self._whole(ids, properties=[])
            vectors = [(i, name, v) for i, _, held in whole for name, v in held.items() if v]
            for near in NEAREST:
                left = [one for one in vectors if one[0] not in found]
                with self._collection() as collection, ThreadPoolExecutor(PROBES) as pool:
                    seen = pool.map(lambda one: is_found(collection, *one, nearest=near), left)  # noqa: B023
                    found |= {one[0] for one, is_there in zip(left, seen, strict=True) if is_there}
        return found

    def spaces(self) -> Mapping[str, int]:
        def ask() -> Mapping[str, int]:
            with self._collection() as collection:
                groups = collection.aggregate.over_all(
                    group_by=GroupByAggregate(prop="space"), total_count=True
                ).groups
            return {str(g.grouped_by.value): g.total_count or 0 for g in groups}

        return _asked(ask)

    def count(self) -> int:
        with self._collection() as collection:
            return int(collection.aggregate.over_all(total_count=True).total_count or 0)

    def health(self) -> IndexHealth:
        try:
            with self._collection() as collection:
                shards = collection.config.get_shards()
        except (LoadFailure, DependencyUnreachable) as e:
            return IndexHealth(is_ready=False, is_writable=False, detail=str(e))
        closed = [s for s in shards if s.status != "READY"]
        detail = "Weaviate answers"
        if closed:
            kinds = ", ".join(sorted({s.status for s in closed}))
            detail = (
                f"Weaviate takes no writes: {len(closed)} of {len(shards)} shards are {kinds}, mostly "
                "because the disk is nearly full; make room, then set the shards to READY"
            )
        return IndexHealth(is_ready=True, is_writable=not closed, detail=detail)

    # ── search ───────────────────────────────────────────────────────────────────────────────

    def search(
        self,
        text: str,
        queries: Mapping[str, Vector],
        *,
        where: Sequence[Where] = (),
        limit: int = 10,
    ) -> list[Hit]:
        chosen, words, depth = as_filter(where), words_of(text), max(DEPTH, limit)

        def ask() -> list[Mapping[UUID, Hit]]:
            with self._collection() as collection:
                found = [lexical(collection, words, chosen, depth)]
                found += [nearest(collection, s, v, chosen, depth) for s, v in queries.items()]
            return found

        rankings = _asked(ask)
        known = {i: hit for ranking in rankings for i, hit in ranking.items()}
        fused = fuse([list(r) for r in rankings])
        return [replace(known[i], score=score) for i, score in list(fused.items())[:limit]]

    # ── inside ───────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _collection(self) -> Iterator[Any]:
        with self._server.reached() as client:
            yield self._server.collection(client, self._name)


class _InFlight:
    """Objects that are being written: Weaviate has no conditional write, so that what is there is read
    first, and no other thread of this process writes them meanwhile. Other processes are kept apart by
    the pipeline, which holds a case's lineage row while it loads it.
    """

    def __init__(self) -> None:
        self._ids: set[UUID] = set()
        self._changed = Condition()

    @contextmanager
    def of(self, ids: Mapping[UUID, object]) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._ids.isdisjoint(ids))
            self._ids.update(ids)
        try:
            yield
        finally:
            with self._changed:
                self._ids.difference_update(ids)
                self._changed.notify_all()


def _asked(ask: Callable[[], T]) -> T:
    """Once more, where the collection that was asked has been switched from and dropped meanwhile."""
    try:
        return ask()
    except CollectionGone:
        return ask()


def _outcome(o: IndexObject, status: UpsertStatus) -> UpsertOutcome:
    return UpsertOutcome(object_id=o.stamps.object_id, status=status)


def _failed(o: IndexObject, said: str) -> UpsertOutcome:
    error_type, sentence = meaning(said)
    return UpsertOutcome(
        object_id=o.stamps.object_id, status=UpsertStatus.FAILED, error_type=error_type, message=sentence
    )


def _parts(objects: Sequence[IndexObject]) -> Iterator[list[IndexObject]]:
    """In calls of bounded count and size."""
    part: list[IndexObject] = []
    size = 0
    for o in objects:
        n = schema.size_of(o)
        if part and (len(part) >= BATCH or size + n > BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(o)
        size += n
    if part:
        yield part


def _pages(ids: Sequence[UUID], size: int) -> Iterator[list[UUID]]:
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


def _stamps(collection: Any, ids: Sequence[UUID], names: list[str]) -> Iterator[Stamps]:
    for page in _pages(ids, PAGE):
        answer = collection.query.fetch_objects_by_ids(page, limit=len(page), return_properties=names)
        for found in answer.objects:
            yield schema.stamps_of(found.uuid, found.properties)
