"""Which cases the embedded index weighs by their words."""

import pytest

from everycase.indexes.bm25 import Word
from everycase.indexes.embedded.search import telling

SIZE = 100_000


def word(lexeme: str, *, cases: float, times: int = 1) -> Word:
    return Word(lexeme=lexeme, times=times, cases=cases)


def chosen(*words: Word, most: int) -> list[str]:
    return [part.strip("()'") for part in telling(words, SIZE, most).split(" | ")]


def test_a_repeated_word_is_chosen_before_a_rarer_one() -> None:
    """What the query says five times decides its best cases more than what it says once."""
    said_once, repeated = word("said", cases=700), word("again", cases=900, times=5)
    assert chosen(said_once, repeated, most=1000) == ["again"]


def test_a_rare_word_is_chosen_before_a_common_one() -> None:
    """Of words that are said as often, the one of fewer cases goes first."""
    assert chosen(word("fan", cases=900), word("p00930", cases=200), most=1000) == ["p00930"]


def test_a_word_of_too_many_cases_is_passed_over() -> None:
    """The words behind it are still chosen, as long as they all together are in few enough cases."""
    words = [word("raid", cases=400, times=9), word("server", cases=50_000, times=9), word("fan", cases=500)]
    assert chosen(*words, most=1000) == ["raid", "fan"]


def test_common_words_alone_are_looked_for_together() -> None:
    """Where each word is in more cases than may be weighed, those with several of them are."""
    assert telling([word("server", cases=20_000), word("power", cases=10_000)], SIZE, 8000) == (
        "('power' & 'server')"
    )


@pytest.mark.parametrize("words", [[], [word("unknown", cases=0)]])
def test_words_that_no_case_has_choose_nothing(words: list[Word]) -> None:
    """There is no expression to look for, and no search."""
    assert telling(words, SIZE, 8000) == ""
