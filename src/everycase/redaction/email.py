"""E-mail bodies without what others wrote before and what stands under every mail (contract §4, §6).

Cutting can destroy content, so: a signature is cut only on a delimiter, or where a sign-off is followed
by contact lines or the sender's own name; at most 14 lines; never the first block. What is not cut is
left to the span rules (facts/redaction.md).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

LONGEST_SIGNATURE = 14
"""Lines."""

_WROTE = re.compile(
    r"^\s{0,3}(?:On|Am|Le|El|Il)\s.{4,300}(?:wrote|schrieb|a écrit|escribió|ha scritto)\s{0,3}:?\s{0,3}$",
    re.I,
)
_DIVIDER = re.compile(
    r"^\s{0,3}(?:-{2,20}\s?(?:original message|forwarded message|ursprüngliche nachricht|message d'origine|reply message)"
    r"\s?-{0,20}|begin forwarded message:?|_{20,80})\s{0,3}$",
    re.I,
)
_HEADER = re.compile(
    r"^\s{0,3}\*?(?:from|von|de|sent|gesendet|envoyé|to|an|cc|date|subject|betreff|objet)\*?\s{0,2}:\s?\S",
    re.I,
)
_FROM = re.compile(r"^\s{0,3}\*?(?:from|von|de)\*?\s{0,2}:\s?\S", re.I)
_DELIMITER = re.compile(r"^\s{0,2}(?:--\s?|—|__{1,10}|-{2,6}\s)\s{0,2}$")
_SENT_FROM = re.compile(
    r"^\s{0,3}(?:sent from (?:my|a|the|outlook|yahoo|mail)\b.{0,60}|get outlook for .{2,20})$", re.I
)
_SIGN_OFF = re.compile(
    r"^\s{0,4}(?:(?:many |kind |best |warm |with (?:kind|best) )?(?:thanks|regards|wishes)(?: and regards)?|thank you|"
    r"thx|sincerely|cheers|br|rgds|yours (?:sincerely|truly|faithfully)|best|mit freundlichen grüßen|cordialement)"
    r"\s{0,3}[,.!]?\s{0,3}$",
    re.I,
)
_CONTACT = re.compile(
    r"@[\w-]+\.|\bwww\.|https?://|\b(?:tel|phone|mobile|cell|fax|direct|office)\b\s{0,2}[.:]?\s{0,2}[+(\d]|"
    r"\+?\d[\d ().-]{7,20}\d|\b(?:street|avenue|road|suite|gmbh|inc|ltd|llc|engineer|manager|administrator|support)\b",
    re.I,
)


def clean_body(body: str, sender: Collection[str]) -> str:
    """The new words of an e-mail. `sender`: folded names of who wrote it."""
    lines = body.split("\n")
    lines = _without_quotes(lines)
    lines = _without_signature(lines, sender)
    return "\n".join(lines).strip("\n")


def _without_quotes(lines: Sequence[str]) -> list[str]:
    """Up to where the earlier mail begins, and without quoted lines; a mere forward keeps its text."""
    kept: list[str] = []
    for i, line in enumerate(lines):
        if _begins_earlier_mail(lines, i):
            if any(k.strip() for k in kept):
                return _strip_tail(kept)
            return [x.lstrip("> ") for x in lines[i + 1 :] if not _HEADER.match(x)]
        if not line.lstrip().startswith(">"):
            kept.append(line)
    return kept if any(k.strip() for k in kept) else [x.lstrip("> ") for x in lines]


def _begins_earlier_mail(lines: Sequence[str], i: int) -> bool:
    line = lines[i]
    if _DIVIDER.match(line):
        return not line.strip().startswith("_") or any(_FROM.match(x) for x in lines[i + 1 : i + 3])
    if _FROM.match(line):
        return sum(bool(_HEADER.match(x)) for x in lines[i + 1 : i + 5]) >= 2
    if line[:6].strip()[:2] in ("On", "Am", "Le", "El", "Il"):
        return any(_is_attribution(" ".join(lines[i : i + n])) for n in (1, 2, 3))
    return False


def _is_attribution(line: str) -> bool:
    """`On Mon, Nov 4, 2024 Ada wrote:`: with a date or an address, or with the colon and nothing behind it."""
    return bool(_WROTE.match(line)) and (
        line.rstrip().endswith(":") or "@" in line or any(map(str.isdigit, line))
    )


def _without_signature(lines: Sequence[str], sender: Collection[str]) -> list[str]:
    end = len(lines)
    first_block = _first_block(lines)
    for i in range(max(first_block, end - LONGEST_SIGNATURE - 1), end):
        line = lines[i]
        if _DELIMITER.match(line) or _SENT_FROM.match(line):
            return _strip_tail(lines[:i])
        if _SIGN_OFF.match(line) and _is_signature(lines[i + 1 :], sender):
            return _strip_tail(lines[:i])
    return list(lines)


def _first_block(lines: Sequence[str]) -> int:
    """Where the first paragraph ends: nothing before that is ever a signature."""
    began = False
    for i, line in enumerate(lines):
        if line.strip():
            began = True
        elif began:
            return i
    return len(lines)


def _is_signature(after: Sequence[str], sender: Collection[str]) -> bool:
    said = [x.strip() for x in after if x.strip()]
    if not said:
        return False
    if any(len(x) > 90 for x in said):
        return False
    names_sender = any(s in said[0].lower() for s in sender if len(s) >= 3)
    return names_sender or any(_CONTACT.search(x) for x in said)


def _strip_tail(lines: Sequence[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept
