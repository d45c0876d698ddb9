"""Filters and words of a search, as Weaviate takes them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from weaviate.classes.query import Filter

from everycase.domain.errors import WrongUse
from everycase.indexes.weaviate_schema import KEYS, PROPERTIES, filter_key, is_prose
from everycase.ports import Comparison, Condition

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
