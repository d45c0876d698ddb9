"""Fusion by scores: what is far ahead in one list stays ahead, and no list drowns the other."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.ranking import Background, Candidate, rank

SPACE, OTHER = "one/model@8", "two/model@4"
WIDE = Background(mean=0.2, spread=0.1, cases=10_000)


def case(n: int, *, space: str = SPACE, **scores: float) -> Candidate:
    return Candidate(id=UUID(int=n), space=space, **scores)


def order(candidates: list[Candidate], **backgrounds: Background) -> list[int]:
    found = rank(candidates, {SPACE: WIDE, **backgrounds}, depth=200)
    return [r.candidate.id.int for r in found]


def test_a_case_of_both_lists_goes_before_a_case_of_one() -> None:
    """Where the lists alone would not tell them apart."""
    both, words, meaning = (
        case(1, words=8.0, similarity=0.6),
        case(2, words=8.0),
        case(3, similarity=0.6),
    )
    assert order([words, meaning, both])[0] == 1


def test_a_score_that_is_far_ahead_stays_ahead() -> None:
    """By rank the second case would be first: it is second in both lists."""
    assert order([case(1, similarity=0.9, words=1.0), case(2, similarity=0.4, words=1.1)]) == [1, 2]


def test_few_foreign_cases_do_not_come_before_those_of_a_large_space() -> None:
    """The best of five is no better than the mean of thousands, whatever its model calls near."""
    foreign = [case(100 + n, space=OTHER, similarity=0.80 + n / 100) for n in range(5)]
    own = [case(n, similarity=0.4 + n / 100) for n in range(10)]
    few = Background(mean=0.82, spread=0.014, cases=5)
    found = rank(foreign + own, {SPACE: WIDE, OTHER: few}, depth=200)
    assert all(r.candidate.space == SPACE for r in found[:10])


def test_a_space_that_was_not_asked_is_ranked_by_words() -> None:
    """Its best match keeps up with the best match of the others."""
    assert order([case(1, space=OTHER, words=9.0), case(2, words=3.0, similarity=0.3)]) == [1, 2]


def test_a_rare_identifier_goes_before_everything() -> None:
    """However near another case is."""
    assert order([case(1, words=9.0, similarity=0.95), case(2, telling=1)]) == [2, 1]


def test_a_worse_model_counts_less() -> None:
    """In the share that it is given."""
    candidates = [case(1, words=9.0, similarity=0.2), case(2, words=4.0, similarity=0.7)]
    for share, first in ((0.9, 2), (0.1, 1)):
        found = rank(candidates, {SPACE: WIDE}, depth=200, shares={SPACE: share})
        assert found[0].candidate.id.int == first


def test_what_a_cut_list_lacks_is_taken_to_be_just_below_it() -> None:
    """Else the case with the lowest listed score would be far above one that was cut off."""
    listed = [case(n, words=8.0 - n / 100, similarity=0.3) for n in range(3)]
    lacking = case(9, similarity=0.35)
    cut = rank([*listed, lacking], {SPACE: WIDE}, depth=3)
    whole = rank([*listed, lacking], {SPACE: WIDE}, depth=200)
    assert cut[0].candidate.id.int == 9
    assert whole[-1].candidate.id.int == 9


scores = st.none() | st.floats(0, 1)


@given(st.lists(st.tuples(scores, scores, st.integers(0, 3)), max_size=20))
def test_scores_are_in_order_and_between_0_and_1(given: list[tuple[float | None, float | None, int]]) -> None:
    """Whatever was found; equal scores are in the order of their ids, so pages are stable."""
    candidates = [
        Candidate(id=UUID(int=n), space=SPACE if n % 3 else OTHER, words=w, similarity=s, telling=t)
        for n, (w, s, t) in enumerate(given)
    ]
    found = rank(candidates, {SPACE: WIDE}, depth=10)
    assert {r.candidate for r in found} == set(candidates)
    assert [r.score for r in found] == sorted((r.score for r in found), reverse=True)
    assert all(0 < r.score <= 1 for r in found)
    assert found == rank(candidates[::-1], {SPACE: WIDE}, depth=10)


@pytest.mark.parametrize("spread", [0.0, 1e-9])
def test_a_space_of_equal_vectors_divides_by_nothing(spread: float) -> None:
    """All are as near as the mean."""
    flat = Background(mean=0.5, spread=spread, cases=3)
    assert len(rank([case(1, similarity=0.5)], {SPACE: flat}, depth=200)) == 1
