"""The record knows the names: lists, degenerate values, and names that are words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycase.redaction.words import phrases
from tests.unit.redaction.test_redactor import clean


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("ContactEmail", '"Ashgrove, Quennell" <qa@x.example>', "Quennell Ashgrove"),
        ("ContactEmail", "a@x.example; Quennell Ashgrove <q@x.example>", "q@x.example"),
        ("ContactEmail", "a@x.example,q@y.example", "q@y.example"),
        ("ContactEmail", "quennell.ashgrove@gmail.com", "Quennell Ashgrove"),
        ("SuppliedName", "Odalys Ferrucci, Quennell Ashgrove", "quennell ashgrove"),
        ("SuppliedName", "Odalys Ferrucci; Quennell Ashgrove", "Ashgrove, Quennell"),
        ("ContactName", "Quénnell Åshgrove", "QUENNELL\nASHGROVE"),
        ("ContactName", "Hanß Grünwäldchen", "Hanss Gruenwaeldchen"),
        ("ContactName", "qwendle", "QWENDLE"),
        ("ContactPhone", "+1 202 555 0143", "(202) 555-0143"),
        ("Street", "12 Quarry Lane\nGate House 7", "Gate house 7"),
        ("City", "Eastwick", "eastwick"),
        ("PostalCode", "054019", "054019"),
        ("AccountName", "Brightmoor Mills Ltd", "brightmoor mills"),
    ],
)
def test_a_value_is_found_in_other_forms(column: str, value: str, said: str) -> None:
    """Lists of addresses, accents, widths and parts."""
    found = clean(f"ask {said} now", identity={column: value})
    assert found.startswith("ask <")
    assert found.endswith("> now")
    assert found.count("<") == 1


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("OwnerName", "Unknown", "the error is unknown to us"),
        ("OwnerName", "n/a", "n/a"),
        ("Country", "US", "tell us in the US"),
        ("OwnerName", "It", "it is IT"),
        ("ContactEmail", "support@gmail.com", "support was asked"),
        ("ContactEmail", "storm@gmail.com", "the storm cluster is down"),
        ("PostalCode", "2017", "on 2017-12-31 10:00:00 it failed"),
        ("City", "Paris", "a comparison"),
    ],
)
def test_degenerate_values_damage_nothing(column: str, value: str, text: str) -> None:
    """What names nobody, is too short, or is a word of its own."""
    assert clean(text, identity={column: value}) == text


@pytest.mark.parametrize("said", ["@{}", "[~{}]", "/home/{}/x", "Hi {}", "Mr. {}"])
def test_a_name_that_is_a_word_goes_in_a_name_context(said: str) -> None:
    """Mark behind a greeting or a sign is a person."""
    found = clean(f"x\n{said.format('Mark')} the port", identity={"OwnerName": "Mark Quillfeather"})
    assert "Mark" not in found
    assert found.endswith(" the port")


NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyzäéø", min_size=3, max_size=9)


@settings(max_examples=80, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=3), st.sampled_from([" ", "\n", "  ", "\u00a0"]), st.booleans())
def test_no_name_of_a_column_survives(words: list[str], gap: str, is_loud: bool) -> None:
    """Whatever the name, the white space and the letters' case."""
    said, name = gap.join(words), " ".join(words)
    found = clean(f"7 {said.upper() if is_loud else said}, 7", identity={"ContactName": name})
    if name not in phrases("nobody"):
        assert found == "7 <PERSON_1>, 7"


@pytest.mark.parametrize("name", ["aaaaa", "odalys"])
def test_a_long_word_full_of_a_name_ends(name: str) -> None:
    """One word of half a million letters, each of which begins the name: linear."""
    assert clean(name * 100_000, identity={"ContactName": name}) == "<PERSON_1>"
