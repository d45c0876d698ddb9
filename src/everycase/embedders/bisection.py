"""A batch that a provider refuses is taken apart until the text that it is about stands alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from everycase.domain.failures import EmbeddingFailure
from everycase.embedders.answers import Meaning
from everycase.embedders.trouble import Refused

T = TypeVar("T")

Fitting = Callable[[Sequence[int]], int]
"""How many of these texts, from the first on, a request may hold as far as is known; at least one."""

MOST_REFUSED = 8
"""So many texts of one batch are refused one by one; then the fault is not in the texts."""

MOST_SEARCHED = 3
"""After this many texts of a batch were too long, the rest are sent one by one."""

_SHORTEST = 100
_KEEP = 0.75
"""How much of a text is kept where the provider does not say how much it takes."""
_MARGIN = 0.95


@dataclass(slots=True)
class Sifted(Generic[T]):
    """What each text came to, by its place; every place is in exactly one of the two."""

    found: dict[int, T] = field(default_factory=dict)
    failed: dict[int, EmbeddingFailure] = field(default_factory=dict)


def sift(
    ask: Callable[[Sequence[int]], Sequence[T]], places: Sequence[int], fitting: Fitting = len
) -> Sifted[T]:
    """Ask for all; where that is refused, find whose fault it is, and ask for the others.

    One bad text among n costs log2(n) + 1 requests more than none would, for the others are asked for
    together. A request that is too large as a whole is sent in parts: as many texts as are `fitting`, else
    halves. `ask` raises `Refused` for a request that it refuses; any other `EmbeddingFailure` is that of all
    the texts it was about.
    """
    run = _Sifting(ask, fitting)
    run.sift_in_parts(list(places))
    return run.result


class _Sifting(Generic[T]):
    def __init__(self, ask: Callable[[Sequence[int]], Sequence[T]], fitting: Fitting) -> None:
        self._ask, self._fitting = ask, fitting
        self.result: Sifted[T] = Sifted()

    def sift_in_parts(self, places: list[int], *, most: int | None = None) -> None:
        """Sift part by part, each of at most so many texts; one may teach how large the next one is."""
        while places:
            size = min(self._fitting(places), most or len(places))
            self.sift(places[:size])
            places = places[size:]

    def sift(self, places: list[int]) -> None:
        while places:
            if len(places) > 1 and self._failed_as(Meaning.TOO_LONG) >= MOST_SEARCHED:
                return self._one_by_one(places)
            refused = self._try(places)
            if refused is None:
                return None
            if len(places) == 1:
                return self._fail(places, refused)
            if refused.verdict.meaning is Meaning.TOO_MUCH:
                return self.sift_in_parts(places, most=self._smaller(places))
            if self._failed_as(Meaning.REFUSED) >= MOST_REFUSED:
                return self._fail(places, refused)
            places = self._corner(places, refused)
        return None

    def _smaller(self, places: list[int]) -> int:
        """The number of texts for the next request, after these were too large together."""
        fitting = self._fitting(places)
        return fitting if fitting < len(places) else len(places) // 2

    def _one_by_one(self, places: list[int]) -> None:
        for place in places:
            self.sift([place])

    def _failed_as(self, meaning: Meaning) -> int:
        failed = self.result.failed.values()
        return sum(isinstance(e, Refused) and e.verdict.meaning is meaning for e in failed)

    def _corner(self, suspects: list[int], refused: Refused) -> list[int]:
        """Find one text that is refused; those that nobody has been asked for yet are the answer.

        That the last suspect is the one is believed without asking where a smaller request was refused
        as well, so that the size of the request cannot have been the reason.
        """
        unknown: list[int] = []
        is_proven, was_halved = True, False
        while len(suspects) > 1:
            half, rest = suspects[: len(suspects) // 2], suspects[len(suspects) // 2 :]
            found = self._try(half)
            if found is not None:
                refused, suspects, unknown = found, half, rest + unknown
                is_proven = was_halved = True
            elif half[0] in self.result.failed:
                return rest + unknown  # the provider has gone meanwhile: nothing follows from that
            else:
                suspects, is_proven = rest, False
        is_believed = was_halved and refused.verdict.meaning is Meaning.REFUSED
        last = refused if is_proven or is_believed else self._try(suspects)
        if last is not None:
            self._fail(suspects, last)
        return unknown

    def _try(self, places: list[int]) -> Refused | None:
        try:
            answers = self._ask(places)
        except Refused as e:
            return e
        except EmbeddingFailure as e:
            self._fail(places, e)
            return None
        self.result.found.update(zip(places, answers, strict=True))
        return None

    def _fail(self, places: list[int], error: EmbeddingFailure) -> None:
        self.result.failed.update(dict.fromkeys(places, error))


def cut(text: str, keep: float | None) -> str | None:
    """The beginning of a text that is too long, ended at a word; None when it is too short to cut."""
    if len(text) < _SHORTEST:
        return None
    share = keep * _MARGIN if keep else _KEEP
    shorter = text[: max(int(len(text) * share), 1)]
    whole_words = re.sub(r"\s+\S*$", "", shorter)
    return whole_words or shorter
