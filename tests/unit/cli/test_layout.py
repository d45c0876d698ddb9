"""Lines and tables fit the width, and words stay whole (issue 18)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from everycase.cli.layout import lay_out, shorten, wrap

WORDS = st.lists(st.text("abcdefgh0123456789.,-_@", min_size=1, max_size=12), min_size=1, max_size=6).map(
    " ".join
)


@given(st.lists(WORDS, min_size=1, max_size=20).map(" ".join), st.integers(40, 100))
def test_a_line_is_broken_between_words_only(text: str, width: int) -> None:
    """Every word stands in the lines as it was, in its order, and no line is too wide."""
    lines = wrap(text, width)
    assert " ".join(lines).split() == text.split()
    assert max(map(cell_len, lines)) <= width


@given(st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(WORDS, min_size=n, max_size=n), min_size=1)))
def test_a_table_fits_and_splits_no_word(rows: list[list[str]]) -> None:
    """Words are those of the cells, or shortened with `…` where there is no room for them."""
    said = lay_out([f"c{i}" for i in range(len(rows[0]))], rows, 80)
    assert max(map(cell_len, said)) <= 80
    given_words = {word for row in rows for cell in row for word in cell.split()}
    for word in " ".join(said[1:]).split():
        assert word in given_words or "…" in word or word.startswith("c")


def test_a_word_that_is_longer_than_a_line_stays_whole_in_prose() -> None:
    """So that a path can be copied."""
    path = "/data/" + "x" * 100
    assert path in [line.strip() for line in wrap(f"the settings file {path} cannot be read", 80)]


def test_lines_that_go_on_stand_further_in() -> None:
    assert wrap("  one two three", 9) == ["  one two", "      three"]


def test_wide_characters_take_two_columns() -> None:
    assert wrap("電源 故障 交換", 10) == ["電源 故障", "    交換"]


def test_a_value_without_room_keeps_both_its_ends() -> None:
    assert shorten("5008d00000AbCd2AAF", 9) == "5008…2AAF"


def test_numbers_stand_to_the_right() -> None:
    assert lay_out(("do", "cases"), [("create", "5"), ("update", "1,200")], 80) == [
        "do      cases",
        "create      5",
        "update  1,200",
    ]
