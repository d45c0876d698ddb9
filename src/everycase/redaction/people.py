"""The forms of people's names and mail addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from everycase.redaction.mojibake import garbled_forms
from everycase.redaction.shadow import fold
from everycase.redaction.spans import Label
from everycase.redaction.terms import (
    BRACKETS,
    CASELESS,
    HONORIFICS,
    MOST_PIECES,
    MOST_WORDS,
    PLURALS,
    SPACE,
    TITLES,
    UMLAUTS,
    UNSPACED,
    WORD,
    Form,
    Rule,
    folded,
    token,
    whole,
)
from everycase.redaction.words import phrases, words


def people_forms(value: str) -> Iterator[tuple[str, Form]]:
    """One person, or several between commas; `Lovelace, Ada` is one."""
    name = SPACE.sub(" ", value).strip(" \"'<>()[],")
    if not name:
        return
    parts = [p for p in (p.strip(" \"'<>()[]") for p in name.split(",")) if p][:MOST_PIECES]
    if len(parts) > 2 or (len(parts) == 2 and all(" " in p for p in parts)):
        yield from whole(name, Label.PERSON)
        for part in parts:
            yield from person_forms(part)
    elif len(parts) == 2:
        yield from whole(name, Label.PERSON, folded(f"{parts[1]} {parts[0]}"))
        yield from person_forms(f"{parts[1]} {parts[0]}")
    else:
        yield from person_forms(name)


def person_forms(name: str) -> Iterator[tuple[str, Form]]:
    """The whole name, its words, and the logins that are made of them."""
    bare = " ".join(BRACKETS.sub(" ", name).split(" - ")[0].split()) or name
    found = [w for w in WORD.findall(bare) if fold(w) not in TITLES] or WORD.findall(bare)
    key = fold(" ".join(found[:MOST_WORDS]))
    if folded(name) in phrases("nobody"):
        return
    yield from whole(name, Label.PERSON, key)
    if not found or len(found) > MOST_WORDS:
        return
    if len(found) > 1:
        yield key, Form(Label.PERSON, key, Rule.WHOLE, " ".join(found))
    for spelling in _spellings(found):
        yield from _spelled(spelling, key, is_alone=len(found) == 1)
    for first, last in _hyphenated(bare):
        yield from _logins(first, last, key)
    for word in found:
        yield from (
            (folded(g), Form(Label.PERSON, key, Rule.ANY))
            for g in garbled_forms(word)
            if len(g) > 3 and g.isprintable()
        )


def _hyphenated(name: str) -> Iterable[tuple[str, ...]]:
    """The first and the last word of a name as logins keep them, where one has a hyphen: `marie-claire`, `mensah`."""
    found = [w for w in (w.strip(".,-'’") for w in name.split()) if w and fold(w) not in TITLES]
    if len(found) < 2 or "-" not in found[0] + found[-1] or CASELESS.search(name):
        return ()
    return _spellings([found[0], found[-1]])


def _spellings(found: list[str]) -> Iterable[tuple[str, ...]]:
    """The words as they are, and without and with the ways round umlauts; folded."""
    straight = tuple(fold(w) for w in found)
    round_about = tuple(fold(w.translate(UMLAUTS)) for w in found)
    back = straight
    for pair in PLURALS:
        back = tuple(w.replace(*pair) for w in back)
    return dict.fromkeys((straight, round_about, back))


def _spelled(low: tuple[str, ...], key: str, *, is_alone: bool) -> Iterator[tuple[str, Form]]:
    for word in low:
        yield from token(word, Label.PERSON, key)
        bare = word.replace("'", "").replace("’", "")
        if bare != word:
            yield from token(bare, Label.PERSON, key)
        if UNSPACED.match(word) and is_alone and len(word) in (3, 4):
            yield from _unspaced_parts(word, key)
    if not is_alone and not CASELESS.search(low[0]):
        yield from _logins(low[0], low[-1], key)
        if len(low) > 2:
            yield from _logins(low[0], "".join(low[1:]), key)
            yield from _logins(low[0], "".join(low[-2:]), key)


def _unspaced_parts(name: str, key: str) -> Iterator[tuple[str, Form]]:
    """`王小明`: 小明, 王先生; `佐藤花子`: 佐藤さん, 花子."""
    family = 1 if len(name) == 3 else 2
    person = Form(Label.PERSON, key, Rule.INNER)
    yield name[family:], person
    yield from ((name[:family] + honorific, person) for honorific in HONORIFICS)


def _logins(first: str, last: str, key: str) -> Iterator[tuple[str, Form]]:
    """adalovelace, lovelaceada, alovelace, lovelacea, adal."""
    person = Form(Label.PERSON, key, Rule.ANY)
    yield first + last, person
    yield last + first, person
    for login in (first[0] + last, last + first[0], first + last[0]):
        if len(login) >= 4 and login not in words("name_words") and login not in words("tech_words"):
            yield login, person


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
