"""Which words of a long query Weaviate is asked for."""

from everycase.indexes.weaviate.words import MOST_OCCURRENCES, SAMPLE, is_long, lexicon_of, shorten, words_of

LARGE = MOST_OCCURRENCES
"""Cases of an index in which a word of every case uses up all occurrences."""


def test_words_are_those_of_the_tokenisation() -> None:
    """Whatever is no letter or digit parts them."""
    assert words_of("Fan_1 (P00930-B21): Lüfter") == ["fan", "1", "p00930", "b21", "lüfter"]


def test_what_every_case_has_is_left_out_of_a_long_query() -> None:
    """The rare words stay, each as often as the query has it."""
    lexicon = lexicon_of(["the server fails"] * SAMPLE, LARGE)
    rare = " ".join(f"rare{n}" for n in range(30))
    asked = shorten(f"server server {rare} rare7", lexicon).split()
    assert "server" not in asked
    assert asked.count("rare7") == 2
    assert set(rare.split()) == set(asked)


def test_an_index_that_is_small_is_asked_for_all_words() -> None:
    """By the number of its cases, or because there are too few of them to tell what is common."""
    text = " ".join(f"word{n}" for n in range(30))
    assert is_long(text)
    assert shorten(text, lexicon_of([text] * SAMPLE, 1000)) == text
    assert shorten(text, lexicon_of([text] * (SAMPLE - 1), LARGE)) == text


def test_a_query_of_nothing_but_common_words_is_asked_whole() -> None:
    """Rather than of nothing."""
    text = " ".join(f"word{n}" for n in range(30))
    assert shorten(text, lexicon_of([text] * SAMPLE, 2 * LARGE)) == text
