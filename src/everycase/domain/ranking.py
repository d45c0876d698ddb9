"""Fusion: one list of cases out of word scores and of the similarities of each embedding space.

Ranks lose what scores know: a case that is far ahead of the next one is only one place ahead of it. So
scores are brought to one scale and added up, in shares that were measured for each model
(Bruch, Gai and Ingber, 2023; docs/decisions/0018).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

MEANING_SHARES: Mapping[str, float] = {
    "local/all-MiniLM-L6-v2-int8@384": 0.6,
    "local/wordllama-l2-supercat@256": 0.15,
}
"""What meaning counts against words, by space; fitted on known queries (docs/decisions/0018)."""

OTHER_SHARE = 0.6
"""Of models that were not measured: the optimum is flat between 0.5 and 0.8 for those that were."""

WORDS_SCALE = 5.0
"""The best match by words counts as a similarity so many deviations above the mean."""

FEW_CASES = 20
"""A space beside the largest one counts half if it has so many cases: its deviations say little."""

IDENTIFIER = 10.0
"""A case with an identifier that few others have goes before every case without it."""

_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """How similar a query is to the cases of a space at large: mean and standard deviation."""

    mean: float
    spread: float
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A case in at least one list of hits, with its score in each list."""

    id: UUID
    space: str
    words: float | None = None
    """Any scale on which 0 is no match, such as BM25."""
    similarity: float | None = None
    """Cosine in the case's own space."""
    telling: int = 0
    """Identifiers of the query that it has and few others have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    candidate: Candidate
    score: float
    """In (0, 1), higher is better."""
    words: float | None
    """As a share of the best."""


def rank(
    candidates: Sequence[Candidate],
    backgrounds: Mapping[str, Background],
    *,
    depth: int,
    shares: Mapping[str, float] = MEANING_SHARES,
) -> list[Ranked]:
    """The candidates, best first; equal scores in the order of their ids.

    A list of `depth` entries was cut: what it lacks may have its lowest score at most, and is given that.
    `backgrounds`: of the spaces that were asked. In another space words alone count.
    """
    best = max((c.words for c in candidates if c.words), default=0.0)
    lowest_words = _lowest([c.words for c in candidates if c.words is not None], depth)
    lowest = {
        space: _lowest([c.similarity for c in candidates if c.space == space and c.similarity is not None], 1)
        for space in backgrounds
    }
    most = max((b.cases for b in backgrounds.values()), default=0)
    ranked = []
    for c in candidates:
        words = (c.words if c.words is not None else lowest_words) / best if best else 0.0
        total = WORDS_SCALE * words
        if background := backgrounds.get(c.space):
            share = shares.get(c.space, OTHER_SHARE) * _trust(background, most)
            similarity = c.similarity if c.similarity is not None else lowest[c.space]
            total += share * (deviations(similarity, background) - total)
        total += IDENTIFIER * min(c.telling, 2)
        own = c.words / best if c.words is not None and best else None
        ranked.append((total, Ranked(candidate=c, score=_squash(total), words=own)))
    ranked.sort(key=lambda r: (-r[0], r[1].candidate.id))
    return [r for _, r in ranked]


def deviations(similarity: float, background: Background) -> float:
    """How many standard deviations a similarity lies above the mean of its space."""
    return (similarity - background.mean) / max(background.spread, _LEAST_SPREAD)


def _lowest(scores: Sequence[float], depth: int) -> float:
    """What a case that is not in this list has at most; 0 where the list has everything that matches."""
    return min(scores) if scores and len(scores) >= depth else 0.0


def _trust(background: Background, most: int) -> float:
    return 1.0 if background.cases >= most else background.cases / (background.cases + FEW_CASES)


def _squash(total: float) -> float:
    return 1 / (1 + math.exp(2 - min(total, 30.0)))
