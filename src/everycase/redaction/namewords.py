"""What a name looks like where a text's form says that one stands there: capital words that are no other words."""

from __future__ import annotations

import re

from everycase.redaction.words import words

NAME = r"[^\W\d_a-z][^\W\d_]*(?:['’-][^\W\d_]+)*"
_LINKS = r"(?:von|van|de|der|den|del|della|di|da|dos|la|le|el|al|bin|ben|ter|zu|af|av|y|e)"
FULL = rf"{NAME}(?:[ ]{{1,2}}(?:{_LINKS}[ ]){{0,2}}(?:{NAME}|[A-Z]\.)){{0,3}}"
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


def is_name_word(word: str) -> bool:
    """Whether a word may be a part of a name."""
    low = word.lower().strip(".'’-")
    if not low or low in words("not_names") or low in words("tech_words") or any(map(str.isdigit, low)):
        return low in words("name_words") and low not in _NEVER
    return ("-" in low or not (len(low) >= 6 and low.endswith(_ENDINGS))) and "/" not in word


_NEVER = frozenset("will may best early just open day all so good".split())
"""Words of both lists that open sentences too often."""


def leading_name(text: str, start: int, end: int) -> int:
    """How far the words of `[start, end)` are a name: the end of the last such word, or `start`."""
    reach = start
    for found in _WORD.finditer(text, start, end):
        is_initial = reach > start and len(found[0].rstrip(".")) == 1 and found[0][0].isupper()
        if not (is_initial or is_name_word(found[0]) or found[0] in _LINK_WORDS):
            break
        reach = found.end()
    return reach


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


_LINK_WORDS = frozenset("von van de der den del della di da dos la le el al bin ben ter zu".split())


def is_name(phrase: str, *, least: int = 1) -> bool:
    """Whether all words of a phrase are a name's, and enough of them."""
    found = _WORD.findall(phrase)
    return least <= len(found) <= 5 and all(is_name_word(w) or w in _LINK_WORDS for w in found)
