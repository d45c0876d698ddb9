"""What others wrote before, taken out of an e-mail; answers below and between quotes stay (contract §4, §6).

A quote that is marked line by line is left out line by line. Where the earlier mail stands unmarked
below its header, everything from the header on goes. A mere forward keeps its text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_VERBS = r"(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev|napisał(?:\(a\))?|napsal(?:\(a\))?|kirjoitti|yazdı|пишет|написал(?:\(а\))?)"
_OPENERS = r"(?:On|Am|Le|El|Il|Op|Den|Em|Dne|Dnia|W dniu|Fra|ons|tis|В|Вт|Пн|Ср|Чт|Пт)"
_WROTE = re.compile(
    rf"^\s{{0,3}}{_OPENERS}[\s,].{{4,300}}{_VERBS}(?: am .{{4,40}})?\s{{0,3}}:?\s{{0,3}}$", re.IGNORECASE
)
_WROTE_WITHIN = re.compile(
    rf"^\s{{0,3}}{_OPENERS}[\s,].{{4,80}}\b{_VERBS}\s.{{2,160}}:\s{{0,3}}$", re.IGNORECASE
)
_WROTE_SHORT = re.compile(
    rf"^\s{{0,3}}[^\s>].{{0,200}}(?:@|\d{{4}}).{{0,100}}\b{_VERBS}\s{{0,3}}:\s{{0,3}}$", re.IGNORECASE
)
_DATED = re.compile(r"^\s{0,3}\d{4}[/-]\d{1,2}[/-]\d{1,2} .{2,100}<[^<>\s]{3,90}>:?\s{0,3}$")
_STARTS = frozenset("On Am Le El Il Op Den Em Dne Dnia W Fra В Вт Пн Ср Чт Пт".split())
_DIVIDER = re.compile(
    r"^\s{0,3}(?:[-_=*]{2,30}\s{0,3}(?:original message|forwarded message|original appointment|ursprüngliche nachricht|weitergeleitete nachricht|"
    r"message d'origine|message transféré|mensaje original|mensaje reenviado|messaggio originale|messaggio inoltrato|mensagem original|"
    r"oorspronkelijk bericht|originalmeddelande|ursprungligt meddelande|oprindelig meddelelse|reply message|forwarded by .{2,120}|исходное сообщение)"
    r"\s{0,3}[-_=*]{0,30}|begin forwarded message:?|-{0,30}\s?forwarded by .{2,120}|_{20,80}|-{20,80})\s{0,3}$",
    re.IGNORECASE,
)
_NAMES = (
    r"from|von|de|sent|gesendet|envoyé|enviado(?: el)?|inviato|verzonden|skickat|sendt|to|an|à|para|cc|date|datum|fecha|data|subject|betreff|objet|"
    r"asunto|oggetto|assunto|onderwerp|ämne|emne|da|a|från|till|fra|til|van|aan|reply-to|importance|priorität|attachments|anlagen|от|кому|тема|дата|отправлено"
)
_HEADER_LINE = re.compile(rf"^\s{{0,3}}\*?(?:{_NAMES}|bcc)\*?\s{{0,2}}:", re.IGNORECASE)
_FROM = re.compile(r"^\s{0,3}\*?(?:from|von|de|da|från|fra|van|от)\*?\s{0,2}:\*?\s{0,3}\S", re.IGNORECASE)
_LOTUS = re.compile(
    r"^\s{0,3}\S.{1,120}(?:on )?\d{1,2}/\d{1,2}/\d{2,4} \d{1,2}:\d{2}(?::\d{2})?(?: ?[AP]M)?\s{0,3}$"
)
_TO = re.compile(r"^\s{0,8}(?:to|an|cc)\s{0,2}:", re.IGNORECASE)
_MOST_HEADERS = 12


def without_quotes(lines: Sequence[str]) -> list[str]:
    """The lines that are new; all of them, unmarked, where none is."""
    kept: list[str] = []
    i = 0
    while i < len(lines):
        taken = _earlier_mail(lines, i)
        if taken:
            i += taken
            if _has_text(kept) and not _is_marked_below(lines, i):
                return kept
        else:
            if not is_quoted(lines[i]):
                kept.append(lines[i])
            i += 1
    return kept if _has_text(kept) else _forwarded(lines)


def _forwarded(lines: Sequence[str]) -> list[str]:
    """The text of a mail that is nothing but an earlier one: without its marks, and without what introduces it."""
    bare = [x.lstrip("|> \t") if is_quoted(x) else x.lstrip("> ") for x in lines]
    kept: list[str] = []
    i = 0
    while i < len(bare):
        taken = _earlier_mail(bare, i) or int(bool(_HEADER_LINE.match(bare[i])))
        kept += [] if taken else [bare[i]]
        i += taken or 1
    return kept


def is_quoted(line: str) -> bool:
    return line.lstrip(" \t").startswith((">", "|>", "| >"))


def _has_text(lines: Sequence[str]) -> bool:
    return any(line.strip() for line in lines)


def _is_marked_below(lines: Sequence[str], i: int) -> bool:
    """Whether the mail that begins here is marked, so that unmarked lines below are answers."""
    below = [line for line in lines[i : i + 4] if line.strip()]
    return bool(below) and is_quoted(below[0])


def _earlier_mail(lines: Sequence[str], i: int) -> int:
    """How many lines from `i` on introduce an earlier mail: an attribution, a divider, headers; 0 if none do."""
    line = lines[i]
    if not line.strip() or is_quoted(line):
        return 0
    if attribution := _attribution(lines, i):
        return attribution
    if _DIVIDER.match(line):
        headers = _headers(lines, i + 1)
        is_rule = set(line.strip()) <= set("_-")
        return 1 + headers if headers or not is_rule else 0
    if notes := _notes_headers(lines, i):
        return notes
    if _FROM.match(line) or (
        _LOTUS.match(line) and _TO.match("".join(x for x in lines[i + 1 : i + 3] if x.strip())[:20])
    ):
        headers = _headers(lines, i)
        return headers if sum(bool(_HEADER_LINE.match(x)) for x in lines[i : i + headers]) >= 3 else 0
    return 0


_DATE_LINE = re.compile(
    r"^\s{0,8}(?:\w{3,9},? )?\d{1,4}[./-]\d{1,2}[./-]\d{2,4},? (?:at )?\d{1,2}:\d{2}(?::\d{2})?(?: ?[AP]M)?\s{0,3}$",
    re.IGNORECASE,
)


def _notes_headers(lines: Sequence[str], i: int) -> int:
    """The headers of Lotus Notes: a name, a date below it, then `To:`."""
    if (
        len(lines[i]) > 90
        or i + 2 >= len(lines)
        or not _DATE_LINE.match(lines[i + 1])
        or not _TO.match(lines[i + 2])
    ):
        return 0
    return 2 + _headers(lines, i + 2)


def _headers(lines: Sequence[str], i: int) -> int:
    """How many lines from `i` on are headers, blank lines in front and folded lines included."""
    at = i
    while at < len(lines) and at - i < 3 and not lines[at].strip():
        at += 1
    if at >= len(lines) or not (_HEADER_LINE.match(lines[at]) or _LOTUS.match(lines[at])):
        return 0
    first = at
    while at < len(lines) and at - first < _MOST_HEADERS:
        line = lines[at]
        is_folded = line[:1] in " \t" and line.strip() and at > first
        if not (_HEADER_LINE.match(line) or is_folded or (at == first and _LOTUS.match(line))):
            break
        at += 1
    return at - i if at - first >= 2 else 0


def _attribution(lines: Sequence[str], i: int) -> int:
    line = lines[i].strip()
    if _DATED.match(line) or _WROTE_SHORT.match(line):
        return 1
    if line.split(" ", 1)[0].rstrip(",") not in _STARTS:
        return 0
    for count in (1, 2, 3):
        joined = " ".join(x.strip() for x in lines[i : i + count])
        if _is_attribution(joined):
            return count
    return 0


def _is_attribution(line: str) -> bool:
    """`On Mon, Nov 4, 2024 Ada wrote:`: with a date or an address, or with the colon and nothing behind it."""
    if _WROTE_WITHIN.match(line):
        return any(map(str.isdigit, line)) or "@" in line
    return bool(_WROTE.match(line)) and (
        line.rstrip().endswith(":") or "@" in line or any(map(str.isdigit, line))
    )
