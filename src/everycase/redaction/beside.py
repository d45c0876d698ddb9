"""Names beside telephone numbers, and before verbs of people: `(Mike, 303-…)`, `Ada Quill confirmed`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from everycase.redaction.matching import Alternatives, Scanned
from everycase.redaction.mentioned import person
from everycase.redaction.namewords import NAME, is_name, is_product, trailing_name
from everycase.redaction.spans import Span
from everycase.redaction.words import words

_LINKS = r"(?:(?:van|von|de|der|den|la|del|della|di|da|das|dos|ter|ten|el|al)[ ]){0,3}"
_NAMES = rf"(?<![\w'’-]){NAME}(?:[ ]{_LINKS}(?:{NAME}|[A-Z]\.)){{0,2}}"
_PHONE_WORD = r"(?:(?:cell|mobile|mob|phone|tel|ph|office|desk|direct|work|handy|mobil|tél|port|móvil|celular|telefon|kom|m|t|c|d)[.:]{0,2}[ ]{1,2})?"
_BEFORE = re.compile(
    rf"(?P<name>{_NAMES})(?P<sign>[ ]?[,:;|/(–-]|[ ](?:at|on|under|unter|au|al|op|pod|sul|no|em))[ ]{{0,2}}\(?(?i:{_PHONE_WORD})\Z"
)
_BEHIND = re.compile(rf"[ ]?\((?P<name>{_NAMES})\)")
_NO_NAMES = words("phone_words") | words("number_words")
_REACH = 70
_FULL_BEFORE = re.compile(rf"(?P<name>{_NAMES})[ ]?(?:,|\(|-|–|:|\||[ ]at|[ ]on)[ ]{{0,2}}\(?\Z")


def beside_spans(text: str, phones: Iterable[Span]) -> Iterator[Span]:
    """The person whose number it is: a name before each number, or in brackets behind it."""
    for phone in phones:
        window = _up_to(text, phone.start)
        if found := _BEFORE.search(window):
            start = trailing_name(window, *found.span("name"))
            if _is_persons(window[start : found.end("name")], found["sign"].strip()):
                shift = max(0, phone.start - _REACH)
                yield from person(text, start + shift, found.end("name") + shift, "beside a telephone number")
        if (found := _BEHIND.match(text, phone.end, phone.end + _REACH)) and _is_persons(found["name"], "("):
            yield from person(text, *found.span("name"), "beside a telephone number")


def _up_to(text: str, start: int) -> str:
    """What stands before a number, with the bracket that it may begin with."""
    return text[max(0, start - _REACH) : start + text.startswith("(", start)]


def _is_persons(name: str, sign: str) -> bool:
    """Whether a name is a person's: a single word only before a comma, a dash, a bracket or `at`."""
    parts = name.lower().split()
    if not is_name(name) or not _NO_NAMES.isdisjoint(parts) or name.isupper():
        return False
    return len(parts) > 1 or (sign in (",", "(", "-", "–", "at") and not is_product(name))


def has_name_before(text: str, start: int) -> bool:
    """Whether a full name and a sign stand before a place, as they do before a telephone number."""
    near = text[max(0, start - 24) : start].rstrip(" ")
    bare = near.rstrip(" (-–:|,")
    is_signed = len(bare) < len(near) or text[start] == "(" or near.endswith((" at", " on"))
    if not is_signed or not bare.removesuffix(" at").removesuffix(" on").rpartition(" ")[2][:1].isupper():
        return False
    window = _up_to(text, start)
    found = _FULL_BEFORE.search(window)
    name = window[trailing_name(window, *found.span("name")) : found.end("name")] if found else ""
    return " " in name and _is_persons(name, "(")


_VERBS = (
    r"(?:called|phoned|confirmed|said|says|asked|asks|replied|mentioned|emailed|e-mailed|stated|advised|wants|wanted|approved|"
    r"agreed|told|texted|rang|wrote|explained|thinks|suggested|promised|calls|answered|"
    r"is requesting|is asking|will (?:call|visit|join|replace|bring|come|check|send|arrive)|is out|is onsite|is on site)"
)
_DONE = Alternatives({"done": rf"[ ]{_VERBS}\b"})
_SUBJECT = re.compile(
    rf"(?<![\w'’-])(?P<name>{NAME}[ ]{_LINKS}{NAME})(?:[ ]\([^()\n]{{2,40}}\))?(?:,?[ ](?:from|of|at|with)[ ][^.,:;\n]{{2,40}})?\Z"
)
_CALLED = re.compile(
    r"[ ](?:about(?![ ][0-9])|regarding|asking|back|us|me|again|today|to say|saying|this morning|and)\b"
)
_ONE = re.compile(rf"(?:\A|(?<=[.!?\n])|(?<=[.!?;][ ]))(?P<name>{NAME})\Z")


def subject_spans(scanned: Scanned) -> Iterator[Span]:
    """Full names before a verb of people; a single name where a sentence begins: `Ada called`."""
    text = scanned.text
    for m in _DONE.find(scanned):
        window = text[max(0, m.start - 100) : m.start]
        found = _SUBJECT.search(window)
        if found is None and m.text in (" called", " phoned", " emailed", " texted", " rang"):
            is_call = m.text != " called" or _CALLED.match(text, m.end) is not None
            found = _ONE.search(window) if is_call else None
        if found and is_name(found["name"]) and not any(is_product(w) for w in found["name"].split()):
            start = m.start - len(window) + found.start("name")
            yield from person(text, start, start + len(found["name"]), "before a verb of people")


_HONOURED = Alternatives({"honoured": r"\p{Lu}[\pL'’]+-(?:san|sama|sensei|kun|chan|ji)\b"})


def honoured_spans(scanned: Scanned) -> Iterator[Span]:
    """Names with an honorific behind them: `Tanaka-san`, `Sharma-ji`."""
    for m in _HONOURED.find(scanned):
        name = m.text.rpartition("-")[0]
        if is_name(name):
            yield from person(scanned.text, m.start, m.start + len(name), "honoured")
