"""Golden queries: kept, run, and asked before another index is served (contract §8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from everycase.app import App
from everycase.domain.cases import IndexObject
from everycase.domain.errors import WrongUse
from everycase.domain.golden import FIRST, GoldenQuery, Judgement, Placed
from everycase.operations.search import embed_query
from everycase.operations.trace import case_keys
from everycase.ports import Embedder, VectorIndex
from everycase.store import golden, lineage

OWN_SUBJECTS = 50
"""Cases of a sample that must find themselves by their own subject."""

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
    kept = list_kept(app)
    if not kept:
        return []
    return [GoldenFound(golden=g, place=p) for g, p in zip(kept, _places(app, app.index, kept), strict=True)]


def list_kept(app: App) -> list[GoldenQuery]:
    """The golden queries as they are kept; none is run."""
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
        kept, own = list_kept(app), _own_subjects(build)
        found = [
            _judgement(app, served, build, kept).refusal(loss, what="by the golden queries the build"),
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
        for o in first_objects(index, OWN_SUBJECTS)
        if o.properties.get("subject")
    ]


def first_objects(index: VectorIndex, most: int) -> list[IndexObject]:
    """The first objects of an index in the order of their ids, at most so many."""
    ids = [s.object_id for s in islice(index.manifest(), most)]
    return list(index.objects(ids))
