"""Search: ask each embedding space that holds cases with its own query vector; one list of hits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from everycase.app import App
from everycase.domain.catalogue import Catalogue, Kind
from everycase.domain.errors import WrongUse
from everycase.domain.failures import EmbeddingFailure
from everycase.domain.rows import MalformedRow, iso, moment
from everycase.ports import Comparison, Condition, Embedder, Hit, VectorIndex

_CONDITION = re.compile(r"\s*([\w.]+?)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """The hits, best first, and notes on what could not be searched."""

    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"hits": [_hit(h) for h in self.hits], "notes": list(self.notes)}


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "case_number": hit.case_number,
        "case_id": hit.case_id,
        "score": round(hit.score, 4),
        "subject": hit.subject,
        "space": hit.space,
    }


def search(app: App, query: str, *, where: Sequence[str] = (), limit: int = 10) -> SearchAnswer:
    """The best cases for a text; `where` holds filters like `status=Closed`."""
    conditions = [parse_condition(w, app.catalogue) for w in where]
    app.index.prepare(app.embedder.spaces)
    return find_cases(app.index, app.embedder, query, where=conditions, limit=limit)


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
