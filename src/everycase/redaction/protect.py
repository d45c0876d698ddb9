"""Technical tokens that look like personal data and are not (contract §6, "never touched")."""

from __future__ import annotations

import re
from collections.abc import Iterable

from everycase.redaction.matching import Alternatives, is_bounded
from everycase.redaction.spans import Kept

VERSION_WORDS = (
    "version|versions|ver|v|firmware|fw|release|rel|rev|revision|build|bios|rom|driver|drivers|patch|"
    "hotfix|kernel|jdk|jre|java|python|ilo|oneview|spp|esxi|vcenter|vmware|windows|rhel|sles|ubuntu|debian|"
    "centos|apache|nginx|tomcat|openssl|zookeeper|storm|kafka|hadoop|netty|log4j|jetty|curator|maven|npm|"
    "node|agent|client|package|rpm|library|os|image|bundle|upgrade|upgraded|update|updated|oid|mib"
)

_HEX = "[0-9a-fA-F]"
_PATTERNS = {
    "uuid": rf"\b{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}\b",
    "wwn": rf"\b(?:{_HEX}{{2}}[:-]){{7}}{_HEX}{{2}}\b",
    "mac": rf"\b(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}\b|\b(?:{_HEX}{{4}}\.){{2}}{_HEX}{{4}}\b",
    "pci": rf"\b(?:{_HEX}{{4}}:)?{_HEX}{{2}}:{_HEX}{{2}}\.[0-7]\b",
    "cve": r"\b(?i:CVE)-\d{4}-\d{4,7}\b",
    "oid": r"(?:\b|\.)[0-2](?:\.\d{1,10}){4,30}\b",
    "time": (
        r"\b\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[T ,_]\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[.,:]\d{1,9})?)?"
        r"(?:Z|[+-]\d{2}:?\d{2})?\b"
        r"|\b\d{1,2}/\d{1,2}/\d{2,4}\b(?: \d{1,2}:\d{2}(?::\d{2})?)?"
        r"|\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?\b"
    ),
    "version": (
        rf"(?i:\b(?:{VERSION_WORDS})[ \t]{{0,3}}(?:\d{{1,4}}[ \t]{{1,2}})?(?:is|was|to|from|=|:|#|-|_|@)?"
        rf"[ \t]{{0,3}}v?\d{{1,6}}(?:[._]\d{{1,6}}){{1,6}}[\w.+-]{{0,40}})"
        r"|\bv\d{1,5}(?:\.\d{1,6}){1,6}\b"
        r"|\b[A-Za-z][\w+]{1,40}[-_]\d{1,5}(?:\.\d{1,6}){1,5}[\w.-]{0,40}"
    ),
    "hex": rf"\b0[xX]{_HEX}{{1,64}}\b|\b{_HEX}{{16,128}}\b",
    "part": (
        r"\b[A-Z0-9]{5,7}-[A-Z0-9]{2,3}\b|\b[A-Z][A-Z0-9]{1,15}-\d{1,9}\b"
        r"|\b[A-Z]{2,4}\d[A-Z0-9]{6,11}\b|\b[A-Z]{2}\d{8}\b"
    ),
    "record": r"\b(?:500|00T|0WO|00a|02s|0D5|005|001|003)[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?\b",
}
_HARDWARE = frozenset({"mac", "wwn"})


_QUAD = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d]|\.\d)")
_LEFT = re.compile(
    r"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9+]{0,30})"
    r"([ \t]{0,3})(?:is|was|to|from|[=:#_@(-])?[ \t]{0,3}v?\Z"
)
_SURE = frozenset(
    "version versions ver v firmware fw release rel rev revision build bios rom driver drivers patch "
    "hotfix kernel jdk jre spp rpm package oid mib".split()
)
"""Words that a version follows and an address does not."""
_HOSTS = frozenset("ip host server srv node addr address client vm".split())
"""Words glued to an address, as in `ip-…`, that make it none the less one."""
_WORDS = frozenset(VERSION_WORDS.split("|"))
_HOST_OCTET = 100
"""A version seldom has a part as large as this; every second address has."""


def is_version(text: str, start: int, end: int) -> bool:
    """Whether the four numbers at `[start, end)` are a version: by the word to the left, and by themselves.

    A word that versions and hosts may both follow (`iLO`, `node`, `client`) leaves it to the numbers:
    private networks and large parts are addresses.
    """
    octets = [int(o) for o in text[start:end].split(".")]
    if octets[:2] in ([192, 168], [169, 254], [127, 0]) or (octets[0] == 172 and 16 <= octets[1] < 32):
        return False
    before = _LEFT.search(text[max(0, start - 40) : start])
    if before is None:
        return False
    word = before[1].lower()
    if word in _SURE:
        return True
    is_glued = not before[2] and text[start - 1] in "-_"
    if not (word in _WORDS or (is_glued and word not in _HOSTS)):
        return False
    return octets[0] != 10 and max(octets) < _HOST_OCTET


class Protector:
    """Finds the technical tokens of a text in one pass."""

    def __init__(self, *, keep_hardware_addresses: bool) -> None:
        left_out = frozenset() if keep_hardware_addresses else _HARDWARE
        self._patterns = Alternatives({n: p for n, p in _PATTERNS.items() if n not in left_out})

    def find(self, text: str, raw: bytes, own: Iterable[str] = ()) -> list[Kept]:
        """Where they stand, in order and without overlap. `own`: this case's numbers, kept in any form.

        A run of digits alone is not protected by being hexadecimal, nor an address by a word before it.
        """
        kept = [
            Kept(m.start, m.end)
            for m in self._patterns.find(text, raw)
            if is_bounded(text, m.start, m.end)
            and not (m.name == "hex" and m.text.isdigit())
            and not (m.name == "version" and _is_host(text, m.start, m.end))
        ]
        more = [k for word in own for k in _places(text, word)]
        return _merge(kept + more) if more else kept


def _is_host(text: str, start: int, end: int) -> bool:
    quad = _QUAD.search(text, start, end)
    return quad is not None and not is_version(text, quad.start(), quad.end())


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
