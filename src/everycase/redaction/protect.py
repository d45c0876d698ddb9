"""Technical tokens that look like personal data and are not (contract §6, "never touched")."""

from __future__ import annotations

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


class Protector:
    """Finds the technical tokens of a text in one pass."""

    def __init__(self, *, keep_hardware_addresses: bool) -> None:
        left_out = frozenset() if keep_hardware_addresses else _HARDWARE
        self._patterns = Alternatives({n: p for n, p in _PATTERNS.items() if n not in left_out})

    def find(self, text: str, raw: bytes) -> list[Kept]:
        """Where they stand. A run of digits alone is not protected by being hexadecimal."""
        return [
            Kept(m.start, m.end)
            for m in self._patterns.find(text, raw)
            if is_bounded(text, m.start, m.end) and not (m.name == "hex" and m.text.isdigit())
        ]
