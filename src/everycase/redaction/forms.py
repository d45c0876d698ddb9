"""The forms in which texts have the values of identity columns: names, logins, companies, addresses, mails.

All forms are folded (`shadow.fold`). Words that are names only by how they are written carry a rule.
Values are cut to a length that no real one has, so that the work for a case is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from everycase.domain.catalogue import IdentityKind
from everycase.redaction.people import mail_forms, people_forms
from everycase.redaction.sanitise import sanitise
from everycase.redaction.shadow import fold, plain
from everycase.redaction.spans import Label
from everycase.redaction.terms import (
    ADDRESS,
    BRACKETS,
    GLUES,
    LONGEST_VALUE,
    MOST_PIECES,
    MOST_WORDS,
    PIECES,
    SPACE,
    STREETS,
    UMLAUTS,
    UNSPACED,
    Form,
    Rule,
    folded,
    token,
    whole,
)
from everycase.redaction.words import phrases, words


@lru_cache(maxsize=20_000)
def forms_of(kind: IdentityKind, value: str) -> tuple[tuple[str, Form], ...]:
    """Every form of one identity value; people come again from case to case."""
    text = plain(sanitise(value[:LONGEST_VALUE])).text
    pieces = [p.strip(" \t,") for p in PIECES.split(text)][:MOST_PIECES]
    if len(pieces) > 1 and kind is IdentityKind.ADDRESS:
        pieces.append(" ".join(pieces))
    return tuple(dict.fromkeys(f for piece in pieces if piece for f in _forms(kind, piece) if f[0]))


def _forms(kind: IdentityKind, value: str) -> Iterator[tuple[str, Form]]:
    """The forms of one value, which may be a list of addresses."""
    last = 0
    for mail in ADDRESS.finditer(value):
        yield from mail_forms(mail[0])
        yield from people_forms(value[last : mail.start()])
        last = mail.end()
    rest = value[last:]
    if last or kind in (IdentityKind.PERSON, IdentityKind.EMAIL):
        yield from people_forms(rest)
    elif kind is IdentityKind.COMPANY:
        yield from company_forms(rest)
    elif kind is IdentityKind.ADDRESS:
        yield from address_forms(rest)
    else:
        digits = "".join(filter(str.isdigit, rest))
        yield from whole(rest, Label.PHONE, digits[-9:] or None)


def bare_company(value: str) -> list[str]:
    """The words of a company's name without its legal forms, as the value has them."""
    found = [w for w in re.split(r"[\s,]+", BRACKETS.sub(" ", value)) if w]
    while len(found) > 1 and (taken := _legal_words(found)):
        found = found[:-taken]
    while len(found) > 1 and _letters(found[0]) in (
        "the",
        "pt",
        "ooo",
        "ооо",
        "зао",
        "ао",
        "пао",
        "株式会社",
        "有限会社",
    ):
        found = found[1:]
    while len(found) > 1 and not any(map(str.isalnum, found[-1])):
        found = found[:-1]
    return found


def _legal_words(found: list[str]) -> int:
    """How many words at the end are a legal form: `S. p. A.`, `Sp. z o.o.`, `GmbH & Co. KG`, `Inc.`."""
    for taken in range(min(4, len(found) - 1), 0, -1):
        if _letters("".join(found[-taken:])) in words("legal_forms"):
            return taken
    return 0


def _letters(word: str) -> str:
    return "".join(c for c in fold(word) if c.isalnum())


def company_forms(value: str) -> Iterator[tuple[str, Form]]:
    """The name with and without its legal form, in one word, with hyphens, by its first word."""
    low = folded(value)
    if low in phrases("nobody"):
        return
    yield from whole(value, Label.COMPANY)
    bare = [_letters(w) for w in bare_company(value)]
    bare = [w for part in bare for w in [part] if w][:MOST_WORDS]
    if not bare:
        return
    if UNSPACED.search(bare[0]):
        core = re.sub("^(?:株式会社|有限会社)|(?:株式会社|有限会社|有限公司|股份|公司)+$", "", "".join(bare))
        if len(core) >= 2:
            yield core, Form(Label.COMPANY, low, Rule.INNER)
    elif len(bare) == 1:
        yield from token(bare[0], Label.COMPANY, low)
        yield from _company_spellings(value, bare, low)
    else:
        yield from _company_spellings(value, bare, low)
        if len(bare[0]) >= 5 and not any(
            bare[0] in words(n) for n in ("tech_words", "name_words", "not_names")
        ):
            yield bare[0], Form(Label.COMPANY, low, Rule.CAPITAL)


def _company_spellings(value: str, bare: list[str], key: str) -> Iterator[tuple[str, Form]]:
    company = Form(Label.COMPANY, key, Rule.ANY)
    written = " ".join(bare_company(value))
    yield folded(written), company if len(bare) > 1 else Form(Label.COMPANY, key, Rule.CAPITAL)
    umlauts = [_letters(w.translate(UMLAUTS)) for w in bare_company(value)]
    for spelling in dict.fromkeys((tuple(bare), tuple(w for w in umlauts if w))):
        if len(spelling) > 1:
            yield from ((glue.join(spelling), company) for glue in GLUES)
            yield from (
                (w.join((" ".join(spelling[:-1]), spelling[-1])), company) for w in (" & ", " and ", " und ")
            )
        elif spelling != tuple(bare):
            yield from token(spelling[0], Label.COMPANY, key)


def address_forms(value: str) -> Iterator[tuple[str, Form]]:
    """The whole, its parts between commas, the street with and without its number, the town without its code."""
    low = folded(value)
    yield from whole(value, Label.ADDRESS)
    parts = [p.strip() for p in re.split(r"[,\n]| - ", value)][:MOST_PIECES]
    for part in parts:
        yield from _address_part(part, low, is_whole=len(parts) == 1)


def _address_part(part: str, key: str, *, is_whole: bool) -> Iterator[tuple[str, Form]]:
    low = folded(part)
    place = Form(Label.ADDRESS, key, Rule.ANY)
    if not is_whole and len(part) >= 5:
        yield low, Form(Label.ADDRESS, key, Rule.CAPITAL if part.isalpha() else Rule.ANY)
    for spelled in _street_spellings(low, fold(part.translate(UMLAUTS))):
        yield spelled, place
    digits = any(map(str.isdigit, low))
    named = " ".join(w for w in low.split() if len(w) > 2 and not any(map(str.isdigit, w))).strip(" .,")
    if digits and len(named) >= 5 and named not in words("tech_words") and named not in words("name_words"):
        yield named, place if " " in named else Form(Label.ADDRESS, key, Rule.CAPITAL)


def _street_spellings(*lows: str) -> Iterator[str]:
    for low in dict.fromkeys(lows):
        found = SPACE.sub(" ", low)
        for long, short in STREETS:
            for a, b in ((long, short), (short, long)):
                swapped = (
                    re.sub(rf"{re.escape(a)}(?=\s|\Z|\d)", b, found)
                    if a == long
                    else re.sub(rf"(?:(?<=\s)|(?<=[a-z])(?=str)){re.escape(a)}(?=\s|\Z)", b, found)
                )
                if swapped != found:
                    yield swapped
        if low != lows[0]:
            yield found
