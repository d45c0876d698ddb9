"""Try a new model or recipe with the golden queries before it is used in place (contract §8).

Some cases are made anew, and the golden queries are asked of them and of the same cases as they are served.
The index is not written to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from everycase.app import App
from everycase.domain.batching import pages
from everycase.domain.cases import EmbeddedCase, IndexObject, RedactedCase, RedactedRecord, Vector
from everycase.domain.composite import compose
from everycase.domain.errors import WrongUse
from everycase.domain.failures import EmbeddingFailure
from everycase.domain.fingerprint import object_id
from everycase.domain.golden import GoldenQuery, Judgement, Placed
from everycase.domain.passages import stems
from everycase.operations.golden import first_objects, list_kept
from everycase.pipeline.embed import EmbedResult, embed
from everycase.pipeline.redact import Redacted
from everycase.pipeline.run import OpenRun
from everycase.ports import Embedder, VectorIndex

EMBEDDED = 500
"""Cases among which a new model must find those of the golden queries."""

REMADE = 200
"""The same for a new recipe; fewer, because each case is redacted as well, which takes longer."""

NO_MATCH = -1.0


def check_change(app: App, run: OpenRun) -> None:
    """Raise `WrongUse` where the golden queries find less with a new model or recipe than in the index.

    A model or recipe is new until half of the cases are made with it; a model that embedded a few cases as a
    fallback stays new. Where the provider cannot embed all cases of the trial now, nothing is judged.
    What the trial costs is booked for the run; its vectors are kept, so the next trial costs nothing.
    """
    kept = list_kept(app)
    if not kept:
        return
    if _is_new_model(app):
        _check_model(app, run, kept)
    elif _is_new_recipe(app):
        _check_recipe(app, run, kept)


def _trial(index: VectorIndex, kept: Sequence[GoldenQuery], most: int) -> list[IndexObject]:
    """The cases that the queries are to find, and about `most` others to tell them from."""
    wanted = {object_id(g.case_number) for g in kept}
    others = [o for o in first_objects(index, most) if o.stamps.object_id not in wanted]
    return [*(o for page in pages(sorted(wanted), most) for o in index.objects(page)), *others]


def _embed(app: App, run: OpenRun, cases: Sequence[Redacted]) -> EmbedResult:
    """Embed these cases; their vectors are kept and their cost is booked, as in any run."""
    texts = [(c.case, c.composite) for c in cases]
    anew = embed(app.pool, app.embedder, texts, half_precision=app.processor.half_precision)
    app.processor.book_usage(run.conn, run.run_id, anew)
    return anew


def _refuse(app: App, judgement: Judgement, *, what: str, advice: str) -> None:
    """Raise `WrongUse` if the queries lose more than the settings allow."""
    refusal = judgement.refusal(app.settings.golden_loss, what=what)
    if refusal:
        raise WrongUse(f"{refusal}. {advice}, or allow the loss")


# ── a new model ──────────────────────────────────────────────────────────────────────────────────


def _is_new_model(app: App) -> bool:
    sizes = app.index.about_spaces()
    return 2 * sizes.get(app.embedder.space, 0) < sum(sizes.values())


def _check_model(app: App, run: OpenRun, kept: Sequence[GoldenQuery]) -> None:
    trial = _trial(app.index, kept, EMBEDDED)
    anew = _embed(app, run, [_without_children(app, o) for o in trial])
    if anew.failures or any(c.space != app.embedder.space for c in anew.cases):
        return
    after = [_made(c) for c in anew.cases]
    judgement = _compare(kept, [_served(o) for o in trial], after, _by_meaning(app.embedder))
    what, advice = f"by the golden queries {app.embedder.space}", "Keep the former EVERYCASE_EMBEDDERS"
    _refuse(app, judgement, what=what, advice=advice)


def _without_children(app: App, o: IndexObject) -> Redacted:
    """A case made of what the index holds of it: its own fields, without its children."""
    values = {
        f.name: str(o.properties[f.property])
        for f in app.catalogue.case.fields
        if o.properties.get(f.property)
    }
    case = RedactedCase(
        record_id=o.stamps.case_id,
        case_number=o.stamps.case_number,
        generation=o.stamps.generation,
        case=RedactedRecord(object="Case", id=o.stamps.case_id, values=values),
        children={},
        redactions={},
    )
    return Redacted(case=case, composite=compose(case))


# ── a new recipe ─────────────────────────────────────────────────────────────────────────────────


def _is_new_recipe(app: App) -> bool:
    """Whether most of the first cases in the index were made with other rules of redaction or composition."""
    some = [s.recipe == app.processor.recipe for s in islice(app.index.manifest(), REMADE)]
    return 2 * sum(some) < len(some)


def _check_recipe(app: App, run: OpenRun, kept: Sequence[GoldenQuery]) -> None:
    """Compare by words and by meaning, separately. A case that fails under the new recipe is not found."""
    served = {o.stamps.case_id: o for o in _trial(app.index, kept, REMADE)}
    with app.pool.connection() as conn:
        joins = [j for j in app.processor.join(conn, list(served)) if not j.blocker]
    anew = _embed(app, run, app.processor.redact(joins).clean)
    if anew.failures:
        return
    before = [_served(served[j.case.record_id]) for j in joins]
    after = [_made(c) for c in anew.cases]
    for name, way in (("words", _by_words), ("meaning", _by_meaning(app.embedder))):
        what = f"by the golden queries and {name} the new recipe"
        advice = "Keep the former settings of redaction or the former release"
        _refuse(app, _compare(kept, before, after, way), what=what, advice=advice)


# ── how cases are found in a trial ───────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A case as a trial searches it."""

    number: str
    vector: Vector | None
    space: str
    words: frozenset[str] = field(default=frozenset(), repr=False)


Way = Callable[[str, Sequence[Searched]], list[float]]
"""The scores of cases for a query: higher is better, `NO_MATCH` for a case that is not found."""


def _served(o: IndexObject) -> Searched:
    return Searched(
        number=o.stamps.case_number,
        vector=o.vector if o.vector.size else None,
        space=o.stamps.space,
        words=stems(o.composite),
    )


def _made(c: EmbeddedCase) -> Searched:
    return Searched(number=c.case.case_number, vector=c.vector, space=c.space, words=stems(c.composite.text))


def _compare(
    kept: Sequence[GoldenQuery], before: Sequence[Searched], after: Sequence[Searched], way: Way
) -> Judgement:
    """The queries whose case is in the trial. One that is not staged any more says nothing of a recipe."""
    numbers = {c.number for c in before}
    return Judgement(
        placed=tuple(
            Placed(golden=g, before=_rank(before, way, g), after=_rank(after, way, g))
            for g in kept
            if g.case_number in numbers
        )
    )


def _rank(cases: Sequence[Searched], way: Way, wanted: GoldenQuery) -> int | None:
    scores = way(wanted.query, cases)
    own = next((s for c, s in zip(cases, scores, strict=True) if c.number == wanted.case_number), NO_MATCH)
    return None if own == NO_MATCH else 1 + sum(s > own for s in scores)


def _by_words(query: str, cases: Sequence[Searched]) -> list[float]:
    """For each case, the sum of the rarities of those words of the query that it has."""
    wanted = stems(query)
    rarity = {w: math.log(1 + len(cases) / (1 + sum(w in c.words for c in cases))) for w in wanted}
    return [sum(rarity[w] for w in wanted & c.words) or NO_MATCH for c in cases]


def _by_meaning(embedder: Embedder) -> Way:
    """The similarity of the query to each vector, in the vector's own space."""

    def score(query: str, cases: Sequence[Searched]) -> list[float]:
        queries = {space: _embed_query(embedder, query, space) for space in {c.space for c in cases}}
        return [
            NO_MATCH if c.vector is None or (q := queries[c.space]) is None else float(c.vector @ q)
            for c in cases
        ]

    return score


def _embed_query(embedder: Embedder, query: str, space: str) -> Vector | None:
    try:
        return embedder.embed_query(query, space)
    except EmbeddingFailure:
        return None
