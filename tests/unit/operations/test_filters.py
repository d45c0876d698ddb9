"""Filters as people write them."""

import pytest

from everycase.domain.catalogue import Catalogue
from everycase.domain.errors import WrongUse
from everycase.operations.filters import parse_condition
from everycase.ports import Comparison, Condition

EQUAL, NOT_EQUAL, LESS = Comparison.EQUAL, Comparison.NOT_EQUAL, Comparison.LESS
FROM = Comparison.GREATER_OR_EQUAL


@pytest.mark.parametrize(
    ("text", "name", "comparison", "value"),
    [
        ("status=Open", "status", EQUAL, "Open"),
        ("Task.Status != Done", "task_status", NOT_EQUAL, "Done"),
        ("created_date<2015-01-01", "created_date", LESS, "2015-01-01T00:00:00Z"),
        ("ClosedDate >= 2015-01-01 10:00", "closed_date", FROM, "2015-01-01T10:00:00Z"),
        ("created_date=2015-01-01T10:00:00Z", "created_date", EQUAL, "2015-01-01T10:00:00Z"),
        ("created_date>2015-01-31", "created_date", FROM, "2015-02-01T00:00:00Z"),
        ("created_date<=2015", "created_date", LESS, "2016-01-01T00:00:00Z"),
        ("subject=a=b", "subject", EQUAL, "a=b"),
        ("subject=2015..2016", "subject", EQUAL, "2015..2016"),
    ],
)
def test_a_filter_is_a_condition(text: str, name: str, comparison: Comparison, value: str) -> None:
    """On a property, however it is called; a day ends where the next one begins."""
    assert parse_condition(text, Catalogue()) == Condition(property=name, comparison=comparison, value=value)


@pytest.mark.parametrize(
    ("value", "begin", "end"),
    [
        ("2023-01-02", "2023-01-02", "2023-01-03"),
        ("2023-12", "2023-12-01", "2024-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2023", "2023-01-01", "2024-01-01"),
        ("2023-01-02..2023-03-31", "2023-01-02", "2023-04-01"),
        ("2022 .. 2023-06", "2022-01-01", "2023-07-01"),
    ],
)
def test_a_date_is_the_whole_of_it(value: str, begin: str, end: str) -> None:
    """Equality is not midnight; a range has both its ends."""
    for sign, comparison in (("=", EQUAL), ("!=", NOT_EQUAL)):
        assert parse_condition(f"created_date{sign}{value}", Catalogue()) == Condition(
            property="created_date",
            comparison=comparison,
            value=f"{begin}T00:00:00Z",
            until=f"{end}T00:00:00Z",
        )


@pytest.mark.parametrize(
    "text",
    [
        "status",
        "=Open",
        "status=",
        "colour=red",
        "created_date<soon",
        "created_date=2023-13",
        "created_date<2022..2023",
        "created_date=2023..soon",
        "created_date=2023-05..2023-01",
        "created_date!=2023-01-02 10:00..2023-01-01 10:00",
    ],
)
def test_what_is_no_filter_is_said_so(text: str) -> None:
    """With what it should look like."""
    with pytest.raises(WrongUse, match="filter"):
        parse_condition(text, Catalogue())


def test_a_field_with_a_typing_error_is_told_what_it_may_be() -> None:
    """Before the list of all of them."""
    with pytest.raises(WrongUse, match=r"no field 'satus' to filter on: did you mean status\?"):
        parse_condition("satus=Closed", Catalogue())
