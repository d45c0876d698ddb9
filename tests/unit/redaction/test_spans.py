"""Overlaps: who wins, and that nobody loses half an address."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from everycase.redaction.spans import Cover, Kept, Label, Span, resolve

SPANS = st.builds(
    lambda start, width, label, known: Span(start, start + width, label, "k", known),
    st.integers(0, 60),
    st.integers(1, 25),
    st.sampled_from(list(Label)),
    st.booleans(),
)
FREE = Cover([], 100)
"""No technical token in a text."""


def test_the_longest_wins() -> None:
    """A full name before its parts."""
    name, part = Span(0, 10, Label.PERSON, "a", is_known=True), Span(4, 10, Label.PERSON, "b", is_known=True)
    assert resolve([part, name], FREE) == [name]


def test_a_mail_address_is_one_placeholder_though_a_name_stands_in_it() -> None:
    """Mails and secrets are whole."""
    mail, name = Span(0, 20, Label.EMAIL, "a"), Span(0, 8, Label.PERSON, "b", is_known=True)
    assert resolve([name, mail], FREE) == [mail]


def test_what_a_beaten_span_covers_on_both_sides_goes_too() -> None:
    """No half of an address is left."""
    street, name = Span(0, 30, Label.ADDRESS, "a"), Span(10, 20, Label.PERSON, "b", is_known=True)
    assert [(s.start, s.end, s.label) for s in resolve([street, name], FREE)] == [
        (0, 10, Label.ADDRESS),
        (10, 20, Label.PERSON),
        (20, 30, Label.ADDRESS),
    ]


def test_technical_tokens_beat_shapes_and_never_what_is_known() -> None:
    """Protected beats phone, address and IP; not a mail, not the case's own people."""
    kept = Cover([Kept(0, 12)], 12)
    assert resolve([Span(2, 9, Label.PHONE, "a")], kept) == []
    assert resolve([Span(2, 9, Label.EMAIL, "a")], kept) != []
    assert resolve([Span(2, 9, Label.PHONE, "a", is_known=True)], kept) != []


@given(st.lists(SPANS, max_size=25))
def test_winners_are_in_order_and_apart_and_cover_all_that_is_known(spans: list[Span]) -> None:
    """Two letters beside a winner at the least: a single one says nothing."""
    chosen = resolve(spans, FREE)
    assert all(a.end <= b.start for a, b in itertools.pairwise(chosen))
    covered = {i for s in chosen for i in range(s.start, s.end)}
    wanted = {i for s in spans for i in range(s.start, s.end)}
    assert covered <= wanted
    assert all(i - 1 in covered or i + 1 in covered for i in wanted - covered)
