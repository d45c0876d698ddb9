"""Golden queries: kept, run, and asked before another index or another model is taken (contract §8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from everycase.app import App
from everycase.domain.batching import pages
from everycase.domain.cases import IndexObject, RedactedCase, RedactedRecord, Vector
from everycase.domain.composite import compose
from everycase.domain.errors import WrongUse
from everycase.domain.failures import EmbeddingFailure
from everycase.domain.fingerprint import object_id
from everycase.domain.golden import FIRST, GoldenQuery, Judgement, Placed
from everycase.operations.search import embed_query
from everycase.operations.trace import case_keys
from everycase.ports import Embedder, Embedding, VectorIndex
from everycase.store import golden, lineage

OWN_SUBJECTS = 50
"""Cases of a sample that must find themselves by their own subject."""

TRIAL = 500
"""Cases among which a new model must find those of the golden queries."""

Judge = Callable[[VectorIndex, VectorIndex], list[str]]
"""Returns why the second index must not be served in place of the first one; empty if it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenFound:
    """A golden query, and in which place the served index finds its case."""

    golden: GoldenQuery
    place: int | None

    def as_dict(self) -> dict[str, Any]:
        return {"query": self.golden.query, "case_number": self.golden.case_number, "place": self.place}


def add(app: App, query: str, case: str) -> GoldenQuery:
    """Keep a query and the case that it must find. Raises `WrongUse` for a blank query or no such case."""
    if not query.strip():
        raise WrongUse("a golden query needs words: everycase golden add QUERY CASE")
    with app.pool.connection() as conn:
        row = next((found for k in case_keys(case) if (found := lineage.find(conn, k))), None)
        if row is None:
            raise WrongUse(f"no case {case!r}, neither by record id nor by case number")
        kept = GoldenQuery(query=query.strip(), case_number=row["case_number"])
        golden.add(conn, kept)
    return kept


def remove(app: App, query: str, case: str | None = None) -> int:
    """Forget a query, or one of its cases; how many. Raises `WrongUse` where there is none."""
    with app.pool.connection() as conn:
        removed = golden.remove(conn, query.strip(), case)
    if not removed:
        raise WrongUse("no such golden query: everycase golden list names them")
    return removed


def list_queries(app: App) -> list[GoldenFound]:
    """All of them, with the places in which the served index finds their cases today."""
    kept = _kept(app)
    if not kept:
        return []
    app.index.prepare(app.embedder.spaces)
    return [GoldenFound(golden=g, place=p) for g, p in zip(kept, _places(app, app.index, kept), strict=True)]


def _kept(app: App) -> list[GoldenQuery]:
    with app.pool.connection() as conn:
        return golden.list_all(conn)


def _places(app: App, index: VectorIndex, kept: Sequence[GoldenQuery]) -> list[int | None]:
    return [_place(app.embedder, index, g) for g in kept]


def _place(embedder: Embedder, index: VectorIndex, wanted: GoldenQuery) -> int | None:
    vectors = embed_query(index, embedder, wanted.query).vectors
    hits = index.search(wanted.query, vectors, limit=FIRST).hits
    return next((n for n, h in enumerate(hits, start=1) if h.case_number == wanted.case_number), None)


# ── an index that is to be served ────────────────────────────────────────────────────────────────


def judge_of(app: App) -> Judge:
    """The function that compares a new build of the index with the served one."""

    def judge(served: VectorIndex, build: VectorIndex) -> list[str]:
        loss = app.settings.golden_loss
        own = _own_subjects(build)
        found = [
            _judgement(app, served, build, _kept(app)).refusal(loss, what="by the golden queries the build"),
            _judgement(app, served, build, own).refusal(loss, what="by their own subjects the build"),
        ]
        return [f for f in found if f]

    return judge


def _judgement(
    app: App, served: VectorIndex, build: VectorIndex, queries: Sequence[GoldenQuery]
) -> Judgement:
    before, after = _places(app, served, queries), _places(app, build, queries)
    return Judgement(
        placed=tuple(
            Placed(golden=g, before=b, after=a) for g, b, a in zip(queries, before, after, strict=True)
        )
    )


def _own_subjects(index: VectorIndex) -> list[GoldenQuery]:
    """A sample of cases, each to be found by its own subject; ids are hashes, so the first ones will do."""
    return [
        GoldenQuery(query=str(o.properties["subject"]), case_number=o.stamps.case_number)
        for o in _first_objects(index, OWN_SUBJECTS)
        if o.properties.get("subject")
    ]


def _first_objects(index: VectorIndex, most: int) -> list[IndexObject]:
    ids = [s.object_id for s, _ in zip(index.manifest(), range(most), strict=False)]
    return list(index.objects(ids))


# ── a model that is to be used in place ──────────────────────────────────────────────────────────


def check_model(app: App) -> None:
    """Raise `WrongUse` where the golden queries find less with a new model than with that of the index.

    A model is new until half of all cases are in its space: those that it embedded as a fallback say nothing.
    The cases of the queries and a sample of others are embedded with it; nothing is written. Where its
    provider cannot embed all of them now, nothing is judged.
    """
    kept = _kept(app)
    sizes = app.index.about_spaces() if kept else {}
    if 2 * sizes.get(app.embedder.space, 0) >= sum(sizes.values()):
        return
    trial = _trial(app.index, kept)
    batch = app.embedder.embed_documents([_text(app, o) for o in trial])
    anew = [o.vector for o in batch.outcomes if isinstance(o, Embedding) and o.space == app.embedder.space]
    if len(anew) < len(trial):
        return
    refusal = _compare_models(app.embedder, trial, anew, kept).refusal(
        app.settings.golden_loss, what=f"by the golden queries {app.embedder.space}"
    )
    if refusal:
        raise WrongUse(f"{refusal}. Keep the former EVERYCASE_EMBEDDERS, or allow the loss")


def _trial(index: VectorIndex, kept: Sequence[GoldenQuery]) -> list[IndexObject]:
    wanted = {object_id(g.case_number) for g in kept}
    others = [o for o in _first_objects(index, TRIAL) if o.stamps.object_id not in wanted]
    return [*(o for page in pages(sorted(wanted), TRIAL) for o in index.objects(page)), *others]


def _compare_models(
    embedder: Embedder,
    trial: Sequence[IndexObject],
    anew: Sequence[Vector],
    kept: Sequence[GoldenQuery],
) -> Judgement:
    numbers = [o.stamps.case_number for o in trial]
    held = [(o.vector if o.vector.size else None, o.stamps.space) for o in trial]
    placed = []
    for g in kept:
        before = _similarities(embedder, g.query, held)
        after = _similarities(embedder, g.query, [(v, embedder.space) for v in anew])
        placed.append(Placed(golden=g, before=_rank(numbers, before, g), after=_rank(numbers, after, g)))
    return Judgement(placed=tuple(placed))


def _text(app: App, o: IndexObject) -> str:
    """What is embedded of a case, without its children."""
    values = {
        f.name: str(o.properties[f.property])
        for f in app.catalogue.case.fields
        if o.properties.get(f.property)
    }
    record = RedactedRecord(object="Case", id=o.stamps.case_id, values=values)
    return compose(
        RedactedCase(
            record_id=o.stamps.case_id,
            case_number=o.stamps.case_number,
            generation=o.stamps.generation,
            case=record,
            children={},
            redactions={},
        )
    ).to_embed


def _similarities(embedder: Embedder, query: str, held: Sequence[tuple[Vector | None, str]]) -> list[float]:
    """Of the query to each vector, in the vector's own space; -1 where there is none, or no query."""
    queries: dict[str, Vector | None] = {}
    for space in {space for _, space in held}:
        try:
            queries[space] = embedder.embed_query(query, space)
        except EmbeddingFailure:
            queries[space] = None
    return [
        -1.0 if vector is None or (q := queries[space]) is None else float(np.dot(vector, q))
        for vector, space in held
    ]


def _rank(numbers: Sequence[str], similarities: Sequence[float], wanted: GoldenQuery) -> int | None:
    if wanted.case_number not in numbers:
        return None
    own = similarities[numbers.index(wanted.case_number)]
    return None if own == -1.0 else 1 + sum(s > own for s in similarities)
