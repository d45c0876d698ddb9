"""Search: every space that holds cases is asked in its own terms, and the answers are one list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from everycase.domain.catalogue import Catalogue, Kind
from everycase.domain.errors import WrongUse
from everycase.domain.failures import EmbeddingFailure
from everycase.domain.rows import MalformedRow, iso, moment
from everycase.ports import Comparison, Condition, Embedder, Hit, VectorIndex

_CONDITION = re.compile(r"\s*([\w.]+?)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """What was found, and what could not be asked."""

    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()


def find_cases(
    index: VectorIndex,
    embedder: Embedder,
    text: str,
    *,
    where: Sequence[Condition] = (),
    limit: int = 10,
) -> SearchAnswer:
    """The best cases for a text, by meaning and by word.

    A space whose provider cannot be reached is searched by words alone, and a note says so. Raises
    `WrongUse` for a blank text.
    """
    if not text.strip():
        raise WrongUse("there is nothing to search for: give a few words")
    queries, notes = {}, []
    for space, cases in index.spaces().items():
        try:
            queries[space] = embedder.embed_query(text, space)
        except EmbeddingFailure as e:
            notes.append(f"{cases} cases in {space} were searched by words only: {e}")
    hits = index.search(text, queries, where=where, limit=limit)
    return SearchAnswer(hits=tuple(hits), notes=tuple(notes))


def parse_condition(text: str, catalogue: Catalogue) -> Condition:
    """`field=value`, or with != < <= > >=; a field as `Catalogue.property_for` takes it, dates as dates.

    Raises `WrongUse` saying what is wrong with it.
    """
    found = _CONDITION.fullmatch(text)
    if found is None or not found[3]:
        raise WrongUse(f"the filter {text!r} is not field=value (or with !=, <, <=, >, >=)")
    name, comparison, value = catalogue.property_for(found[1]), Comparison(found[2]), found[3]
    if catalogue.properties[name][1].kind is Kind.MOMENT:
        try:
            value = iso(moment(value))
        except MalformedRow:
            raise WrongUse(f"the filter {text!r} wants a date: YYYY-MM-DD") from None
    return Condition(property=name, comparison=comparison, value=value)
