"""A form of an identity value, where it counts, and what is said of single words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from everycase.redaction.mojibake import garbled_forms
from everycase.redaction.shadow import fold
from everycase.redaction.spans import Label
from everycase.redaction.words import phrases, words

LONGEST_VALUE = 2000
"""Characters of an identity value that forms are made of."""
MOST_PIECES = 64
MOST_WORDS = 8

PIECES = re.compile(r"[;\n]")
ADDRESS = re.compile(r"[^\s<>\"',;:()\[\]]+@[^\s<>\"',;:()\[\]]+")
SPACE = re.compile(r"\s+")
WORD = re.compile(r"[^\W_]+(?:['’´`][^\W_]+)*")
BRACKETS = re.compile(r"\([^()]{0,60}\)|\[[^\[\]]{0,60}\]|\{[^{}]{0,60}\}")
TITLES = frozenset(
    "mr mrs ms miss mx dr prof professor herr frau hr fr dipl ing msc bsc phd mba jr sr ii iii dipl-ing sir madam senor senora señor señora m mme mlle".split()
)
UMLAUTS = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ß": "ss",
        "å": "aa",
        "ø": "oe",
        "æ": "ae",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "Å": "Aa",
        "Ø": "Oe",
    }
)
PLURALS = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"))
GLUES = (" ", "-", "", "_", ".")
CASELESS = re.compile(
    r"[\u0590-\u08ff\u0900-\u0fff\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
HONORIFICS = (
    "先生",
    "女士",
    "小姐",
    "经理",
    "總",
    "总",
    "工",
    "さん",
    "様",
    "さま",
    "氏",
    "殿",
    "君",
    "님",
    "씨",
)
STREETS = (("street", "st"), ("avenue", "ave"), ("road", "rd"), ("boulevard", "blvd"), ("lane", "ln"), ("drive", "dr"), ("court", "ct"),
            ("place", "pl"), ("square", "sq"), ("strasse", "str."), ("strasse", "str"), ("parkway", "pkwy"), ("highway", "hwy"), ("suite", "ste"))  # fmt: skip


class Rule(IntEnum):
    """Where a form counts, the strictest last. All but `WHOLE` and `INNER` ask for the bounds of a word."""

    WHOLE = 1
    """The value of a column: in any letters, and within a longer word from five letters on."""
    INNER = 2
    """Scripts without spaces: anywhere."""
    ANY = 3
    """In any letters."""
    CAPITAL = 4
    """With a capital, or in the context of a name."""
    WORD = 5
    """A name that is a word too: with a capital within a sentence, before a verb, or in the context of a name."""
    CONTEXT = 6
    """Behind a title, a greeting or a sign of a login, or beside another part of the same name."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a folded text means when it is found. Equal keys are one person, company or place."""

    label: Label
    key: str
    rule: Rule
    value: str = ""
    """Of a whole value: as the column has it, for the residual scan."""

    @property
    def is_few_digits(self) -> bool:
        return self.key.isdigit() and len(self.key) <= _FEW_DIGITS


_FEW_DIGITS = 5


def folded(value: str) -> str:
    return SPACE.sub(" ", fold(value)).strip()


def whole(value: str, label: Label, key: str | None = None) -> Iterator[tuple[str, Form]]:
    """The value as it stands. One or two letters are too few to go wherever they stand."""
    low = folded(value)
    if low in phrases("nobody") or not any(c.isalnum() for c in low):
        return
    few = 4 if low.isdigit() else 3
    if UNSPACED.search(low) and len(low) >= 2:
        yield low, Form(label, key or low, Rule.INNER, value)
    elif len(low) >= few:
        yield low, Form(label, key or low, Rule.WHOLE, value)
        if label is not Label.PHONE:
            yield from ((folded(g), Form(label, key or low, Rule.WHOLE)) for g in garbled_forms(value))
    elif label is Label.PERSON and len(low) == 2:
        yield low, Form(label, low, Rule.CONTEXT)


def token(low: str, label: Label, key: str) -> Iterator[tuple[str, Form]]:
    """One word of a name on its own: a name where it is written like one."""
    if UNSPACED.search(low):
        if len(low) >= 2:
            yield low, Form(label, key, Rule.INNER)
        elif label is Label.PERSON:
            yield from ((low + h, Form(label, key, Rule.INNER)) for h in HONORIFICS)
    elif low in words("tech_words"):
        yield low, Form(label, key, Rule.CONTEXT)
    elif low in words("name_words") or low in words("not_names"):
        yield low, Form(label, key, Rule.WORD)
    elif len(low) >= 4 or CASELESS.search(low):
        yield low, Form(label, key, Rule.ANY)
    elif len(low) == 3:
        yield low, Form(label, key, Rule.CAPITAL)
    elif len(low) == 2 and label is Label.PERSON:
        yield low, Form(label, key, Rule.CONTEXT)
