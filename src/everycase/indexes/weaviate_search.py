"""What a collection is asked: filters, words, nearest neighbours. The adapter fuses the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any
from uuid import UUID

from weaviate.classes.query import Filter, MetadataQuery
from weaviate.exceptions import WeaviateQueryError

from everycase.domain.cases import Vector
from everycase.domain.errors import WrongUse
from everycase.indexes.weaviate_schema import KEYS, PROPERTIES, SEARCHED, filter_key, is_prose, vector_name
from everycase.ports import Comparison, Condition, Hit

SHOWN = ("case_id", "case_number", "subject", "space")
"""What a hit tells of its case."""

_SAME = 1e-4
"""Cosine distance within which vectors are equal, but for the rounding of the server."""

MOST_WORDS = 200
"""Of a query: a pasted log is searched by how it begins, and by meaning as a whole."""


def as_filter(where: Sequence[Condition]) -> Any:
    """All of the conditions; None for none. A list property matches when any of its entries does.

    Raises `WrongUse` where prose is compared by order.
    """
    parts = [_part(c) for c in where]
    return reduce(lambda a, b: a & b, parts) if parts else None


def _part(c: Condition) -> Any:
    if c.comparison in (Comparison.EQUAL, Comparison.NOT_EQUAL):
        holds = Filter.by_property(KEYS).contains_any([filter_key(c.property, c.value)])
        return Filter.not_(holds) if c.comparison is Comparison.NOT_EQUAL else holds
    if is_prose(PROPERTIES[c.property][1]):
        raise WrongUse(f"{c.property} is prose: it is filtered with = and != alone")
    prop = Filter.by_property(c.property)
    match c.comparison:
        case Comparison.LESS:
            return prop.less_than(c.value)
        case Comparison.LESS_OR_EQUAL:
            return prop.less_or_equal(c.value)
        case Comparison.GREATER:
            return prop.greater_than(c.value)
    return prop.greater_or_equal(c.value)


def words_of(text: str) -> str:
    """The words of a query that are looked for; nothing in them is a command."""
    readable = text.encode("utf-8", "replace").decode().replace("\x00", " ")
    return " ".join(word[:100] for word in readable.split()[:MOST_WORDS])


# ── questions ────────────────────────────────────────────────────────────────────────────────────


def lexical(collection: Any, words: str, chosen: Any, depth: int) -> Mapping[UUID, Hit]:
    """The objects that have any of the words, best first. Their score is not known yet."""
    if not words:
        return {}
    answer = collection.query.bm25(
        words, query_properties=list(SEARCHED), filters=chosen, limit=depth, return_properties=list(SHOWN)
    )
    return _hits(answer.objects)


def nearest(collection: Any, space: str, vector: Vector, chosen: Any, depth: int) -> Mapping[UUID, Hit]:
    """The nearest objects of one space; none where the collection has no such space (any more).

    One question for each space: Weaviate's search of several vectors at once drops objects that hold only
    one of them, and the distances of two models cannot be compared (facts/weaviate.md 4).
    """
    try:
        answer = collection.query.near_vector(
            vector.tolist(),
            target_vector=vector_name(space),
            filters=chosen,
            limit=depth,
            return_properties=list(SHOWN),
        )
    except WeaviateQueryError as e:
        if "does not have named vector" in str(e):
            return {}
        raise
    return _hits(answer.objects)


def _hits(objects: Sequence[Any]) -> dict[UUID, Hit]:
    return {
        UUID(int=o.uuid.int): Hit(
            object_id=UUID(int=o.uuid.int), score=0.0, **{n: o.properties.get(n) or "" for n in SHOWN}
        )
        for o in objects
    }


def is_found(collection: Any, object_id: UUID, name: str, vector: Any, *, nearest: int) -> bool:
    """Whether a search with an object's own vector finds it among the nearest.

    Where all of those are as near as the object itself can be, its place among its equals says nothing.
    """
    found = collection.query.near_vector(
        vector,
        target_vector=name,
        limit=nearest,
        return_metadata=MetadataQuery(distance=True),
        return_properties=[],
    ).objects
    if any(o.uuid.int == object_id.int for o in found):
        return True
    return len(found) == nearest and all((o.metadata.distance or 0.0) < _SAME for o in found)
