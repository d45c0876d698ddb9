"""Names, addresses and blocks that a text's own form gives away: salutations, sign-offs, labels, streets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from everycase.redaction.matching import Alternatives
from everycase.redaction.spans import Label, Span

_ANCHORS = Alternatives(
    {
        "greeting": r"(?i:\b(?:hi|hello|hey|dear|hallo|bonjour|hola|good (?:morning|afternoon|evening|day)|greetings)\b)",
        "closing": r"(?i:\b(?:thanks|thank you|thx|cheers|regards|wishes|sincerely|rgds|br|freundlichen gr\S{1,6}en|cordialement)\b)",
    }
)
"""Words that a name may follow; what follows is looked at only there."""

_NAME = r"[^\W\d_a-z][^\W\d_][\w'’-]{0,24}"
_FULL = rf"{_NAME}(?: (?:{_NAME}|[A-Z]\.)){{0,3}}"
_TITLE = r"(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau)\.? )?"
_ON_THE_LINE = re.compile(rf"[ ,]{{1,3}}{_TITLE}({_FULL})")
_ENDS_SENTENCE = re.compile(r"[ \t]{0,2}(?:[.!,;:)]|\n|\Z)")
_ON_THE_NEXT = re.compile(
    rf"(?: and regards)?[ \t]{{0,3}}[,.!-]{{0,3}}(?:[ \t]{{0,4}}\n){{1,3}}[ \t]{{0,8}}({_FULL})[ \t]{{0,4}}(?:\n|\Z)"
)
_NOT_NAMES = frozenset(
    "all team everyone everybody folks guys there sir madam customer customers support colleague colleagues again for "
    "the a an and to you your this that it i we he she they in on of at from with as so but if is was are will can "
    "please thanks thank hello hi dear regards best kind well much very lot lots advance ever world user users admin "
    "hpe hp service desk engineer engineers engineering committer committers community reviewers reviewer hudson "
    "jenkins just also now yes no not only what when where how why which any some one two".split()
)
_WORD = r"\p{Lu}[\pL'’.-]+"
_STREET_WORDS = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Way|Court|Ct|Place|Pl|Square|Sq|Terrace|"
    r"Parkway|Pkwy|Highway|Hwy|Crescent|Close|Row|Quay)"
)
_PLACES = Alternatives(
    {
        "street": rf"\b\d{{1,5}}[A-Za-z]?,?[ ](?:[NSEW]\.?[ ])?{_WORD}(?:[ ]{_WORD}){{0,3}}[ ]{_STREET_WORDS}\b\.?(?:,?[ ](?:(?i:suite|floor|unit|apt)\.?[ ]?\w{{1,6}}))?",
        "strasse": r"\b\p{Lu}[\pL-]{1,30}(?:straße|strasse|str\.|weg|platz|allee|gasse|damm|ring)[ ]\d{1,4}[a-z]?\b",
        "rue": r"\b\d{1,4},?[ ](?:bis[ ])?(?i:rue|avenue|boulevard|place|chemin|calle|via|piazza)[ ][\pL' -]{3,40}",
        "box": r"\b(?i:P\.?[ ]?O\.?[ ]Box)[ ]\d{1,6}\b",
        "town": r"\b\p{Lu}[\pL-]{2,20}(?:[ ]\p{Lu}[\pL-]{2,20}){0,2},[ ][A-Z]{2}[ ]\d{5}(?:-\d{4})?\b",
        "code": r"\b(?:\d{5}[ ]\p{Lu}[\pL-]{2,30}|[A-Z]{1,2}\d[A-Z0-9]?[ ]\d[A-Z]{2})\b",
    }
)
_LABELLED = Alternatives(
    {
        "person": r"(?im:^)[ \t>*]{0,8}(?i:(?:on-?site |field |service |assigned )?(?:engineer|technician)(?: name)?|(?:site |customer |main |local )?contact(?: name| person)?|customer name|attn|attention)[ \t]{0,3}:[ \t]{0,4}[^\n]{2,120}",
        "address": r"(?im:^)[ \t>*]{0,8}(?i:(?:site |shipping |delivery |postal |street |customer )?address|site(?: name)?|ship to|deliver to)[ \t]{0,3}:[ \t]{0,4}[^\n]{2,160}",
        "phone": r"(?im:^)[ \t>*]{0,8}(?i:phone|tel|telephone|mobile|cell|fax|direct|office)[ \t]{0,3}[.:][ \t]{0,4}[+(\d][^\n]{5,40}",
    }
)
_NEAR = 80
"""Characters between a street and the postal code that belongs to it."""
_PERSON = re.compile(rf"{_TITLE}({_FULL})(?![\w'’-])")
_LABELS = {"person": Label.PERSON, "address": Label.ADDRESS, "phone": Label.PHONE}


def salutations(text: str, raw: bytes) -> Iterator[Span]:
    """Names after a greeting or under a sign-off; "Hi Team" and "Thanks All" name nobody."""
    for anchor in _ANCHORS.find(text, raw):
        found = _ON_THE_LINE.match(text, anchor.end)
        if (
            found
            and (
                _begins_sentence(text, anchor.start)
                if anchor.name == "greeting"
                else _ENDS_SENTENCE.match(text, found.end())
            )
        ) or (anchor.name == "closing" and (found := _ON_THE_NEXT.match(text, anchor.end))):
            yield from _name(found)


def _begins_sentence(text: str, start: int) -> bool:
    line = text[max(0, start - 40) : start].rpartition("\n")[2].lstrip(" \t>*-").rstrip(" \t")
    return not line or line[-1] in ".!?:"


def _name(found: re.Match[str]) -> Iterator[Span]:
    """The words of a match that are a name: up to the first that is none."""
    words = found[1].split(" ")
    taken = 0
    while taken < len(words) and words[taken].lower().strip(".") not in _NOT_NAMES:
        taken += 1
    name = " ".join(words[:taken])
    if len(name) > 1:
        yield Span(found.start(1), found.start(1) + len(name), Label.PERSON, name.lower())


def places(text: str, raw: bytes) -> Iterator[Span]:
    """Street lines, post boxes and towns with a postal code.

    `80331 München` and `P4 1TB` have one shape: it counts only in the two lines after a street.
    """
    street = -_NEAR
    for m in _PLACES.find(text, raw):
        if m.name == "code" and (m.start - street >= _NEAR or text.count("\n", street, m.start) > 2):
            continue
        if m.name != "code":
            street = m.end
        yield Span(m.start, m.end, Label.ADDRESS, m.text.lower())


def labelled(text: str, raw: bytes) -> Iterator[Span]:
    """Blocks that say what they are: `Engineer: …`, `Site address: …`, `Phone: …`.

    Of a person's line the name alone: `Engineer: replaced the fan` says what was done.
    """
    for m in _LABELLED.find(text, raw):
        value = m.text[m.text.index(":" if ":" in m.text else ".") + 1 :]
        stripped = value.strip()
        start = m.end - len(value.lstrip())
        if m.name == "person":
            found = _PERSON.match(text, start)
            if found:
                yield from _name(found)
        elif stripped and not stripped.startswith("<"):
            yield Span(start, start + len(stripped), _LABELS[m.name], stripped.lower())
