"""Names within running text: behind a title, a post or a verb of talking, and the speakers of a chat."""

from __future__ import annotations

import re
from collections.abc import Iterator

from everycase.redaction.matching import TermMatch
from everycase.redaction.namewords import FULL, NAME, TITLE, is_name, is_product, leading_name
from everycase.redaction.spans import Label, Span

REACH = 160
"""Characters behind a hit that are looked at."""

_TITLES = (
    r"(?:Mr\.?|Mrs\.?|Ms\.?|Miss|Mister|Dr\.?|Prof\.?|Herrn?|Frau|Fr\.|Hr\.|Hrn\.|Fru|Señora?|Señorita|Sra?\.|Srta\.|Doña|Monsieur|Madame|Mme|Mlle|M\.|"
    r"Dhr\.|Mevr\.|[Mm]evrouw|[Mm]eneer|(?:[Dd]e[ ])?[Hh]eer|i\.[ ]?[AV]\.|Panią|Panem|Panie|Panu|Pana|Paní|Pani?|paní|panią|pani|pana|panu|panem|Signora?|Sig\.ra|Sig\.na|Sig\.|Dott\.ssa|Dott\.|Dottor|Ing\.|Dipl\.-Ing\.|Kollege|Kollegin)"
)
_POSTS = (
    r"(?:\b(?:FE|FSE|CE|TAM)\b|[Ee]ngineer|[Tt]echnician|Techniker(?:in)?|Servicetechniker|[Tt]echnicien(?:ne)?|[Tt]écnic[oa]|[Tt]ecnico|[Ii]ngeniero|Monteur|Ansprechpartner(?:in)?|Kollegen?|Kollegin|"
    r"[Cc]olleague|[Cc]ollègue|[Cc]olega|[Cc]ollega|[Cc]ontact|[Cc]ustomer|[Cc]aller|[Cc]liente|Kunde|Kundin|техник|инженер)"
)
_TALKED = (
    r"(?i:\b(?:spoke|spoken|talked|chatted|met|speaking) (?:to|with)|\b(?:gesprochen|telefoniert|gechattet|rücksprache|telefonat|absprache) mit|"
    r"\b(?:falei|conversei|conversado|hablé|hablado|parlato|rozmawia[\pL]{1,6}|parlé|échangé|discuté|gesproken|talade|pratade) (?:com|con|z|ze|met|med|avec)|\bho sentito|\b(?:re-?)?assigned to|\be-?mail(?:ed)? to)"
)
"""Behind these even one capital word is somebody."""
_HELPERS = (
    r"(?:técnic[oa]|tecnico|technicien(?:ne)?|ingénieure?|ingeniero|engenheiro|ingegnere|inżynier|technik|monteur|technicus|[Cc]ollega|[Cc]ollègue|[Cc]olega|"
    r"colleague|engineer|technician)"
)
"""Written small they stand before the name of somebody, and in most languages no other word has a capital there."""
_HANDED = (
    r"(?i:\b(?:talk|speak|working|worked|work|follow up|followed up|check|checked) (?:to|with)|\b(?:voicemail|voice mail|vm|message|e-?mail|call) (?:for|to|from)|\b(?:ask|asked|asking|wait|waiting) (?:for|on)|\b(?:reach|reached|reaching) out to|\b(?:called|contacted|requested|reported|confirmed|raised|opened|escalated|assigned|approved|handled|provided|sent|"
    r"signed|forwarded|forward|escalate|assign|replaced|done|performed|installed|verified|checked|submitted|logged) (?:this |it |the case )?(?:by|to)|\bon behalf of|\bc/o|\bweiterleiten an|"
    r"\b(?:llame|llamar|contactar|contacte) (?:a|con)|\b(?:chiamare|contattare|contacter|appeler|kontaktieren sie|phoned|emailed|e-mailed|ringa|cc|cc'd))"
)
_NAMED = r"\p{Lu}[\pL'’-]+"
_LINKED = r"(?:(?:de|van|von|der|den|la|las|los|del|della|di|da|das|dos|le|ter|ten|el|al)[ ]){0,3}"
_ARTICLE = r"(?:[ ](?:o|a|el|la|il|le|lo|l'))?"

EVERYWHERE = {
    "title": rf"\b{_TITLES}(?:[ ]{_TITLES}){{0,2}}[ ]{_LINKED}{_NAMED}(?:[ ]{_NAMED})?",
    "post": rf"\b{_POSTS}(?:[ ](?:is|was|ist|est|es|è|é))?[ ]\(?{_NAMED}[ ]{_LINKED}{_NAMED}",
    "helper": rf"\b{_HELPERS}[ ]{_NAMED}",
    "talked": rf"{_TALKED}{_ARTICLE}[ ]{_NAMED}",
    "spoke": rf"{_HANDED}{_ARTICLE}[ ]{_NAMED}[ ]{_NAMED}",
}
IN_TALK = {
    "chat": (
        rf"(?m:^)[ \t>]{{0,4}}[\[(]?(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}[ ,]{{1,2}})?\d{{1,2}}:\d{{2}}(?:\]|\)|(?::\d{{2}})?[ ]?(?:[AaPp]\.?[Mm]\.?)[\])]?|[ ][-–])"
        rf"[ \t]{{1,4}}(?:[-–][ ])?(?:{_NAMED}(?:[ ]\p{{Lu}}[\pL'’.-]*){{0,3}}|[a-z]{{2,20}}\.[a-z]{{2,20}})[ ]?(?:\([^)\n]{{1,30}}\))?:"
        rf"|(?m:^)[ \t>]{{0,4}}{_NAMED}(?:[ ]\p{{Lu}}[\pL'’.-]*){{1,3}}[ ]\(\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?:[ ]?[AaPp]\.?[Mm]\.?)?\):"
    ),
}

_NEXT_ADDRESSED = re.compile(
    rf"(?:[ ]\([^()\n]{{1,40}}\))?[ ]?(?P<sign>,|&|/|;|(?:,[ ])?(?:and|und|et|y|e|og|och|en|i|oraz)\b)[ ]{{0,2}}(?:(?:com|con|avec|mit|z|met|with)[ ])?(?:(?:o|a|el|la|il|le)[ ])?{TITLE}(?P<name>{FULL})"
)
_ENDS = re.compile(r"[ \t]{0,2}(?:[.!,;:)(|/–-]|\n|\Z|[☺😊🙂])")
_FULL = re.compile(FULL)
_TAILS = {
    1: re.compile(rf"(?<![\w'’-]){NAME}['’-]{{0,2}}\Z"),
    2: re.compile(rf"(?<![\w'’-]){NAME}[ ]{_LINKED}{NAME}['’-]{{0,2}}\Z"),
}
"""The one or two capital words that a hit ends with."""
_TITLES_BEFORE = re.compile(rf"(?:{_TITLES}[ ]){{1,3}}")
_SPEAKER = re.compile(r"(?:[^\W\d_][\w'’.-]*)(?:[ ][^\W\d_][\w'’.-]*){0,3}(?=[ ]?(?:\([^)\n]{1,30}\))?:\Z)")


def ends_name(text: str, at: int) -> bool:
    """Whether a sign behind a name or the end of its line says that it ends there."""
    return _ENDS.match(text, at) is not None


def person(text: str, start: int, end: int, rule: str) -> Iterator[Span]:
    """A span for the name without the signs behind it, if more than one letter is left."""
    found = text[start:end].rstrip(" .,-'’")
    if len(found) > 1:
        yield Span(start, start + len(found), Label.PERSON, " ".join(found.lower().split()), rule)


def others(text: str, end: int, rule: str, *, within_line: bool = False) -> Iterator[Span]:
    """Further names behind a comma, `and` or `&`, and what stands in brackets behind the one before.

    `within_line`: the sentence may go on behind them, as it may behind `and` with a full name.
    """
    for _ in range(6):
        found = _NEXT_ADDRESSED.match(text, end, end + REACH)
        if found is None:
            return
        start = found.start("name")
        end = leading_name(text, start, found.end("name"))
        if end == start or not text[start].isupper() or text[end : end + 1] == ":":
            return
        is_joined = found["sign"].strip(" ,;/").isalpha() and " " in text[start:end]
        goes_on = (within_line or is_joined) and text[start:end].upper() != text[start:end]
        if not (goes_on or ends_name(text, end) or _NEXT_ADDRESSED.match(text, end, end + REACH)):
            return
        yield from person(text, start, end, rule)


def title_spans(text: str, m: TermMatch) -> Iterator[Span]:
    """`Herr Dr. Brandl`, `Mrs. de la Cruz`."""
    titles = _TITLES_BEFORE.match(text, m.start, m.end)
    start = titles.end() if titles else m.start + m.text.index(" ") + 1
    end = leading_name(text, start, m.end, is_titled=True)
    yield from person(text, start, end, "title")
    if end > start:
        yield from others(text, end, "title")


def named_spans(text: str, m: TermMatch) -> Iterator[Span]:
    """Two capital words behind a post or a verb are a full name, one behind `spoke to`; more may follow."""
    count = 1 if m.name in ("talked", "helper") else 2
    tail = _TAILS[count].search(m.text)
    if tail is None:
        return
    start = m.start + tail.start()
    titles = _TITLES_BEFORE.match(text, start, start + REACH)
    if titles:
        start, count = titles.end(), 1
    whole = _FULL.match(text, start, start + REACH)
    end = leading_name(text, start, whole.end() if whole else m.end, is_titled=titles is not None)
    found = text[start:end]
    if (
        end == start
        or len(found.split()) < count
        or (is_product(found) and not (count > 1 and found.isupper()))
    ):
        return
    yield from person(text, start, end, m.name)
    yield from others(text, end, m.name, within_line=True)


def chat_spans(text: str, m: TermMatch) -> Iterator[Span]:
    """`[10:02] Petra Sommer: …`: a time of day without seconds or with AM and PM, as chats have it and logs do not."""
    found = _SPEAKER.search(m.text)
    if found is None:
        return
    is_bracketed = m.text.lstrip(" \t>")[:1] in ("[", "(") and not is_product(found[0])
    if is_name(found[0].title().replace(".", " "), least=1 if is_bracketed else 2):
        yield from person(text, m.start + found.start(), m.start + found.end(), "speaker of a chat")
