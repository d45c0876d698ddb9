"""What stands under every mail of a person, taken out of an e-mail (contract §6).

Cutting can destroy content, so: only on a delimiter, at the sender's own name, or where a sign-off is
followed by a name or contact lines; at most 14 lines; never the first block. What is not cut is left to
the span rules (docs/facts.md).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from everycase.redaction.namewords import is_name
from everycase.redaction.shadow import fold
from everycase.redaction.words import phrases

LONGEST_SIGNATURE = 14
"""Lines that are not blank."""
_LONGEST_LINE = 100

_DELIMITER = re.compile(r"^\s{0,2}(?:--\s{0,2}|—|__{1,10}|-{2,6}\s)\s{0,2}$")
_RULE = re.compile(r"^\s{0,4}(?:[-_=*~#+.]{3,90}|[-=*~]{2,5}|(?:[-=*~][ ]){2,40})\s{0,3}$")
_SENT_FROM = re.compile(
    r"^\s{0,3}(?:(?:sent|sent via|sent with|gesendet|von meinem|envoyé|enviado|inviato|verzonden|skickat|sendt)\b(?: (?:from|von|de|desde|da|vanaf|från|fra|using|mit|depuis|mon|mein|mi|my|with|via|meinem)){0,3} "
    r"(?:my|a|the|outlook|yahoo|mail|mein|mon|mi|il mio|meu|mijn|min|i?phone|ipad|android|samsung|blackberry|sparrow|mobile|handy)\b[^.]{0,60}|sent from [^.]{2,50}|get outlook for .{2,20})$",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"@[\w-]+\.|\bwww\.|https?://|\b(?:tel|phone|ph|mobile|mob|cell|fax|direct|office|telefon|mobil|téléphone|teléfono|e-?mail)\b\s{0,2}[.:#]?\s{0,2}[+(\d\w]|"
    r"\+?\(?\d[\d ().-]{6,20}\d|\b(?:street|avenue|road|suite|floor|gmbh|inc|ltd|llc|s\.?p\.?a|corp|corporation|company|university|institute|"
    r"engineer|manager|administrator|support|consultant|director|developer|architect|analyst|specialist|officer|president|professor|"
    r"department|dept|division|team lead|technician|coordinator|sales|services|systems|laborator(?:y|ies)|research|center|centre|school)\b",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]+")
_THANKS = re.compile(
    r"^\s{0,4}(?:many |kind |best |warm |with (?:kind|best|warm) |thanks(?: &| and|,)? ?)?(?:thanks|regards|wishes)\b.{0,24}$",
    re.IGNORECASE,
)


_GREETS = re.compile(
    rf"(?:{'|'.join(re.escape(p) for p in sorted(phrases('greetings'), key=lambda p: (-len(p), p)))})\b[^.?!]{{0,60}}[,:!]?$",
    re.IGNORECASE,
)
"""A line that greets begins another mail, however much of a signature stands around it."""


def without_signature(lines: Sequence[str], sender: Collection[str]) -> list[str]:
    """The lines above the signature. `sender`: folded names of who wrote the mail, and their parts.

    Of several signatures below one another all go, so that a second pass finds none: linear, for a pass over
    one looks at as many lines as it may have.
    """
    first_block = _first_block(lines)
    start: int | None = len(lines)
    while start is not None:
        end = start
        start = _last_signature(lines, first_block, end, sender)
    return list(lines[:end])


def _last_signature(lines: Sequence[str], first_block: int, end: int, sender: Collection[str]) -> int | None:
    """Where the signature at the end of `lines[:end]` begins; None if there is none."""
    while end and not lines[end - 1].strip():
        end -= 1
    for i in range(_earliest(lines, first_block, end), end):
        if lines[i].strip() and _begins_signature(lines, i, end, sender):
            return i
    return None


def _first_block(lines: Sequence[str]) -> int:
    """Where the first lines that stand together end."""
    end = 0
    while end < len(lines) and not lines[end].strip():
        end += 1
    while end < len(lines) and lines[end].strip():
        end += 1
    return end


def _earliest(lines: Sequence[str], first_block: int, end: int) -> int:
    """The first line that a signature may begin with: behind the first block, and not too far up."""
    at, said = end, 0
    while at > first_block and said < LONGEST_SIGNATURE:
        at -= 1
        said += bool(lines[at].strip())
    return at


def _begins_signature(lines: Sequence[str], i: int, end: int, sender: Collection[str]) -> bool:
    line = lines[i]
    said = [x.strip() for x in lines[i + 1 : end] if x.strip()]
    if any(_GREETS.match(x) for x in said):
        return False
    if _DELIMITER.match(line) or (_SENT_FROM.match(line) and len(said) <= 3):
        return True
    if not all(_is_short(x) for x in said):
        return False
    if is_sign_off(line):
        return bool(said) and (_names(said[0], sender) or any(_CONTACT.search(x) for x in said))
    if _RULE.match(line):
        return bool(said) and (_names(said[0], sender) or _is_card(said))
    if _names(line, sender):
        return True
    return (
        _is_name_line(line) and len(_WORDS.findall(line)) > 1 and not lines[i - 1].strip() and _is_card(said)
    )


def _is_card(said: Sequence[str]) -> bool:
    """Lines of which two and half are contacts."""
    contacts = sum(bool(_CONTACT.search(x)) for x in said)
    return contacts >= 2 and contacts * 2 >= len(said)


def is_sign_off(line: str) -> bool:
    """A line that is nothing but `Best regards,` and the like."""
    bare = line.strip().strip(",.!-–— \t*").lower()
    return bare in phrases("closings") or bool(_THANKS.match(bare) and len(bare) < 40)


def _is_short(line: str) -> bool:
    """No sentence: neither long nor many words up to a full stop."""
    return len(line) <= _LONGEST_LINE and not (len(line.split()) >= 7 and line.endswith((".", "?", ":")))


def _is_name_line(line: str) -> bool:
    bare = line.strip(" \t-–—~*,.")
    head = re.split(r"[,|/(]| - ", bare, maxsplit=1)[0].strip()
    return 1 < len(head) <= 40 and is_name(head) and (head[0].isupper() or " " not in head)


def _names(line: str, sender: Collection[str]) -> bool:
    """Whether a line is the sender's name: only words of it, one of them whole."""
    found = [fold(w) for w in _WORDS.findall(line.strip())]
    if not 1 <= len(found) <= 4 or len(line.strip()) > 50:
        return False
    known = [w for w in found if w in sender]
    initials = {s[0] for s in sender if s}
    return (
        bool(known)
        and len(known[0]) >= 2
        and all(w in sender or (len(w) == 1 and w in initials) or w in ("dr", "prof", "jr") for w in found)
    )
