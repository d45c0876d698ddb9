"""Names that the form of a mail or a comment gives away: greetings, closings, headers, labels, titles.

RE2 finds the places; Python looks at a bounded stretch behind each (`REACH` characters).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from everycase.redaction import mentioned
from everycase.redaction.matching import Alternatives, Scanned, TermMatch
from everycase.redaction.mentioned import (
    REACH,
    chat_spans,
    ends_name,
    named_spans,
    others,
    person,
    title_spans,
)
from everycase.redaction.namewords import FULL, TITLE, is_name, leading_name, trailing_name
from everycase.redaction.spans import Span
from everycase.redaction.words import phrases, words


def _any_of(name: str, *, beyond_ascii: bool = False, of_words: int = 0) -> str:
    """`beyond_ascii`: only phrases whose last letter is not ASCII, behind which RE2 knows no end of a word.

    `of_words`: only phrases of one word (1), or of several (2).
    """
    return "|".join(
        re.escape(p).replace("\\ ", "[ ]").replace("\\&", "&")
        for p in sorted(phrases(name), key=lambda p: (-len(p), p))
        if not (beyond_ascii and p[-1].isascii()) and of_words in (0, 1 + (" " in p))
    )


_LINE = r"(?:(?m:^)[ \t>*]{0,8})"
_PERSON_LABELS = _any_of("person_labels")
EVERYWHERE = {
    "closing": rf"(?:{_LINE}[-–—]{{0,2}}|[.!?,;][ ]{{1,2}})(?i:{_any_of('closings', of_words=2)})(?:\b|[ \t]{{0,2}}(?:[,.!-]|(?m:$)))",
    "greeting": rf"(?:{_LINE}|[.!?:][ ]{{1,2}})(?:(?i:{_any_of('greetings')})\b|(?i:{_any_of('greetings', beyond_ascii=True)}))",
    "thanks": rf"(?:{_LINE}[-–—]{{0,2}}|[.!?,;][ ]{{1,2}})(?i:{_any_of('closings', of_words=1)})(?:\b|[ \t]{{0,2}}(?:[,.!-]|(?m:$)))",
    "label": rf"(?:{_LINE}[-•]?[ ]?|[,;|(][ \t]{{0,3}}|\.[ ]{{1,2}}|[ ][-–][ ])(?i:{_PERSON_LABELS})[ \t]{{0,3}}[:：][ \t*]{{0,4}}[^\s]",
    **mentioned.EVERYWHERE,
}
IN_TALK = {
    **mentioned.IN_TALK,
    "header": rf"{_LINE}\*?(?i:from|von|de|to|an|à|para|cc|bcc|kopie|copie|sender|reply-to|da|a|från|till|fra|til|van|aan|od|do|от|кому|копия|发件人|收件人|抄送|差出人|宛先)\*?[ \t]{{0,2}}[:：]\*?[ \t]{{0,4}}[^\n]+(?:\n[ \t]+[^\n:]+)*",
    "wrote": r"(?:\"[^\"\n]{2,60}\"|(?:\p{Lu}[\pL'’.-]*,?[ ]){0,4}\p{Lu}[\pL'’.-]*)[ ]?(?:[<(\[][^<>()\[\]\n]{3,90}[>)\]])?[ \t]{0,2}\n?[ \t>]{0,4}(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev|napisał|napsal|kirjoitti|пишет|написал)\b",
    "alone": rf"{_LINE}[-–—~*]{{0,3}}[ ]?{TITLE}\p{{Lu}}[\pL'’.-]+(?:[ ]\p{{Lu}}[\pL'’.-]+){{0,3}}[ \t]{{0,2}}[,:!.–-]{{0,2}}[ \t*]{{0,4}}(?m:$)",
    "mention": r"(?:^|[\s(])@\p{Lu}[\pL'’-]+(?:[ ]\p{Lu}[\pL'’-]+|[, ][ ]?[a-z])",
    "first": r"(?:\A|\x1e\n)\s{0,8}\p{Lu}[\pL'’-]+(?:[ ]\p{Lu}[\pL'’-]+)?(?:,[ ]|[ ][-–][ ])",
}
WITH_MAIL = {
    "display": r"(?:\"[^\"\n<>@]{2,60}\"|'[^'\n<>@]{2,60}'|\p{Lu}[\pL'’.-]*,?(?:[ ](?:\p{Lu}[\pL'’.-]*,?|[a-z]{2,4})){0,4})[ ]?[<\[(](?:mailto:)?[^\s<>@\[\]()]{1,64}@",
}
_EVERYWHERE, _IN_TALK, _WITH_MAIL = Alternatives(EVERYWHERE), Alternatives(IN_TALK), Alternatives(WITH_MAIL)

_ADDRESSED = re.compile(rf"(?P<comma>[ ]?,)?[ \t]{{1,2}}(?:all[ ]and[ ])?{TITLE}(?P<name>{FULL})")
_LOW_ADDRESSED = re.compile(r"[ \t]{1,2}(?P<name>[^\W\d_]{3,20})[ \t]?(?:[,!]|\n|\Z)")
_SAME_LINE = re.compile(rf"[ \t]{{0,2}}[,.!–-]{{0,3}}[ \t]{{1,3}}(?:[-–—][ ]?)?{TITLE}(?P<name>{FULL})")
_NEXT_LINE = re.compile(
    rf"(?:[ ](?:and|&|und)[ ](?:best[ ]|kind[ ])?(?:regards|gruß))?(?:[ ](?:aus|vom|von|from|de|desde|da|dal|z|uit)(?:[ ](?:dem|der|the|la|il|le))?[ ][^\s,.]{{2,30}})?[ \t]{{0,3}}[,.!:;–-]{{0,4}}[ \t]{{0,4}}(?:\n[ \t>*]{{0,8}}){{1,4}}[-–—~]{{0,2}}[ ]?{TITLE}(?P<name>{FULL})"
)
_LOW_NEXT_LINE = re.compile(
    r"[ \t]{0,3}[,.!-]{0,3}[ \t]{0,4}(?:\n[ \t>*]{0,8}){1,3}[-–—~]{0,2}[ ]?(?P<name>[^\W\d_]{2,20}(?:[ ][^\W\d_]{2,20})?)[ \t]{0,4}(?:\n|\Z)"
)
_ALONE_ONLY = frozenset(
    "best later love br kr ty yours talk soon ciao tak tack dag see you let me know looking forward hope this helps hth wishes good luck merci danke".split()
)
_HEADER_NEAR = re.compile(
    r"(?im)^[ \t>*]{0,8}\*?(?:from|von|de|sent|gesendet|to|an|cc|date|subject|betreff|objet|datum|envoyé|asunto|oggetto|assunto|onderwerp|skickat|ämne|тема|дата)\*?[ \t]{0,2}:"
)
_ADDRESS = re.compile(r"[<\[(]?(?:mailto:)?[^\s<>@\[\]();,\"]{1,64}@[^\s<>\[\]();,\"]{1,200}[>\])]?")
_ORGANISED = re.compile(r"(?:/[A-Za-z0-9_&]{1,30}){1,4}(?:@[A-Za-z0-9_-]{1,30})?(?=[\s;,]|\Z)")
"""What Lotus Notes writes behind a name: `/HOU/ECT@ECT`."""
_PIECE = re.compile(r"[^;,<>\[\]()\"\n]+")
_VAGUE = frozenset(
    "name full name owner case owner customer client kunde kund klant klient cliente nom nome naam namn navn nimi nombre manager author contact kontakt responsable cc team present backup on site visitor".split()
)


def everywhere_spans(scanned: Scanned) -> Iterator[Span]:
    """Greetings, closings, labels and titles, wherever they stand; names before an address."""
    for m in _EVERYWHERE.find(scanned):
        yield from _MEANINGS[m.name](scanned.text, m)
    if b"@" in scanned.raw:
        for m in _WITH_MAIL.find(scanned):
            yield from _display(scanned.text, m)


def talk_spans(scanned: Scanned) -> Iterator[Span]:
    """Header lines, attributions and lines that are a name: of mails, comments, tasks and feeds."""
    for m in _IN_TALK.find(scanned):
        yield from _MEANINGS[m.name](scanned.text, m)


def _greeting(text: str, m: TermMatch) -> Iterator[Span]:
    """`Hi Petra, Jan and Tom,`; `Hi Team`, `Hi, Based on …` and `Dear Dell Community` name nobody."""
    if text[m.end : m.end + 1].isalnum():
        return
    found = _ADDRESSED.match(text, m.end, m.end + REACH)
    if found is None:
        low = _LOW_ADDRESSED.match(text, m.end, m.end + REACH)
        if low and low["name"].islower() and is_name(low["name"]) and low["name"] not in words("name_words"):
            yield from person(text, low.start("name"), low.end("name"), "greeting")
        return
    start, stop = found.span("name")
    end = leading_name(text, start, stop)
    if text[start].islower():
        return
    if end == start or (
        end < stop and text[end + 1 : stop].lower().split()[:1] != [] and _is_group(text[end + 1 : stop])
    ):
        return
    if found["comma"] and not ends_name(text, end):
        return
    yield from person(text, start, end, "greeting")
    yield from others(text, end, "greeting")


def _is_group(rest: str) -> bool:
    return (
        rest.split()[0].lower().strip(".,") in words("not_names") | words("tech_words") and rest[:1].isupper()
    )


def _closing(text: str, m: TermMatch) -> Iterator[Span]:
    """`Best regards,` and a name under it, or behind it."""
    phrase = m.text.strip(" \t>*-–—.,!?;\n").lower()
    at = m.end - (len(m.text) - len(m.text.rstrip(" ,.!-")))
    is_own_line = m.text[:1] not in ".!?,;"
    under = _NEXT_LINE.match(text, at, at + REACH) if is_own_line or phrase not in _ALONE_ONLY else None
    if under:
        end = leading_name(text, *under.span("name"))
        if end > under.start("name") and (ends_name(text, end)):
            yield from person(text, under.start("name"), end, "closing")
        return
    if phrase not in _ALONE_ONLY:
        beside = _SAME_LINE.match(text, at, at + REACH)
        if (
            beside
            and (end := leading_name(text, *beside.span("name"))) > beside.start("name")
            and ends_name(text, end)
        ):
            yield from person(text, beside.start("name"), end, "closing")
            return
    low = _LOW_NEXT_LINE.match(text, at, at + REACH) if is_own_line else None
    if low and is_name(low["name"]) and low["name"].lower() not in words("name_words"):
        yield from person(text, *low.span("name"), "closing")


def _label(text: str, m: TermMatch) -> Iterator[Span]:
    """Of a labelled line the name alone: `Engineer: replaced the fan` says what was done."""
    colon = re.search(r"[:：]", m.text)
    assert colon is not None
    label = m.text[: colon.start()].strip(" \t>*-•,;|(.\n").lower()
    stop = text.find("\n", m.end, m.end + REACH)
    stop = min(len(text), m.end + REACH) if stop == -1 else stop
    found = _LABELLED.match(text, m.start + colon.end(), stop)
    if found is None:
        return
    start = found.start("name")
    end = leading_name(text, start, found.end("name"))
    rest = text[end:stop].strip()
    is_full = " " in text[start:end].strip()
    if (
        end == start
        or (label in _VAGUE and not is_full and rest)
        or (label in _VAGUE and not is_full and text[start:end].isupper())
    ):
        return
    if end < found.end("name") and not is_full:
        return
    yield from person(text, start, end, f"label: {label}")
    yield from others(text, end, f"label: {label}")


_LABELLED = re.compile(rf"[ \t*]{{0,4}}{TITLE}(?P<name>{FULL})")


def _header(text: str, m: TermMatch) -> Iterator[Span]:
    """The people of a header line; a line with an address, or beside another header."""
    colon = min(i for i in (m.text.find(":"), m.text.find("：")) if i >= 0)
    value = m.text[colon + 1 :]
    near = (
        text[max(0, m.start - 120) : m.start].rpartition("\n")[0].rpartition("\n")[2]
        + "\n"
        + text[m.end : m.end + 60].lstrip("\n")
    )
    if "@" not in value and not (";" in value and "," in value) and not _HEADER_NEAR.search(near):
        return
    base = m.start + colon + 1
    value = _ORGANISED.sub(lambda o: ";" * len(o[0]), value)
    blanked = _ADDRESS.sub(lambda a: ";" * len(a[0]), value)
    for piece in _PIECE.finditer(blanked):
        found = piece[0].strip(" '*\t")
        if len(found) > 1 and is_name(found) and not any(map(str.isdigit, found)):
            start = base + piece.start() + piece[0].index(found)
            yield from person(text, start, start + len(found), "mail header")


def _wrote(text: str, m: TermMatch) -> Iterator[Span]:
    """`On 9 Jan, Petra Sommer wrote`: the last capital words before the verb and its address."""
    head = re.split(
        r"[<(\[\n]|(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev|napisał|napsal|kirjoitti|пишет|написал)\b",
        m.text,
        maxsplit=1,
    )[0]
    end = m.start + len(head.rstrip(' "'))
    start = trailing_name(text, m.start, end)
    if start < end:
        yield from person(text, start, end, "attribution")


def _display(text: str, m: TermMatch) -> Iterator[Span]:
    """The name before an address: `"Novak, Jan" <…>`, `Petra Sommer (…)`."""
    name = re.split(r"[ ]?[<\[(](?:mailto:)?[^<\[(]*\Z", m.text, maxsplit=1)[0].rstrip()
    bare = name.strip("\"'")
    if not bare:
        return
    end = m.start + m.text.index(bare) + len(bare)
    start = end - len(bare) if name[:1] in "\"'" else trailing_name(text, m.start, end)
    if start < end and (name[:1] not in "\"'" or any(is_name(p) for p in bare.replace(",", " ").split())):
        yield from person(text, start, end, "display name")


def _alone(text: str, m: TermMatch) -> Iterator[Span]:
    """A line that is a name: with a comma at the start of a mail, with a dash, or the last one."""
    said = m.text.strip(" \t>*\n")
    bare = said.strip("-–—~*,:!. \t")
    start = m.start + m.text.index(bare)
    before, after = text[max(0, m.start - 80) : m.start], text[m.end : m.end + 8]
    if (
        not is_name(bare)
        or bare.lower() in phrases("closings")
        or (bare.isupper() and len(bare) > 12)
        or _greets(bare)
    ):
        return
    above = before.rstrip(" \t>\n")
    is_first = not above.strip() or above.endswith("\x1e")
    is_after_gap = before.rstrip(" \t>*").endswith("\n\n") or above.endswith((".", "!", "?", ","))
    is_last = not after.strip() or after.lstrip("\n \t").startswith("\x1e")
    is_dashed = said[:1] in "-–—~"
    line_above = above.rpartition("\n")[2].lstrip(" >")
    is_greeting = (said.endswith(",") and (is_first or before.endswith("\n\n"))) or (
        is_first and said[-1:] in "-–:!"
    )
    is_dash_line = is_dashed and is_after_gap and line_above[:1] not in "-–—*~"
    below = text[m.end : m.end + 100].lstrip("\n").partition("\n")[0]
    if (
        is_greeting
        or (is_last and not is_first and (is_after_gap or is_dashed))
        or (is_dash_line and (is_last or after[:2] == "\n\n" or after[:2].strip(" \n") in (">", "O")))
        or (is_after_gap and " " in bare and after[:1] == "\n" and _BELOW_NAME.search(below))
    ):
        yield from person(text, start, start + len(bare), "line of its own")


def _greets(words_: str) -> bool:
    """Whether words begin with a greeting: the name behind it is found by that."""
    low = words_.lower()
    return low in phrases("greetings") or low.partition(" ")[0] in phrases("greetings")


_BELOW_NAME = re.compile(
    r"(?i:\b(?:engineer|manager|director|consultant|administrator|developer|analyst|architect|specialist|support|president|"
    r"phone|tel|mobile|fax|cell|ext)\b)|@|^\s{0,8}\d{1,4}[./-]\d{1,2}[./-]\d{2,4}|^\s{0,8}\+?\(?\d[\d ().-]{7,20}\d\s{0,3}$"
)
"""What stands under a name in a signature or a header: a post, a number, a date."""


def _mention(text: str, m: TermMatch) -> Iterator[Span]:
    """`@Petra Sommer please look`: how people call one another in feeds."""
    start = m.start + m.text.index("@") + 1
    if is_name(text[start : m.end], least=2) and m.text[-2] not in " ,":
        yield from person(text, start, m.end, "mention")
    elif _MENTIONED.match(text, start) and is_name(word := text[start : m.end].split()[0].rstrip(",")):
        yield from person(text, start, start + len(word), "mention")


_MENTIONED = re.compile(
    r"[^\W\d_][a-zß-öø-ÿ]{2,20}[, ][ ]?(?!(?:public|private|protected|final|static|void|class|interface|abstract|import|enum|val|var|fun|def|long|int)\b)"
)
"""One name, and no annotation of a program: `@Override public void`."""


def _first(text: str, m: TermMatch) -> Iterator[Span]:
    """`Petra, please look` at the very start of a mail or a comment."""
    bare = m.text.strip("\x1e\n \t").rstrip(" ,-–")
    if is_name(bare) and bare.lower() not in words("name_words") and not bare.isupper() and not _greets(bare):
        start = m.start + m.text.index(bare)
        yield from person(text, start, start + len(bare), "first words")


_MEANINGS: dict[str, Callable[[str, TermMatch], Iterator[Span]]] = {
    "greeting": _greeting,
    "closing": _closing,
    "thanks": _closing,
    "label": _label,
    "title": title_spans,
    "post": named_spans,
    "helper": named_spans,
    "talked": named_spans,
    "spoke": named_spans,
    "chat": chat_spans,
    "header": _header,
    "wrote": _wrote,
    "alone": _alone,
    "mention": _mention,
    "first": _first,
}
