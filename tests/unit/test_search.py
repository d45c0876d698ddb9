"""Filters as people write them, and fused ranks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.catalogue import Catalogue
from everycase.domain.errors import WrongUse
from everycase.domain.ranking import fuse
from everycase.operations.search import parse_condition
from everycase.ports import Comparison, Condition


@pytest.mark.parametrize(
    ("text", "name", "comparison", "value"),
    [
        ("status=Open", "status", Comparison.EQUAL, "Open"),
        ("Task.Status != Done", "task_status", Comparison.NOT_EQUAL, "Done"),
        ("created_date<2015-01-01", "created_date", Comparison.LESS, "2015-01-01T00:00:00Z"),
        (
            "ClosedDate >= 2015-01-01 10:00",
            "closed_date",
            Comparison.GREATER_OR_EQUAL,
            "2015-01-01T10:00:00Z",
        ),
        ("subject=a=b", "subject", Comparison.EQUAL, "a=b"),
    ],
)
def test_a_filter_is_a_condition(text: str, name: str, comparison: Comparison, value: str) -> None:
    """On a property, however it is called."""
    assert parse_condition(text, Catalogue()) == Condition(property=name, comparison=comparison, value=value)


@pytest.mark.parametrize("text", ["status", "=Open", "status=", "colour=red", "created_date<soon"])
def test_what_is_no_filter_is_said_so(text: str) -> None:
    """With what it should look like."""
    with pytest.raises(WrongUse):
        parse_condition(text, Catalogue())


@given(st.lists(st.lists(st.integers(0, 20), unique=True, max_size=15), max_size=4))
def test_fused_scores_are_ranks(rankings: list[list[int]]) -> None:
    """Everything named once, best first, 1.0 only for what is first everywhere."""
    found = fuse(rankings)
    assert set(found) == {x for r in rankings for x in r}
    scores = list(found.values())
    assert scores == sorted(scores, reverse=True)
    assert all(0 < s <= 1 for s in scores)
    for x, s in found.items():
        assert (abs(s - 1) < 1e-9) is all(r[0] == x for r in rankings if r)
