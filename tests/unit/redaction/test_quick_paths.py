"""The quick ways of the rules find what the plain ways find."""

from __future__ import annotations

from itertools import pairwise

import re2
from hypothesis import given
from hypothesis import strategies as st

from everycase.redaction.matching import Scanned, hits
from everycase.redaction.phones import phone_spans
from everycase.redaction.shadow import fold, folded
from everycase.redaction.spans import Cover, Kept
from everycase.redaction.translating import as_ascii, translated

_SEARCHED = re2.compile(rb"(?:\d{2,}|[a-z]*)")
_TEXTS = st.text(st.sampled_from("aZ9 ,.:_-\n\tßé\xa0"), max_size=60)


@given(st.text(st.sampled_from("ab12 é"), max_size=40))
def test_hits_are_those_of_finditer(text: str) -> None:
    """All that are not empty, in the same order."""
    raw = text.encode()
    assert hits(_SEARCHED, raw) == [m.span() for m in _SEARCHED.finditer(raw) if m.end() > m.start()]


@given(st.lists(st.integers(0, 30), unique=True, max_size=8), st.integers(0, 35), st.integers(0, 10))
def test_a_cover_and_its_gaps_make_up_a_stretch(bounds: list[int], start: int, width: int) -> None:
    """Every character of a stretch is either in a gap or kept, and a stretch without kept ones is one gap."""
    bounds = sorted(bounds)
    kept = [Kept(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=False)]
    cover, end = Cover(kept, 60), start + width
    free = {i for i in range(start, end) if not any(k.start <= i < k.end for k in kept)}
    gaps = list(cover.gaps(start, end))
    assert {i for a, b in gaps for i in range(a, b)} == free
    assert cover.touches(start, end) == (len(free) < width)
    assert all(b < c for (_, b), (c, _) in pairwise(gaps))


@given(_TEXTS)
def test_places_of_a_folded_text_lead_back_to_what_was_folded(text: str) -> None:
    """Each character of the shadow stands for the stretch that folds to it, or for a run of blanks."""
    shadow = folded(text)
    for i, c in enumerate(shadow.text):
        meant = fold(text[shadow.start(i) : shadow.end(i + 1)])
        assert c in meant
        assert len(meant) == 1 or not meant.strip() or meant == "ss"


@given(st.text(st.sampled_from("aZ-0\xe9\xd6\u0130\u0416\u5c0f\uff11\u2212\xdf\u212a"), max_size=30))
def test_a_quick_translation_is_that_of_str_translate(text: str) -> None:
    """Of a table that leaves ASCII alone; where all becomes ASCII, with that alone."""
    table = {ord(c): c.casefold()[:1] for c in text} | {0xE9: "e", 0xD6: "o", 0xFF11: "1", 0x2212: "-"}
    to_ascii = {p: c for p, c in table.items() if p > 127}
    known = {p: c if c.isascii() else chr(p) for p, c in to_ascii.items()}
    assert translated(text, known) == text.translate(known)
    expected = text.translate(to_ascii)
    assert as_ascii(text, to_ascii) == (expected if expected.isascii() else None)


def test_no_number_is_looked_for_where_tokens_leave_no_room() -> None:
    """Beside a kept token a number is found only in a stretch that holds all of it."""
    text = "2024-01-02 089 2345678 tel: 089 2345678"
    found = [
        (s.start, s.end) for s in phone_spans(Scanned.of(text), Cover([Kept(0, 10), Kept(15, 22)], len(text)))
    ]
    assert found == [(28, 39)]
