"""Rank fusion: one list of several, whose scores cannot be compared (contract §8)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

K = 60
"""Of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

T = TypeVar("T", bound=Hashable)


def fuse(rankings: Sequence[Sequence[T]], *, weights: Sequence[float] | None = None) -> Mapping[T, float]:
    """Score everything that any ranking names, best first; 1.0 is first place in every one of them."""
    given = list(weights) if weights is not None else [1.0] * len(rankings)
    total = sum(w for w, r in zip(given, rankings, strict=True) if r)
    scores: dict[T, float] = {}
    for weight, ranking in zip(given, rankings, strict=True):
        for place, found in enumerate(dict.fromkeys(ranking), start=1):
            scores[found] = scores.get(found, 0.0) + weight * (K + 1) / (K + place)
    return dict(sorted(((t, s / total) for t, s in scores.items()), key=lambda ts: -ts[1]))
