"""Asking a collection: filters, words and nearest neighbours. What they find is fused by the adapter.

One question for the words and one for each space: Weaviate's own multi-vector search drops objects that
hold only one of the vectors, and the distances of two models say nothing about each other
(docs/facts.md 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from weaviate.classes.query import Filter, MetadataQuery
from weaviate.exceptions import WeaviateQueryError

from everycase.domain.cases import Vector
from everycase.domain.catalogue import Kind
from everycase.indexes.hybrid import SHOWN
from everycase.indexes.weaviate import schema as schema
from everycase.indexes.weaviate.errors import reason
from everycase.indexes.weaviate.words import Lexicon, is_long, shorten
from everycase.ports import Comparison, Condition

LONGEST_QUERY = 20_000
"""Characters of a query that are looked for as words."""

MOST_RESULTS = 10_000
"""`QUERY_MAXIMUM_RESULTS` of a server with no settings."""

_SEARCHED = [schema.COMPOSITE]
"""It has subject and codes too. Of several properties Weaviate searches each by itself and adds up the scores
of the best cases of each: that is slower and finds less (docs/decisions/0018)."""

_SAME = 1e-6
"""Cosine distance up to which two vectors are the same."""


def conditions(where: Sequence[Condition]) -> Any:
    """All of these as one filter; None for none."""
    parts = [_condition(c) for c in where]
    return Filter.all_of(parts) if parts else None


_OPERATORS: Mapping[Comparison, Callable[[Any, str], Any]] = {
    Comparison.EQUAL: lambda p, v: p.equal(v),
    Comparison.NOT_EQUAL: lambda p, v: p.not_equal(v),
    Comparison.LESS: lambda p, v: p.less_than(v),
    Comparison.LESS_OR_EQUAL: lambda p, v: p.less_or_equal(v),
    Comparison.GREATER: lambda p, v: p.greater_than(v),
    Comparison.GREATER_OR_EQUAL: lambda p, v: p.greater_or_equal(v),
}


def _condition(c: Condition) -> Any:
    """Weaviate's NotEqual holds where the property is lacking, and for a list with no equal entry."""
    if c.until:
        return _in_period(c)
    if schema.has_key(c.property):
        name, value = schema.key_name(c.property), schema.key(c.value)
    else:
        is_moment = schema.CATALOGUE[c.property][1].kind is Kind.MOMENT
        name, value = c.property, c.value.upper() if is_moment else c.value.lower()
    return _OPERATORS[c.comparison](Filter.by_property(name), value)


def _in_period(c: Condition) -> Any:
    """A moment in `[value, until)`. Of a list any entry may lie before its end, and any after its begin."""
    property_ = Filter.by_property(c.property)
    inside = Filter.all_of([property_.greater_or_equal(c.value), property_.less_than(c.until)])
    return Filter.not_(inside) if c.comparison is Comparison.NOT_EQUAL else inside


UNREACHED = Filter.by_property(schema.UNREACHED).equal(True)
"""Matches the objects that the vector graph does not reach. They are few, so the server compares all."""


class Effort(NamedTuple):
    """How a probe looks for an object: among the `limit` nearest, and among those that match `chosen`."""

    limit: int
    chosen: Any = None


EFFORTS = (Effort(20), Effort(1000), Effort(1000, UNREACHED))
"""The efforts of a probe, each made only for what the one before did not find."""


def _both(one: Any, other: Any) -> Any:
    return Filter.all_of([one, other]) if other else one


def has_unreached(collection: Any) -> bool:
    """Whether any object is out of the graph's reach. A collection without that property has none."""
    try:
        return bool(collection.query.fetch_objects(filters=UNREACHED, limit=1, return_properties=[]).objects)
    except WeaviateQueryError as e:
        if reason(e.message).is_passing:
            raise
        return False


class WeaviateLists:
    """Implements `hybrid.Lists` on a collection. What a list shows of its cases comes with it."""

    def __init__(
        self,
        collection: Any,
        where: Sequence[Condition],
        *,
        has_unreached: bool,
        lexicon: Callable[[], Lexicon],
    ) -> None:
        """`has_unreached`: some objects are out of reach of the vector graph (`schema.UNREACHED`).

        `lexicon`: asked for long queries alone.
        """
        self._collection, self._chosen = collection, conditions(where)
        self._has_unreached, self._lexicon = has_unreached, lexicon
        self._shown: dict[UUID, Mapping[str, str]] = {}

    def by_words(self, text: str, depth: int) -> dict[UUID, float]:
        words = text[:LONGEST_QUERY].encode(errors="replace").decode()
        if not words.strip():
            return {}
        answer = self._collection.query.bm25(
            shorten(words, self._lexicon()) if is_long(words) else words,
            query_properties=_SEARCHED,
            filters=self._chosen,
            limit=depth,
            return_properties=list(SHOWN),
            return_metadata=MetadataQuery(score=True),
        )
        return {i: o.metadata.score or 0.0 for i, o in self._keep(answer.objects)}

    def by_identifiers(self, wanted: Sequence[str], depth: int) -> dict[UUID, Sequence[str]]:
        has_any = Filter.by_property(schema.IDENTIFIERS).contains_any(list(wanted))
        answer = self._collection.query.fetch_objects(
            filters=_both(has_any, self._chosen),
            limit=depth,
            return_properties=[*SHOWN, schema.IDENTIFIERS],
        )
        asked = set(wanted)
        return {
            i: [w for w in o.properties.get(schema.IDENTIFIERS) or () if w in asked]
            for i, o in self._keep(answer.objects)
        }

    def by_meaning(self, space: str, vector: Vector, depth: int) -> dict[UUID, float]:
        if vector.shape != (schema.width_of(space),):
            return {}
        nearest = self._nearest(space, vector, depth, self._chosen)
        if self._has_unreached:
            nearest |= self._nearest(space, vector, depth, _both(UNREACHED, self._chosen))
        return nearest

    def _nearest(self, space: str, vector: Vector, depth: int, chosen: Any) -> dict[UUID, float]:
        try:
            answer = self._collection.query.near_vector(
                vector.tolist(),
                target_vector=schema.vector_name(space),
                filters=chosen,
                limit=depth,
                return_properties=list(SHOWN),
                return_metadata=MetadataQuery(distance=True),
            )
        except WeaviateQueryError as e:
            if "named vector" in e.message:
                return {}
            raise
        return {i: 1 - (o.metadata.distance or 0.0) for i, o in self._keep(answer.objects)}

    def shown(self, ids: Sequence[UUID]) -> dict[UUID, Mapping[str, str]]:
        return {i: self._shown[i] for i in ids}

    def texts(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        answer = self._collection.query.fetch_objects_by_ids(
            ids, limit=len(ids), return_properties=[schema.COMPOSITE]
        )
        return {UUID(int=o.uuid.int): o.properties.get(schema.COMPOSITE) or "" for o in answer.objects}

    def _keep(self, objects: Sequence[Any]) -> list[tuple[UUID, Any]]:
        found = [(UUID(int=o.uuid.int), o) for o in objects]
        for i, o in found:
            self._shown[i] = {n: o.properties.get(n) or "" for n in SHOWN}
        return found


def sample(collection: Any, space: str, size: int) -> list[Vector]:
    """Some vectors of a space; none where the collection has no such space."""
    answer = collection.query.fetch_objects(
        filters=Filter.by_property(schema.SPACE).equal(space),
        limit=size,
        include_vector=True,
        return_properties=[],
    )
    name = schema.vector_name(space)
    held = (schema.vectors_of(o.vector).get(name) for o in answer.objects)
    return [v for v in held if v is not None and v.shape == (schema.width_of(space),)]


def sample_texts(collection: Any, size: int) -> list[str]:
    """Composites of some cases; ids are hashes, so the first ones are as good as any."""
    answer = collection.query.fetch_objects(limit=size, return_properties=[schema.COMPOSITE])
    return [o.properties.get(schema.COMPOSITE) or "" for o in answer.objects]


def finds(collection: Any, object_id: UUID, name: str, vector: Vector, effort: Effort) -> bool:
    """Whether a search with an object's own vector finds the object.

    It counts as found where every hit is as near as the object itself: equal vectors have no order.
    """
    try:
        answer = collection.query.near_vector(
            vector.tolist(),
            target_vector=name,
            filters=effort.chosen,
            limit=effort.limit,
            return_properties=[],
            return_metadata=MetadataQuery(distance=True),
        )
    except WeaviateQueryError as e:
        if reason(e.message).is_passing:
            raise
        return False  # such a vector cannot even be asked for
    if any(o.uuid.int == object_id.int for o in answer.objects):
        return True
    distances = [o.metadata.distance or 0.0 for o in answer.objects]
    return len(distances) == effort.limit and max(distances) < _SAME
