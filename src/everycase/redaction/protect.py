"""Technical tokens that look like personal data and are not (contract §6, "never touched")."""

from __future__ import annotations

import re
from collections.abc import Iterable

from everycase.redaction.matching import Alternatives, Scanned, is_bounded
from everycase.redaction.spans import Kept
from everycase.redaction.versions import is_version

_HEX = "[0-9a-fA-F]"
_CLOCK = r"\d{1,2}:\d{2}:\d{2}(?:[.,:]\d{1,9})?"
_DATE = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4}|\d{1,2}-[A-Za-z]{3}-\d{2,4})"
PATTERNS = {
    "uuid": rf"\b{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}\b",
    "wwn": rf"\b(?:{_HEX}{{2}}[:-]){{7}}{_HEX}{{2}}\b",
    "mac": rf"\b(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}\b|\b(?:{_HEX}{{4}}\.){{2}}{_HEX}{{4}}\b",
    "pci": rf"\b(?:{_HEX}{{4,8}}:)?{_HEX}{{2}}:{_HEX}{{2}}\.[0-7]\b",
    "cve": r"\b(?i:CVE)-\d{4}-\d{4,7}\b",
    "dump": rf"(?m:^[ \t>]*(?:0x)?{_HEX}{{4,16}}[:.]?[ \t]{{1,4}}(?:{_HEX}{{2,8}}[ \t]{{1,3}}){{3,32}}{_HEX}{{2,8}}\b)"
    rf"|\b(?:(?:0[xX])?{_HEX}{{2}}[ ,]{{1,2}}){{5,64}}(?:0[xX])?{_HEX}{{2}}\b"
    rf"|\b(?:(?:0[xX])?{_HEX}{{4}}[ ,]{{1,2}}){{4,32}}(?:0[xX])?{_HEX}{{4}}\b"
    rf"|\b(?:(?:0[xX])?{_HEX}{{8}}[ ,]{{1,2}}){{2,32}}(?:0[xX])?{_HEX}{{8}}\b",
    "time": (
        rf"\b\d{{6}} \d{{6}} \d{{1,7}}\b|\b\d{{8}}[-_ T]\d{{2}}[:-]?\d{{2}}[:-]?\d{{2}}(?:[:.,]\d{{1,9}})?(?:\|\w+\|\d+)?"
        rf"|\b{_DATE}(?:[T ,_-]{{1,2}}\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?(?:[.,:]\d{{1,9}})?)?"
        r"(?:Z|[+-]\d{2}:?\d{2})?\b"
        rf"|\b(?:\d{{1,2}}[-/.]\d{{1,2}}(?:[-/.]\d{{2,4}})?[T ,]{{1,2}})?{_CLOCK}(?:[ \t]{{1,4}}\d{{1,7}}){{0,3}}\b"
    ),
    "oid": r"(?:\b|\.)[0-2](?:\.\d{1,10}){4,30}\b",
    "number": (
        r"\b[A-Za-z][A-Za-z]{0,30}(?:_-?\d{5,24})(?:[_-]\w{1,24}){0,8}\b|\b[A-Za-z_]\w{0,30}\[\d{1,12}\]"
        r"|\b[A-Za-z_]\w{0,30}(?:#|=)\d{7,20}\b"
    ),
    "version": (
        r"\bv\d{1,5}(?:\.\d{1,6}){1,6}\b|[~A-Za-z][\w+~.]{0,40}[-_~]{1,2}\d{1,5}(?:\.\d{1,6}){1,5}[\w.~-]{0,40}"
        r"|\b\d{1,5}(?:\.\d{1,6}){1,5}[-~+]\d{0,9}[A-Za-z.][\w.~+-]{0,40}|\b\d{1,3}(?:\.\d{1,6}){3}\b"
    ),
    "hex": rf"\b0[xX]{_HEX}{{1,64}}\b|\b{_HEX}{{16,128}}\b",
    "part": (
        r"\b[A-Z0-9]{5,7}-[A-Z0-9]{2,3}\b|\b[A-Z][A-Z0-9]{1,15}-\d{1,9}\b"
        r"|\b[A-Z]{2,4}\d[A-Z0-9]{6,11}\b|\b[A-Z]{2}\d{8}\b"
    ),
    "record": r"\b(?:500|00T|0WO|00a|02s|0D5|005|001|003)[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?\b",
}
HARDWARE = frozenset({"mac", "wwn"})
SERIALS = frozenset({"part"})
_QUAD = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d]|\.\d)")


class Protector:
    """Finds the technical tokens of a text in one pass. `left_out`: names of patterns that are not kept."""

    def __init__(self, left_out: frozenset[str] = frozenset()) -> None:
        self._patterns = Alternatives({n: p for n, p in PATTERNS.items() if n not in left_out})

    def find(self, scanned: Scanned, own: Iterable[str] = ()) -> list[Kept]:
        """Where they stand, in order and without overlap. `own`: this case's numbers, kept in any form.

        A run of digits alone is not protected by being hexadecimal, nor an address by its four numbers.
        """
        text = scanned.text
        framed = f"\n{text}\n"
        places = self._patterns.places(scanned)
        kept = [Kept(start, end) for start, end in places if _is_token(framed, start + 1, end + 1)]
        more = [k for word in own for k in _places(text, word)]
        return _merge(kept + more) if more else kept


def _is_token(text: str, start: int, end: int) -> bool:
    """`text` has a character before `start` and one at `end`."""
    found = text[start:end]
    before, after = text[start - 1], text[end]
    if (before.isalnum() and found[0].isalnum()) or (after.isalnum() and found[-1].isalnum()):
        return False
    if found.isdigit() and end - start < 30:
        return False
    if (before == "." or after == ".") and _is_cut_off(text, start, end):
        return False
    return found.count(".") < 3 or not _has_address(text, start, end)


def _is_cut_off(text: str, start: int, end: int) -> bool:
    """Whether numbers with dots go on before or behind a token: `03.93.92.16` of a telephone number."""
    if text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit() and text[start:end].count(".") == 3:
        return text[start:end].replace(".", "").isdigit()
    return text[start - 1 : start] == "." and text[start - 2 : start - 1].isdigit() and text[start].isdigit()


def _has_address(text: str, start: int, end: int) -> bool:
    """Whether the four numbers with dots in a token are a host's."""
    quad = _QUAD.search(text, start, end)
    return quad is not None and max(map(int, quad[0].split("."))) < 256 and not is_version(text, *quad.span())


def _places(text: str, word: str) -> list[Kept]:
    found, at = [], text.find(word)
    while at != -1:
        end = at + len(word)
        if is_bounded(text, at, end):
            found.append(Kept(at, end))
        at = text.find(word, end)
    return found


def _merge(kept: list[Kept]) -> list[Kept]:
    merged: list[Kept] = []
    for k in sorted(kept, key=lambda k: k.start):
        if merged and k.start < merged[-1].end:
            merged[-1] = Kept(merged[-1].start, max(merged[-1].end, k.end))
        else:
            merged.append(k)
    return merged
