"""Passages: the pieces of a text that answer a query."""

from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.passages import match, stems

TEXT = (
    "## Case\n\nCase: 00001234\nSubject: Server does not boot\n\n## Issue\n\nDescription: After the "
    "upgrade of the memory the server stops. "
    + "Nothing of it matters here. " * 40
    + "\n\n## Resolution\n\nResolution: Reseated the memory; it boots now.\n"
)


def test_the_words_of_the_query_are_marked() -> None:
    """Whatever their endings are."""
    found = match(TEXT, stems("servers booting after a memory upgrade"))
    marked = {p.text[a:b].lower() for p in found.passages for a, b in p.marks}
    assert {"server", "boot", "upgrade", "memory"} <= marked
    assert found.coverage == 1.0


def test_headings_and_labels_are_left_out() -> None:
    """A passage is what somebody wrote."""
    found = match(TEXT, stems("reseated memory boots"))
    assert any("Reseated the memory; it boots now." in p.text for p in found.passages)
    assert not any("##" in p.text for p in found.passages)


def test_a_text_without_the_words_has_no_passage() -> None:
    """Nor has a query that is all stop words."""
    assert match(TEXT, stems("printer toner")).passages == ()
    assert match(TEXT, stems("the of and")).coverage == 0.0


@given(st.text(max_size=600), st.text(max_size=60))
def test_marks_lie_in_their_passages(text: str, query: str) -> None:
    """In order, and on words of the query."""
    wanted = stems(query)
    for passage in match(text, wanted).passages:
        assert "\n" not in passage.text
        at = 0
        for start, end in passage.marks:
            assert at <= start < end <= len(passage.text)
            assert stems(passage.text[start:end]) <= wanted | {""}
            at = end
