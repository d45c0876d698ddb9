"""The forms in which texts have the values of identity columns: names, logins, companies, addresses, mails.

All forms are folded (`shadow.fold`). Words that are names only by how they are written carry a rule.
Values are cut to a length that no real one has, so that the work for a case is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from everycase.domain.catalogue import IdentityKind
from everycase.redaction.mojibake import garbled_forms
from everycase.redaction.sanitise import sanitise
from everycase.redaction.shadow import fold, plain
from everycase.redaction.spans import Label
from everycase.redaction.words import phrases, words

LONGEST_VALUE = 2000
"""Characters of an identity value that forms are made of."""
_MOST_PIECES = 64
_MOST_WORDS = 8

_PIECES = re.compile(r"[;\n]")
_ADDRESS = re.compile(r"[^\s<>\"',;:()\[\]]+@[^\s<>\"',;:()\[\]]+")
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+(?:['’´`][^\W_]+)*")
_BRACKETS = re.compile(r"\([^()]{0,60}\)|\[[^\[\]]{0,60}\]|\{[^{}]{0,60}\}")
_TITLES = frozenset(
    "mr mrs ms miss mx dr prof professor herr frau hr fr dipl ing msc bsc phd mba jr sr ii iii dipl-ing sir madam senor senora señor señora m mme mlle".split()
)
_UMLAUTS = str.maketrans(
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
_PLURALS = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"))
_GLUES = (" ", "-", "", "_", ".")
_CASELESS = re.compile(
    r"[\u0590-\u08ff\u0900-\u0fff\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_HONORIFICS = (
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
_STREETS = (("street", "st"), ("avenue", "ave"), ("road", "rd"), ("boulevard", "blvd"), ("lane", "ln"), ("drive", "dr"), ("court", "ct"),
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


@lru_cache(maxsize=20_000)
def forms_of(kind: IdentityKind, value: str) -> tuple[tuple[str, Form], ...]:
    """Every form of one identity value; people come again from case to case."""
    text = plain(sanitise(value[:LONGEST_VALUE])).text
    pieces = [p.strip(" \t,") for p in _PIECES.split(text)][:_MOST_PIECES]
    if len(pieces) > 1 and kind is IdentityKind.ADDRESS:
        pieces.append(" ".join(pieces))
    return tuple(dict.fromkeys(f for piece in pieces if piece for f in _forms(kind, piece) if f[0]))


def _forms(kind: IdentityKind, value: str) -> Iterator[tuple[str, Form]]:
    """The forms of one value, which may be a list of addresses."""
    last = 0
    for mail in _ADDRESS.finditer(value):
        yield from mail_forms(mail[0])
        yield from _people(value[last : mail.start()])
        last = mail.end()
    rest = value[last:]
    if last or kind in (IdentityKind.PERSON, IdentityKind.EMAIL):
        yield from _people(rest)
    elif kind is IdentityKind.COMPANY:
        yield from company_forms(rest)
    elif kind is IdentityKind.ADDRESS:
        yield from address_forms(rest)
    else:
        digits = "".join(filter(str.isdigit, rest))
        yield from _whole(rest, Label.PHONE, digits[-9:] or None)


def folded(value: str) -> str:
    return _SPACE.sub(" ", fold(value)).strip()


def _whole(value: str, label: Label, key: str | None = None) -> Iterator[tuple[str, Form]]:
    """The value as it stands. One or two letters are too few to go wherever they stand."""
    low = folded(value)
    if low in phrases("nobody") or not any(c.isalnum() for c in low):
        return
    few = 4 if low.isdigit() else 3
    if _UNSPACED.search(low) and len(low) >= 2:
        yield low, Form(label, key or low, Rule.INNER, value)
    elif len(low) >= few:
        yield low, Form(label, key or low, Rule.WHOLE, value)
        if label is not Label.PHONE:
            yield from ((folded(g), Form(label, key or low, Rule.WHOLE)) for g in garbled_forms(value))
    elif label is Label.PERSON and len(low) == 2:
        yield low, Form(label, low, Rule.CONTEXT)


# ── people ──────────────────────────────────────────────────────────────────────────────────────


def _people(value: str) -> Iterator[tuple[str, Form]]:
    """One person, or several between commas; `Lovelace, Ada` is one."""
    name = _SPACE.sub(" ", value).strip(" \"'<>()[],")
    if not name:
        return
    parts = [p for p in (p.strip(" \"'<>()[]") for p in name.split(",")) if p][:_MOST_PIECES]
    if len(parts) > 2 or (len(parts) == 2 and all(" " in p for p in parts)):
        yield from _whole(name, Label.PERSON)
        for part in parts:
            yield from person_forms(part)
    elif len(parts) == 2:
        yield from _whole(name, Label.PERSON, folded(f"{parts[1]} {parts[0]}"))
        yield from person_forms(f"{parts[1]} {parts[0]}")
    else:
        yield from person_forms(name)


def person_forms(name: str) -> Iterator[tuple[str, Form]]:
    """The whole name, its words, and the logins that are made of them."""
    bare = " ".join(_BRACKETS.sub(" ", name).split(" - ")[0].split()) or name
    found = [w for w in _WORD.findall(bare) if fold(w) not in _TITLES] or _WORD.findall(bare)
    key = fold(" ".join(found[:_MOST_WORDS]))
    if folded(name) in phrases("nobody"):
        return
    yield from _whole(name, Label.PERSON, key)
    if not found or len(found) > _MOST_WORDS:
        return
    if len(found) > 1:
        yield key, Form(Label.PERSON, key, Rule.WHOLE, " ".join(found))
    for spelling in _spellings(found):
        yield from _spelled(spelling, key, is_alone=len(found) == 1)
    for word in found:
        yield from (
            (folded(g), Form(Label.PERSON, key, Rule.ANY))
            for g in garbled_forms(word)
            if len(g) > 3 and g.isprintable()
        )


def _spellings(found: list[str]) -> Iterable[tuple[str, ...]]:
    """The words as they are, and without and with the ways round umlauts; folded."""
    straight = tuple(fold(w) for w in found)
    round_about = tuple(fold(w.translate(_UMLAUTS)) for w in found)
    back = straight
    for pair in _PLURALS:
        back = tuple(w.replace(*pair) for w in back)
    return dict.fromkeys((straight, round_about, back))


def _spelled(low: tuple[str, ...], key: str, *, is_alone: bool) -> Iterator[tuple[str, Form]]:
    for word in low:
        yield from token(word, Label.PERSON, key)
        bare = word.replace("'", "").replace("’", "")
        if bare != word:
            yield from token(bare, Label.PERSON, key)
        if _UNSPACED.match(word) and is_alone and len(word) in (3, 4):
            yield from _unspaced_parts(word, key)
    if not is_alone and not _CASELESS.search(low[0]):
        yield from _logins(low[0], low[-1], key)
        if len(low) > 2:
            yield from _logins(low[0], "".join(low[1:]), key)
            yield from _logins(low[0], "".join(low[-2:]), key)


def _unspaced_parts(name: str, key: str) -> Iterator[tuple[str, Form]]:
    """`王小明`: 小明, 王先生; `佐藤花子`: 佐藤さん, 花子."""
    family = 1 if len(name) == 3 else 2
    person = Form(Label.PERSON, key, Rule.INNER)
    yield name[family:], person
    yield from ((name[:family] + honorific, person) for honorific in _HONORIFICS)


def _logins(first: str, last: str, key: str) -> Iterator[tuple[str, Form]]:
    """adalovelace, lovelaceada, alovelace, lovelacea, adal."""
    person = Form(Label.PERSON, key, Rule.ANY)
    yield first + last, person
    yield last + first, person
    for login in (first[0] + last, last + first[0], first + last[0]):
        if len(login) >= 4 and login not in words("name_words") and login not in words("tech_words"):
            yield login, person


def token(low: str, label: Label, key: str) -> Iterator[tuple[str, Form]]:
    """One word of a name on its own: a name where it is written like one."""
    if _UNSPACED.search(low):
        if len(low) >= 2:
            yield low, Form(label, key, Rule.INNER)
        elif label is Label.PERSON:
            yield from ((low + h, Form(label, key, Rule.INNER)) for h in _HONORIFICS)
    elif low in words("tech_words"):
        yield low, Form(label, key, Rule.CONTEXT)
    elif low in words("name_words") or low in words("not_names"):
        yield low, Form(label, key, Rule.WORD)
    elif len(low) >= 4 or _CASELESS.search(low):
        yield low, Form(label, key, Rule.ANY)
    elif len(low) == 3:
        yield low, Form(label, key, Rule.CAPITAL)
    elif len(low) == 2 and label is Label.PERSON:
        yield low, Form(label, key, Rule.CONTEXT)


# ── mails, companies, places ────────────────────────────────────────────────────────────────────


def mail_forms(mail: str) -> Iterator[tuple[str, Form]]:
    """The address, its name with and without a tag, the words of the name, its domain."""
    mail = mail.strip(".'\"")
    low = folded(mail)
    name, _, domain = low.partition("@")
    yield low, Form(Label.EMAIL, low, Rule.WHOLE, mail)
    plain_name = name.partition("+")[0]
    if plain_name != name:
        yield f"{plain_name}@{domain}", Form(Label.EMAIL, low, Rule.ANY)
    parts = [p for p in re.split(r"[._-]", plain_name) if p]
    stem = plain_name.rstrip("0123456789")
    if len(plain_name) >= 3 and plain_name not in words("roles") and not plain_name.isdigit():
        yield from _mail_name(plain_name, stem, parts)
    yield from _domain_forms(domain)


def _mail_name(name: str, stem: str, parts: list[str]) -> Iterator[tuple[str, Form]]:
    key = " ".join(parts)
    is_word = stem in words("name_words") or stem in words("tech_words") or stem in words("not_names")
    yield name, Form(Label.PERSON, key, Rule.WORD if is_word and name == stem else Rule.ANY)
    letters = [p.rstrip("0123456789") for p in parts]
    if 2 <= len(letters) <= 3 and all(p.isalpha() and p not in words("roles") for p in letters):
        for low in letters:
            yield from token(low, Label.PERSON, key)
        yield from _logins(letters[0], letters[-1], key)
    elif stem != name and len(stem) >= 5 and not is_word and len(parts) == 1:
        yield stem, Form(Label.PERSON, key, Rule.ANY)


def _domain_forms(domain: str) -> Iterator[tuple[str, Form]]:
    if "." not in domain or domain in words("public_domains"):
        return
    yield domain, Form(Label.COMPANY, domain, Rule.ANY)
    labels = domain.split(".")
    name = max(labels[:-1], key=len)
    is_reserved = (
        name in ("example", "test", "mail", "localhost", "email")
        or name in words("tech_words")
        or name in words("roles")
    )
    if len(name) >= 5 and not is_reserved and name not in words("name_words"):
        for glued in {name, name.replace("-", ""), name.replace("-", " ")}:
            yield glued, Form(Label.COMPANY, domain, Rule.ANY)


def bare_company(value: str) -> list[str]:
    """The words of a company's name without its legal forms, as the value has them."""
    found = [w for w in re.split(r"[\s,]+", _BRACKETS.sub(" ", value)) if w]
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
    yield from _whole(value, Label.COMPANY)
    bare = [_letters(w) for w in bare_company(value)]
    bare = [w for part in bare for w in [part] if w][:_MOST_WORDS]
    if not bare:
        return
    if _UNSPACED.search(bare[0]):
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
    umlauts = [_letters(w.translate(_UMLAUTS)) for w in bare_company(value)]
    for spelling in dict.fromkeys((tuple(bare), tuple(w for w in umlauts if w))):
        if len(spelling) > 1:
            yield from ((glue.join(spelling), company) for glue in _GLUES)
            yield from (
                (w.join((" ".join(spelling[:-1]), spelling[-1])), company) for w in (" & ", " and ", " und ")
            )
        elif spelling != tuple(bare):
            yield from token(spelling[0], Label.COMPANY, key)


def address_forms(value: str) -> Iterator[tuple[str, Form]]:
    """The whole, its parts between commas, the street with and without its number, the town without its code."""
    low = folded(value)
    yield from _whole(value, Label.ADDRESS)
    parts = [p.strip() for p in re.split(r"[,\n]| - ", value)][:_MOST_PIECES]
    for part in parts:
        yield from _address_part(part, low, is_whole=len(parts) == 1)


def _address_part(part: str, key: str, *, is_whole: bool) -> Iterator[tuple[str, Form]]:
    low = folded(part)
    place = Form(Label.ADDRESS, key, Rule.ANY)
    if not is_whole and len(part) >= 5:
        yield low, Form(Label.ADDRESS, key, Rule.CAPITAL if part.isalpha() else Rule.ANY)
    for spelled in _street_spellings(low, fold(part.translate(_UMLAUTS))):
        yield spelled, place
    digits = any(map(str.isdigit, low))
    named = " ".join(w for w in low.split() if len(w) > 2 and not any(map(str.isdigit, w))).strip(" .,")
    if digits and len(named) >= 5 and named not in words("tech_words") and named not in words("name_words"):
        yield named, place if " " in named else Form(Label.ADDRESS, key, Rule.CAPITAL)


def _street_spellings(*lows: str) -> Iterator[str]:
    for low in dict.fromkeys(lows):
        found = _SPACE.sub(" ", low)
        for long, short in _STREETS:
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
