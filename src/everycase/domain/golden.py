"""Golden queries: what a user's own searches must find, and the judgement of an index by them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

FIRST = 10
"""A case that is found in a later place counts as not found."""

WORST = 3
"""Queries that a refusal names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenQuery:
    """A query, and a case that it must find."""

    query: str = field(repr=False)
    case_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """In which place a query finds its case, today and in the index to come; None: not at all."""

    golden: GoldenQuery
    before: int | None
    after: int | None

    @property
    def loss(self) -> float:
        return gain(self.before) - gain(self.after)

    def __str__(self) -> str:
        query, case = self.golden.query[:80], self.golden.case_number
        return f'"{query}" finds {case} {_place(self.after)}, now {_place(self.before)}'


def gain(place: int | None) -> float:
    """1 for the first place, less for each further one, 0 behind the first ten (as in nDCG@10)."""
    return 1 / math.log2(place + 1) if place and place <= FIRST else 0.0


def _place(place: int | None) -> str:
    return f"in place {place}" if place else "nowhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How well two indexes answer the same queries: the mean gain of each, from 0 to 1."""

    placed: tuple[Placed, ...]

    @property
    def before(self) -> float:
        return _mean([gain(p.before) for p in self.placed])

    @property
    def after(self) -> float:
        return _mean([gain(p.after) for p in self.placed])

    def finds_less(self, loss: float) -> bool:
        """Whether the index to come is worse by more than `loss`."""
        return self.before - self.after > loss + 1e-9

    def losing(self) -> list[Placed]:
        """The queries that find their case further down than before, the greatest loss first."""
        return sorted((p for p in self.placed if p.loss > 0), key=lambda p: -p.loss)

    def refusal(self, loss: float, *, what: str) -> str:
        """Why the index to come is refused, with the worst queries; empty where it is not."""
        if not self.finds_less(loss):
            return ""
        losing = self.losing()
        named = "; ".join(map(str, losing[:WORST]))
        which = f"the worst {WORST}" if len(losing) > WORST else "all of these"
        return (
            f"{what} finds less: {self.after:.3f} of 1, the served index {self.before:.3f}, and "
            f"EVERYCASE_GOLDEN_LOSS allows {loss:g}. {len(losing)} of {len(self.placed)} queries lose, "
            f"{which}: {named}"
        )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
