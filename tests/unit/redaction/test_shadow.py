"""The folded shadow: what is equal to a reader is equal there, and every place leads back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.redaction.shadow import fold, shadow


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Odalys  FERRUCCI", "odalys ferrucci"),
        ("Odalys\n\t Ferrucci", "odalys ferrucci"),
        ("Ｏｄａｌｙｓ", "odalys"),
        ("Ýrsa Bjørnskov", "yrsa bjornskov"),
        ("GROẞ und Straße", "gross und strasse"),
        ("ﬁn", "fin"),
        ("plain", "plain"),
    ],
)
def test_forms_that_a_reader_takes_for_one_are_one(text: str, folded: str) -> None:
    """Letters' case, width, accents, ligatures and white space make no difference."""
    assert shadow(text).text == folded


@pytest.mark.parametrize("before", ["", "ß ", "ﬁ\n\n", "  \t x\u0301", "İ  "])
def test_a_find_leads_back_to_its_place(before: str) -> None:
    """Whatever changed its length before it."""
    text = f"{before}Odalys \n Ferruccí!"
    folded = shadow(text)
    start = folded.text.index("odalys ferrucci")
    first, last = folded.original(start), folded.original(start + len("odalys ferrucci") - 1) + 1
    assert text[first:last] == "Odalys \n Ferruccí"


@given(st.text(max_size=200))
def test_every_place_of_the_shadow_is_a_place_of_the_text(text: str) -> None:
    """In order, and never outside."""
    text = unicodedata.normalize("NFC", text)
    folded = shadow(text)
    places = [folded.original(i) for i in range(len(folded.text))]
    assert places == sorted(places)
    assert all(0 <= p < len(text) for p in places)


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=100))
def test_plain_text_keeps_its_length_when_folded(text: str) -> None:
    """Only other scripts can grow or shrink."""
    assert len(fold(text)) == len(text)
