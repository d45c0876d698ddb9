"""Search: ask each embedding space that holds cases with its own query vector; one list of hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from everycase.app import App
from everycase.domain import fingerprint
from everycase.domain.cases import IndexObject, Vector
from everycase.domain.errors import WrongUse
from everycase.domain.failures import EmbeddingFailure
from everycase.operations.filters import parse_condition
from everycase.operations.trace import case_keys
from everycase.ports import Condition, Embedder, Facets, Hit, Passage, VectorIndex
from everycase.store import lineage

LEAST_SIMILARITY: Mapping[str, float] = {
    "local/all-MiniLM-L6-v2-int8@384": 0.3,
    "local/wordllama-l2-supercat@256": 0.3,
}
"""A case that is less similar does not fit by meaning; of other models nobody has measured it."""

LEAST_COVERAGE = 0.5
"""A case with a smaller share of the query's words does not fit by words."""

LONGEST_EXAMPLE = 5000
"""Characters of a case that stand for it where similar ones are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """The hits, best first, what all candidates are like, and notes on what could not be searched."""

    hits: tuple[Hit, ...]
    candidates: int = 0
    facets: Facets = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "hits": [_hit(h) for h in self.hits],
            "candidates": self.candidates,
            "facets": {name: dict(values) for name, values in self.facets.items()},
            "notes": list(self.notes),
        }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "case_number": hit.case_number,
        "case_id": hit.case_id,
        "score": round(hit.score, 4),
        "subject": hit.subject,
        "space": hit.space,
        "why": why(hit),
        "words": None if hit.words is None else round(hit.words, 4),
        "similarity": None if hit.similarity is None else round(hit.similarity, 4),
        "identifiers": list(hit.identifiers),
        "passages": [_passage(p) for p in hit.passages],
    }


def _passage(passage: Passage) -> dict[str, Any]:
    return {"text": passage.text, "marks": [list(m) for m in passage.marks]}


def why(hit: Hit) -> list[str]:
    """By what a case was found: `identifier`, `words`, `meaning`."""
    found = {
        "identifier": bool(hit.identifiers),
        "words": hit.words is not None,
        "meaning": hit.similarity is not None,
    }
    return [name for name, is_so in found.items() if is_so]


def search(
    app: App,
    query: str,
    *,
    where: Sequence[str] = (),
    limit: int = 10,
    page: int = 1,
    similar: str = "",
) -> SearchAnswer:
    """One page of the best cases for a text, or for the case `similar` (by number or record id).

    `where` holds filters like `status=Closed`. Raises `WrongUse` for a filter that is none, a blank text,
    or a case that is not in the index.
    """
    conditions = [parse_condition(w, app.catalogue) for w in where]
    if similar:
        return find_similar(
            app.index, app.embedder, _example(app, similar), where=conditions, limit=limit, page=page
        )
    return find_cases(app.index, app.embedder, query, where=conditions, limit=limit, page=page)


def find_cases(
    index: VectorIndex,
    embedder: Embedder,
    text: str,
    *,
    where: Sequence[Condition] = (),
    limit: int = 10,
    page: int = 1,
) -> SearchAnswer:
    """The best cases for a text, by meaning, by word and by identifier.

    A space whose provider cannot be reached is searched by words alone, and a note says so; other notes
    say that nothing fits, or that a page is behind the last case. Raises `WrongUse` for a blank text.
    """
    if not text.strip():
        raise WrongUse("there is nothing to search for: give a few words")
    query = embed_query(index, embedder, text)
    found = index.search(text, query.vectors, where=where, limit=limit, offset=(page - 1) * limit)
    hits, notes = found.hits, list(query.notes)
    if page == 1 and not any(map(fits, hits)):
        notes.append("nothing fits: no case is about this" if hits else "nothing fits: no case was found")
        hits = ()
    if page > 1 and not hits:
        notes.append(f"page {page} is behind the last case that was found")
    return SearchAnswer(hits=hits, candidates=found.candidates, facets=found.facets, notes=tuple(notes))


def find_similar(
    index: VectorIndex,
    embedder: Embedder,
    example: IndexObject,
    *,
    where: Sequence[Condition] = (),
    limit: int = 10,
    page: int = 1,
) -> SearchAnswer:
    """The cases most like one of the index, which is itself left out."""
    own = example.properties
    text = "\n".join(str(own[n]) for n in ("subject", "description", "issue_plain_text") if own.get(n))
    text = (text or example.composite)[:LONGEST_EXAMPLE]
    query = embed_query(index, embedder, text, known={example.stamps.space: example.vector})
    found = index.search(text, query.vectors, where=where, limit=page * limit + 1)
    others = [h for h in found.hits if h.object_id != example.stamps.object_id]
    return SearchAnswer(
        hits=tuple(others[(page - 1) * limit : page * limit]),
        candidates=found.candidates,
        facets=found.facets,
        notes=tuple(query.notes),
    )


def fits(hit: Hit) -> bool:
    """Whether a case is about the query at all, as far as that can be told."""
    least = LEAST_SIMILARITY.get(hit.space, -1.0)
    by_meaning = hit.similarity is not None and hit.similarity >= least
    by_words = hit.words is not None and hit.coverage >= LEAST_COVERAGE
    return bool(hit.identifiers) or by_meaning or by_words


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedQuery:
    """A query's vector in every space that holds cases, and a note on each space that it has none in."""

    vectors: Mapping[str, Vector]
    notes: Sequence[str]


def embed_query(
    index: VectorIndex, embedder: Embedder, text: str, *, known: Mapping[str, Vector] | None = None
) -> EmbeddedQuery:
    """Embed a query once for each space of the index; `known`: vectors that are at hand, by space."""
    queries, notes = {s: v for s, v in (known or {}).items() if v.size}, []
    for space, cases in index.about_spaces().items():
        if space in queries:
            continue
        try:
            queries[space] = embedder.embed_query(text, space)
        except EmbeddingFailure as e:
            notes.append(f"{cases} cases in {space} were searched by words only: {e}")
    return EmbeddedQuery(vectors=queries, notes=notes)


def _example(app: App, key: str) -> IndexObject:
    with app.pool.connection() as conn:
        row = next((found for k in case_keys(key) if (found := lineage.find(conn, k))), None)
    number = row["case_number"] if row else key
    objects = list(app.index.objects([fingerprint.object_id(number)]))
    if not objects:
        raise WrongUse(f"no case {key!r} in the index, neither by record id nor by case number")
    return objects[0]
