"""What a name looks like where a text's form says that one stands there: capital words that are no other words."""

from __future__ import annotations

import re
from functools import lru_cache

from everycase.redaction.words import words

NAME = r"[^\W\d_a-z][^\W\d_]*(?:['’-][^\W\d_]+)*"
_LINKS = r"(?:von|van|de|der|den|del|della|di|da|das|dos|die|la|le|el|al|bin|ben|ter|zu|af|av|y|e)"
_INITIALS = r"(?:[A-Z]\.[ ]?){0,2}"
FULL = rf"{_INITIALS}(?:(?:{_LINKS}[ ]){{1,2}})??{NAME}(?:[ ]{{1,2}}(?:{_LINKS}[ ]){{0,2}}(?:{NAME}|[A-Z]\.)){{0,3}}"
TITLE = (
    r"(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Herrn|Frau|Hr|Fr|Sir|Señor|Señora|Sr|Sra|Srta|Monsieur|Madame|Mme|Mlle|Dhr|Mevr|Pan|Pani|Panie|Sig|Sig\.ra|"
    r"Dott|Dott\.ssa|Ing|Dipl\.-Ing|i\.[ ]?[AV])\b\.?[ ]){0,3}"
)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W\d_]+)*\.?")
_ENDINGS = (
    "ed",
    "ing",
    "ly",
    "tion",
    "tions",
    "ment",
    "ments",
    "ness",
    "ity",
    "able",
    "ware",
    "ance",
    "ence",
)
"""How words end that are seldom names; words of five letters and more."""


_NOUN_ENDINGS = ("ing", "ly", "ment", "ity", "able", "ance", "ence")
"""Endings that names have too (Harding, Bailly, Clément): they count for nothing behind another part of a name."""


_REMEMBERED = 10_000
"""Answers: the same words and phrases are asked about by many rules, and again in the next case."""


@lru_cache(_REMEMBERED)
def is_name_word(word: str, *, is_inner: bool = False) -> bool:
    """Whether a word may be a part of a name. `is_inner`: it follows another part, or a title."""
    low = word.lower().strip(".'’-")
    if not low or low in words("not_names") or low in words("tech_words") or any(map(str.isdigit, low)):
        return low in words("name_words") and (is_inner or low not in _NEVER)
    return "/" not in word and ("-" in low or not _ends_like_a_word(low, is_inner))


def _ends_like_a_word(low: str, is_inner: bool) -> bool:
    if len(low) < 6 or not low.endswith(_ENDINGS) or low in words("names_like_words"):
        return False
    return not (is_inner and low.endswith(_NOUN_ENDINGS))


_NEVER = frozenset("will may best early just open day all so good true".split())
"""Words of both lists that open sentences too often."""
_MONTHS = frozenset("jan jun sun may april june august wed sat".split())
"""Short months and days that are first names where a name follows: `Jun Wei`."""


def leading_name(text: str, start: int, end: int, *, is_titled: bool = False) -> int:
    """How far the words of `[start, end)` are a name: the end of the last such word, or `start`."""
    return _reach(list(_WORD.finditer(text, start, end)), start, is_titled)


def _reach(found: list[re.Match[str]], start: int, is_titled: bool = False) -> int:
    reach, is_named = start, False
    for i, m in enumerate(found):
        word = m[0]
        is_initial = len(word.rstrip(".")) == 1 and word[0].isupper()
        if is_initial and not is_named and word[-1] == "." and i + 1 < len(found):
            continue
        is_part = is_name_word(word, is_inner=is_named or is_titled) or _is_month_name(found, i)
        is_link = word in _LINK_WORDS or (word.lower() in _LINK_WORDS and is_named)
        if not (is_part or (is_initial and is_named) or is_link):
            break
        reach, is_named = m.end(), is_named or is_part
    return reach


def _is_month_name(found: list[re.Match[str]], i: int) -> bool:
    """A month or day with a capital word directly behind it that may be a name and is none of these."""
    if (
        found[i][0].lower() not in _MONTHS
        or i + 1 == len(found)
        or found[i + 1].start() != found[i].end() + 1
    ):
        return False
    following = found[i + 1][0]
    return following[0].isupper() and len(following) > 1 and is_name_word(following)


def trailing_name(text: str, start: int, end: int) -> int:
    """From where the words of `[start, end)` are a name to their end; `end` if the last one is none."""
    reach = end
    for found in reversed(list(_WORD.finditer(text, start, end))):
        if (
            not (is_name_word(found[0]) and (found[0][0].isupper() or not found[0][0].isascii()))
            and found[0] not in _LINK_WORDS
        ):
            break
        reach = found.start()
    return reach


_LINK_WORDS = frozenset("von van de der den del della di da das dos die la le el al bin ben ter zu".split())


@lru_cache(_REMEMBERED)
def is_name(phrase: str, *, least: int = 1) -> bool:
    """Whether all words of a phrase are a name's, and enough of them."""
    found = list(_WORD.finditer(phrase))
    return least <= len(found) <= 5 and _reach(found, 0) == found[-1].end()


_INNER_CAPITAL = re.compile(
    r"(?<![^\W\d_])(?!(?:Mc|Mac|De|Di|La|Le|Van|Von|Fitz|D|O|Mac)[A-Z])[^\W\d_]+[a-zß-ÿ][A-Z]|(?<![^\W\d_])[A-Z][A-Z][a-z]"
)


def is_product(phrase: str) -> bool:
    """`HPE`, `HBase`, `NetXtreme`: more capitals than names have."""
    return phrase.isupper() or _INNER_CAPITAL.search(phrase) is not None
