"""A batch that a provider refuses is taken apart until the text that it is about stands alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from everycase.domain.failures import EmbeddingFailure, ErrorType
from everycase.embedders.answers import Meaning
from everycase.embedders.endpoint import Refused

T = TypeVar("T")

MOST_REFUSED = 8
"""So many texts of one batch are refused one by one; then the fault is not in the texts."""

_SHORTEST = 100
_KEEP = 0.75
"""How much of a text is kept where the provider does not say how much it takes."""
_MARGIN = 0.95


@dataclass(slots=True)
class Sifted(Generic[T]):
    """What each text came to, by its place; every place is in exactly one of the two."""

    found: dict[int, T] = field(default_factory=dict)
    failed: dict[int, EmbeddingFailure] = field(default_factory=dict)


def sift(ask: Callable[[Sequence[int]], Sequence[T]], places: Sequence[int]) -> Sifted[T]:
    """Ask for all; where that is refused, find whose fault it is, and ask for the others.

    One bad text among n costs log2(n) + 1 requests more than none would, for the others are asked for
    together. A request that is too large as a whole is halved instead. `ask` raises `Refused` for a
    request that it refuses; any other `EmbeddingFailure` is that of all the texts it was about.
    """
    run = _Sifting(ask)
    run.sift(list(places))
    return run.result


class _Sifting(Generic[T]):
    def __init__(self, ask: Callable[[Sequence[int]], Sequence[T]]) -> None:
        self._ask = ask
        self.result: Sifted[T] = Sifted()

    def sift(self, places: list[int]) -> None:
        while places:
            refused = self._try(places)
            if refused is None:
                return
            if len(places) == 1:
                self._fail(places, refused)
                return
            if refused.verdict.meaning is Meaning.TOO_MUCH:
                half = len(places) // 2
                self.sift(places[:half])
                places = places[half:]
                continue
            if self._refusals >= MOST_REFUSED:
                self._fail(places, refused)
                return
            places = self._corner(places, refused)

    @property
    def _refusals(self) -> int:
        return sum(isinstance(e, Refused) for e in self.result.failed.values())

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


def too_long(provider: str) -> EmbeddingFailure:
    return EmbeddingFailure(
        ErrorType.EMBEDDING_TOO_LONG,
        f"{provider} takes no part of the text that is long enough to mean something",
    )
