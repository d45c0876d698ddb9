"""A refused batch is taken apart: every text comes out once, and the poison alone is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.failures import EmbeddingFailure, ErrorType
from everycase.embedders.answers import AnswerVerdict, Meaning
from everycase.embedders.bisection import MOST_REFUSED, sift
from everycase.embedders.trouble import Refused


class Provider:
    """Refuses what it is told to refuse."""

    def __init__(self, poison: set[int] = frozenset(), most: int = 10_000, dies_at: int = 10_000) -> None:
        self.poison, self.most, self.dies_at, self.calls = poison, most, dies_at, 0

    def __call__(self, places: Sequence[int]) -> list[int]:
        self.calls += 1
        if self.calls >= self.dies_at:
            raise EmbeddingFailure(ErrorType.EMBEDDING_UNAVAILABLE, "away")
        if len(places) > self.most:
            raise Refused(ErrorType.EMBEDDING_REJECTED, "no", AnswerVerdict(meaning=Meaning.TOO_MUCH))
        if self.poison & set(places):
            raise Refused(ErrorType.EMBEDDING_REJECTED, "no", AnswerVerdict(meaning=Meaning.REFUSED))
        return [-p for p in places]


@given(st.integers(1, 64), st.sets(st.integers(0, 63), max_size=MOST_REFUSED))
def test_the_poison_is_found_and_the_others_go_through(size: int, poison: set[int]) -> None:
    """At log2(n) + 1 calls for each poison text above the one that is needed."""
    poison = {p for p in poison if p < size}
    provider = Provider(poison)
    found = sift(provider, range(size))
    assert set(found.failed) == poison
    assert found.found == {p: -p for p in range(size) if p not in poison}
    assert provider.calls <= 1 + len(poison) * (math.ceil(math.log2(size)) + 1)


@pytest.mark.parametrize("most", [1, 5, 20, 63])
def test_a_request_that_is_too_large_is_halved_and_nothing_is_lost(most: int) -> None:
    """No text is to blame."""
    found = sift(Provider(most=most), range(64))
    assert (len(found.found), found.failed) == (64, {})


@given(st.integers(2, 64), st.sets(st.integers(0, 63), max_size=3), st.integers(1, 30))
def test_a_provider_that_goes_away_meanwhile_blames_no_good_text(
    size: int, poison: set[int], dies_at: int
) -> None:
    """Every text has an outcome; only poison is refused, the rest waits for better times."""
    found = sift(Provider(poison, dies_at=dies_at), range(size))
    assert set(found.found) | set(found.failed) == set(range(size))
    refused = {p for p, e in found.failed.items() if isinstance(e, Refused)}
    assert refused <= poison


def test_a_provider_that_refuses_everything_is_not_asked_for_ever() -> None:
    """The fault is not in the texts."""
    provider = Provider(set(range(64)))
    found = sift(provider, range(64))
    assert len(found.failed) == 64
    assert provider.calls < 64
