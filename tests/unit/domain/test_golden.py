"""The judgement of an index by golden queries."""

import re

import pytest

from everycase.domain.golden import GoldenQuery, Judgement, Placed, gain


def placed(n: int, before: int | None, after: int | None) -> Placed:
    golden = GoldenQuery(query=f"query {n}", case_number=f"{n:08d}")
    return Placed(golden=golden, before=before, after=after)


@pytest.mark.parametrize(("place", "worth"), [(1, 1.0), (3, 0.5), (11, 0.0), (None, 0.0)])
def test_a_place_is_worth_less_the_further_down_it_is(place: int | None, worth: float) -> None:
    """Nothing behind the tenth."""
    assert gain(place) == worth


def test_an_index_that_finds_less_is_refused_with_the_worst_queries() -> None:
    """At most three, the one that loses most first, and none that gained."""
    lost = [placed(1, 1, 2), placed(2, 1, None), placed(3, 1, 3), placed(4, 2, 1), placed(5, 1, 10)]
    judged = Judgement(placed=tuple(lost))
    assert judged.finds_less(0.02)
    said = judged.refusal(0.02, what="the build")
    assert "4 of 5 queries lose, the worst 3: " in said
    assert re.findall(r'"query (\d)" finds', said) == ["2", "5", "3"]
    assert '"query 2" finds 00000002 nowhere, now in place 1' in said


def test_a_refusal_that_names_fewer_than_three_says_that_there_are_no_more() -> None:
    """So that nobody looks for the others."""
    said = Judgement(placed=(placed(1, 1, None), placed(2, 1, 1))).refusal(0.02, what="the build")
    assert "1 of 2 queries lose, all of these: " in said
    assert re.findall(r'"query (\d)" finds', said) == ["1"]


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_an_index_that_finds_as_much_is_taken(loss: float) -> None:
    """One query may lose what another gains; without queries there is nothing to say."""
    assert Judgement(placed=(placed(1, 1, 3), placed(2, 3, 1))).refusal(loss, what="x") == ""
    assert Judgement(placed=()).refusal(loss, what="x") == ""


def test_a_small_loss_is_taken_where_the_setting_allows_it() -> None:
    """And only then."""
    judged = Judgement(placed=(placed(1, 1, 2), *(placed(n, 1, 1) for n in range(2, 20))))
    assert judged.refusal(0.1, what="x") == ""
    assert judged.refusal(0.01, what="x")
