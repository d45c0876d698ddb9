"""The folded shadow: what is equal to a reader is equal there, and every place leads back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.redaction.shadow import fold, folded, plain


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_forms_that_a_reader_takes_for_one_are_one(text: str, expected: str) -> None:
    """Letters' case, width, accents, ligatures and white space make no difference."""
    assert folded(text).text == expected


@pytest.mark.parametrize("before", ["", "ß ", "ﬁ\n\n", "  \t x\u0301", "İ  "])
def test_a_find_leads_back_to_its_place(before: str) -> None:
    """Whatever changed its length before it."""
    text = f"{before}Odalys \n Ferruccí!"
    low = folded(text)
    start = low.text.index("odalys ferrucci")
    first, last = low.start(start), low.end(start + len("odalys ferrucci"))
    assert text[first:last] == "Odalys \n Ferruccí"


def test_a_character_more_and_one_less_do_not_cancel_out() -> None:
    """A mark that is dropped and a letter that is doubled leave the length as it was, and the places not."""
    text = "x\u0301 Odalys ß"
    low = folded(text)
    assert len(fold(text)) == len(text)
    start = low.text.index("odalys")
    assert text[low.start(start) : low.end(start + 6)] == "Odalys"


@given(st.text(max_size=200))
def test_every_place_of_the_shadow_is_a_place_of_the_text(text: str) -> None:
    """In order, and never outside."""
    text = unicodedata.normalize("NFC", text)
    for shadow in (folded(text), plain(text)):
        starts = [shadow.start(i) for i in range(len(shadow.text))]
        ends = [shadow.end(i + 1) for i in range(len(shadow.text))]
        assert starts == sorted(starts)
        assert all(0 <= a < b <= len(text) for a, b in zip(starts, ends, strict=True))


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=100))
def test_plain_text_keeps_its_length_when_folded(text: str) -> None:
    """Only other scripts can grow or shrink."""
    assert len(fold(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("０８９", "089"),
        ("٠٨٩", "089"),
        ("1\u20112\u22123", "1-2-3"),
        ("a%40b.example", "a@b.example"),
        ("J%C3%BCrgen", "Jürgen"),
        ("a=40b.example", "a@b.example"),
        ("x=3D1 J=C3=BCrgen", "x=1 Jürgen"),
        ("timeout=40 and 100%", "timeout=40 and 100%"),
        ("%GG %0", "%GG %0"),
        ("½U ™", "½U ™"),
    ],
)
def test_escapes_digits_and_dashes_are_what_they_mean(text: str, expected: str) -> None:
    """In the shadow alone."""
    assert plain(text).text == expected


def test_an_escape_leads_back_to_the_whole_of_it() -> None:
    """The decoded sign stands for all characters of its escape."""
    shadow = plain("mail a%40b now")
    at = shadow.text.index("a@b")
    assert "mail a%40b now"[shadow.start(at) : shadow.end(at + 3)] == "a%40b"
