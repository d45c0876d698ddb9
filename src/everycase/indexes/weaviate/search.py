"""Asking a collection: filters, words and nearest neighbours. What they find is fused by the adapter.

One question for the words and one for each space: Weaviate's own multi-vector search drops objects that
hold only one of the vectors, and the distances of two models say nothing about each other
(facts/weaviate.md 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from weaviate.classes.query import Filter, MetadataQuery
from weaviate.exceptions import WeaviateQueryError

from everycase.domain.cases import Vector
from everycase.domain.catalogue import Kind
from everycase.indexes.weaviate import schema as schema
from everycase.indexes.weaviate.errors import reason
from everycase.ports import Comparison, Condition, Hit

LONGEST_QUERY = 20_000
"""Characters of a query that are looked for as words."""

MOST_RESULTS = 10_000
"""`QUERY_MAXIMUM_RESULTS` of a server with no settings."""

_SEARCHED = ["subject^2", schema.COMPOSITE]
_SAME = 1e-6
"""Cosine distance up to which two vectors are the same."""

Found = Mapping[UUID, Hit]
"""In the order of their rank; the score is not known yet."""


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
    if schema.has_key(c.property):
        name, value = schema.key_name(c.property), schema.key(c.value)
    else:
        is_moment = schema.CATALOGUE[c.property][1].kind is Kind.MOMENT
        name, value = c.property, c.value.upper() if is_moment else c.value.lower()
    return _OPERATORS[c.comparison](Filter.by_property(name), value)


def lexical(collection: Any, text: str, chosen: Any, depth: int) -> Found:
    """The objects that have the words of `text`, best first; whatever is in it is only text."""
    words = text[:LONGEST_QUERY].replace("\x00", " ").encode(errors="replace").decode()
    if not words.strip():
        return {}
    answer = collection.query.bm25(
        words, query_properties=_SEARCHED, filters=chosen, limit=depth, return_properties=list(schema.SHOWN)
    )
    return _found(answer.objects)


def nearest(collection: Any, space: str, vector: Vector, chosen: Any, depth: int) -> Found:
    """The nearest objects of one space; none where the collection has no such space."""
    if vector.shape != (schema.width_of(space),):
        return {}
    try:
        answer = collection.query.near_vector(
            vector.tolist(),
            target_vector=schema.vector_name(space),
            filters=chosen,
            limit=depth,
            return_properties=list(schema.SHOWN),
        )
    except WeaviateQueryError as e:
        if "named vector" in e.message:
            return {}
        raise
    return _found(answer.objects)


def _found(objects: Sequence[Any]) -> Found:
    hits = {}
    for o in objects:
        object_id, texts = UUID(int=o.uuid.int), {n: o.properties.get(n) or "" for n in schema.SHOWN}
        hits[object_id] = Hit(object_id=object_id, score=0.0, **texts)
    return hits


def finds(collection: Any, object_id: UUID, name: str, vector: Vector, limit: int) -> bool:
    """Whether the graph finds an object by its own vector among the nearest `limit`.

    Where all of those are as near as the object itself, its place among its equals says nothing.
    """
    try:
        answer = collection.query.near_vector(
            vector.tolist(),
            target_vector=name,
            limit=limit,
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
    return len(distances) == limit and max(distances) < _SAME
