"""What every index shares: a search's lists are fused, explained and counted in one way (contract §8).

An index brings four kinds of lists: cases with the query's words, cases with its identifiers, the nearest
cases of each space, and a sample of each space's vectors. The rest is here.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import numpy as np

from everycase.domain.cases import Vector
from everycase.domain.identifiers import asked_for, is_bare
from everycase.domain.passages import match, stems
from everycase.domain.ranking import Background, Candidate, Ranked, rank
from everycase.ports import Facets, Findings, Hit, Passage

DEPTH = 200
"""How many cases of each list take part in the fusion; more where a page lies deeper."""

SAMPLE = 500
"""Vectors by which it is judged how similar a query is to the cases of a space at large."""

FRESH_S = 60.0
"""What does not depend on the query is asked again after so long."""

SMALL = 1000
"""Of an index with fewer cases nothing is remembered: it is asked quickly, and changes quickly."""

FEW = 3
"""An identifier that more cases have tells little, unless the query is nothing else."""

MOST_EXPLAINED = 100
"""Hits of a page that get passages: their whole texts are read."""

FACETS = ("product_line", "status", "error_codes", "resolution_code")
YEAR = "year"
"""A facet of its own: the year of `created_date`."""

SHOWN = ("case_id", "case_number", "subject", "space", *FACETS, "created_date")
"""What an index says of every candidate."""

T = TypeVar("T")


class Lists(Protocol):
    """The lists of one search, under its filters."""

    def by_words(self, text: str, depth: int) -> Mapping[UUID, float]:
        """Cases with words of the text and their scores, best first."""

    def by_identifiers(self, identifiers: Sequence[str], depth: int) -> Mapping[UUID, Sequence[str]]:
        """Cases that have any of these identifiers, and which."""

    def by_meaning(self, space: str, vector: Vector, depth: int) -> Mapping[UUID, float]:
        """The nearest cases of a space and their cosine similarities; none where there is no such space."""

    def shown(self, ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, str]]:
        """The `SHOWN` properties of cases; "" where one is lacking."""

    def texts(self, ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """Their composites."""


class Remembered(Generic[T]):
    """Answers that are asked for again when they are older than `fresh_s`; for several threads.

    `is_worth`: whether an answer is to be remembered at all.
    """

    def __init__(self, is_worth: Callable[[T], bool], *, fresh_s: float = FRESH_S) -> None:
        self._is_worth, self._fresh_s = is_worth, fresh_s
        self._answers: dict[str, tuple[float, T]] = {}
        self._lock = threading.Lock()

    def get(self, key: str, ask: Callable[[], T]) -> T:
        now = time.monotonic()
        with self._lock:
            known = self._answers.get(key)
        if known and now - known[0] < self._fresh_s:
            return known[1]
        answer = ask()
        if self._is_worth(answer):
            with self._lock:
                self._answers[key] = (now, answer)
        return answer

    def forget(self) -> None:
        with self._lock:
            self._answers.clear()


def remembered_sizes() -> Remembered[Mapping[str, int]]:
    """How many cases each space holds."""
    return Remembered(lambda sizes: sum(sizes.values()) >= SMALL)


def remembered_samples() -> Remembered[Vector]:
    """A sample of each space's vectors."""
    return Remembered(lambda sample: len(sample) >= SAMPLE)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked for: a text, its vector in each space, and which page of the hits."""

    text: str
    queries: Mapping[str, Vector]
    limit: int
    offset: int = 0
    deepest: int = 1_000_000
    """The index lists no more cases; pages behind them are empty."""

    @property
    def depth(self) -> int:
        """The same for all pages that one depth can fill, so that their order is the same."""
        wanted = self.offset + self.limit
        return DEPTH if wanted <= DEPTH else min(1000 * -(-wanted // 1000), self.deepest)


def background(sample: Vector, cases: int, vector: Vector) -> Background:
    """How similar a query is to a sample of a space; `sample` has a vector in each row."""
    if not len(sample):
        return Background(mean=0.0, spread=1.0, cases=cases)
    similarities = sample @ vector
    return Background(mean=float(similarities.mean()), spread=float(similarities.std()), cases=cases)


@dataclass(kw_only=True)
class _Found:
    """The lists as they came."""

    words: Mapping[UUID, float]
    identifiers: Mapping[UUID, Sequence[str]]
    meaning: dict[str, Mapping[UUID, float]] = field(default_factory=dict)

    @property
    def ids(self) -> list[UUID]:
        lists = (self.words, self.identifiers, *self.meaning.values())
        return list(dict.fromkeys(i for found in lists for i in found))

    def telling(self, few: int) -> Mapping[UUID, int]:
        """How many identifiers each case has that at most `few` have."""
        common = Counter(i for had in self.identifiers.values() for i in had)
        return {c: sum(common[i] <= few for i in had) for c, had in self.identifiers.items()}


def search(lists: Lists, question: Question, backgrounds: Mapping[str, Background]) -> Findings:
    """One page of cases, best first. `backgrounds`: of the spaces that have a query."""
    asked = asked_for(question.text)
    found = _Found(
        words=lists.by_words(question.text, question.depth),
        identifiers=lists.by_identifiers(asked, question.depth) if asked else {},
    )
    for space, vector in question.queries.items():
        found.meaning[space] = lists.by_meaning(space, vector, question.depth)
    shown = lists.shown(found.ids)
    few = question.depth if is_bare(question.text) else FEW
    ranked = rank(_candidates(found, shown, few), backgrounds, depth=question.depth)
    page = ranked[question.offset : question.offset + question.limit]
    return Findings(
        hits=tuple(_explained(lists, question.text, [_hit(r, shown, found) for r in page])),
        candidates=len(ranked),
        facets=facets(shown.values()),
    )


def _candidates(found: _Found, shown: Mapping[UUID, Mapping[str, str]], few: int) -> list[Candidate]:
    telling = found.telling(few)
    return [
        Candidate(
            id=i,
            space=properties["space"],
            words=found.words.get(i),
            similarity=found.meaning.get(properties["space"], {}).get(i),
            telling=telling.get(i, 0),
        )
        for i, properties in shown.items()
    ]


def _hit(ranked: Ranked, shown: Mapping[UUID, Mapping[str, str]], found: _Found) -> Hit:
    c, properties = ranked.candidate, shown[ranked.candidate.id]
    return Hit(
        object_id=c.id,
        case_id=properties["case_id"],
        case_number=properties["case_number"],
        subject=properties["subject"],
        space=c.space,
        score=ranked.score,
        words=ranked.words,
        similarity=c.similarity,
        identifiers=tuple(found.identifiers.get(c.id, ())),
    )


def _explained(lists: Lists, text: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits with the passages that answer the query."""
    wanted = stems(text[:20_000])
    texts = lists.texts([h.object_id for h in hits[:MOST_EXPLAINED]]) if hits else {}
    explained = []
    for hit in hits:
        found = match(texts.get(hit.object_id, ""), wanted)
        passages = tuple(Passage(text=p.text, marks=p.marks) for p in found.passages)
        explained.append(replace(hit, passages=passages, coverage=found.coverage))
    return explained


def facets(shown: Iterable[Mapping[str, str]]) -> Facets:
    """How many of these cases have each value of the facets, the commonest first."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in (*FACETS, YEAR)}
    for properties in shown:
        for name in FACETS:
            if properties[name]:
                counts[name][properties[name]] += 1
        if properties["created_date"]:
            counts[YEAR][properties["created_date"][:4]] += 1
    return {name: dict(sorted(c.items(), key=lambda v: (-v[1], v[0]))) for name, c in counts.items() if c}


def as_matrix(vectors: Sequence[Vector]) -> Vector:
    """Vectors as the rows of one array."""
    return np.stack(vectors).astype(np.float32) if vectors else np.zeros((0, 0), dtype=np.float32)
