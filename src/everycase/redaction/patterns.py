"""Personal data by its shape: found by RE2, confirmed by what the shape means (contract §6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from everycase.redaction import checks, secrets
from everycase.redaction.matching import Alternatives, Scanned, TermMatch
from everycase.redaction.spans import WEAK, Cover, Label, Span

_LABEL = r"[\pL\pN](?:[\pL\pN-]*[\pL\pN])?"
_OCTETS = r"\d{1,3}(?:\.\d{1,3}){3}"

WWN = r"\b(?:[0-9A-Fa-f]{2}[:-]){7}[0-9A-Fa-f]{2}\b"
MAC = r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b|\b(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}\b"
SERIAL = r"(?i:\b(?:serial(?: number| no\.?| nr\.?)?|s/n|sn|seriennummer)[ \t]{0,2}[:=#]?[ \t]{0,2})[A-Z0-9]{7,20}\b|\b[A-Z]{2,4}\d[A-Z0-9]{6,11}\b"
HOST = r"\b[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62}){1,6}\.[A-Za-z]{2,12}\b"

PATTERNS = {
    "userinfo": r"\b[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s/@:<>\"']{1,64}(?::[^\s/@<>\"']{0,128})?@",
    **secrets.PATTERNS,
    "login": r"\b[A-Z][A-Z0-9-]{1,14}\\[A-Za-z][A-Za-z0-9._-]{1,63}",
    "account": (
        r"(?i:\b(?:user|username|user name|login|logon|account|logged (?:in|on) as|run(?:ning)? as)[ \t]{0,2}[:=]?[ \t]{1,2})"
        r"[A-Za-z][A-Za-z0-9-]{1,14}\\[A-Za-z][A-Za-z0-9._-]{1,63}"
    ),
    "hostip": r"\b[A-Za-z][A-Za-z0-9]{0,30}(?:-[A-Za-z][A-Za-z0-9]{0,20}){0,2}-(?:\d{1,3}-){3}\d{1,3}\b(?:\.[A-Za-z0-9-]{1,63}){0,8}",
    "ipv6": (
        r"(?:[0-9A-Fa-f]{1,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|:)(?::?[0-9A-Fa-f]{1,4}){0,6}(?:\.\d{1,3}){0,3}"
        r"|[0-9A-Fa-f]{0,4}::(?:[0-9A-Fa-f]{1,4}:?){0,7}(?:\d{1,3}(?:\.\d{1,3}){3})?"
    ),
    "ipv4": rf"{_OCTETS}(?:\.\d{{1,5}})?",
    "iban": r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,4})?\b",
    "card": r"\b\d{4}[ .-]\d{4}[ .-]\d{4}[ .-]\d{1,4}(?:[ .-]\d{3})?\b|\b\d{4}[ .-]\d{6}[ .-]\d{4,5}\b|\b\d{12,19}\b",
    "ssn": r"\b\d{3}-\d{2}-\d{4}\b|\b\d{3}[ .]\d{2}[ .]\d{4}\b|(?i:\b(?:ssn|social security(?: (?:number|no|nr|num))?\.?)(?: is)?[:# ]{1,3})\d{9}\b",
}
"""In order: where two begin at one place, the earlier one wins."""

_RARE = frozenset({"userinfo", "account", *secrets.PATTERNS})
"""Looked for apart: the automaton of the others is much smaller without them."""

MAIL = {
    "quotedmail": rf"\"[^\"\n@<>]{{1,64}}\"@{_LABEL}(?:\.{_LABEL})+",
    "email": rf"[\pL\pN._%+'=-]+@(?:{_LABEL}(?:\.{_LABEL})+|\[{_OCTETS}\])",
    "spelledmail": rf"(?i:[\pL\pN._+-]+(?:[ ](?:dot|punkt)[ ][\pL\pN_+-]+){{0,3}}[ ]?[\[({{<][ ]?at[ ]?[\])}}>][ ]?{_LABEL}(?:[ ]?(?:[\[({{<][ ]?(?:dot|punkt|\.)[ ]?[\])}}>]|\.|[ ]dot[ ])[ ]?{_LABEL}){{1,4}})"
    rf"|(?i:[\pL\pN._+-]+(?:[ ](?:dot|punkt)[ ][\pL\pN_+-]+){{0,3}}[ ]at[ ]{_LABEL}(?:[ ]dot[ ]{_LABEL}){{1,4}}\b)",
}
"""Asked only of texts that have an @ or spell one: letters of every script make it dear."""

_SPELLED = (b"(at)", b"[at]", b"{at}", b"<at>", b" dot ", b"(AT)", b"[AT]", b"( at )", b"[ at ]")


class PatternFinder:
    """Everything that a shape gives away, in one pass and a check of each hit.

    `more`: patterns that a setting adds, with their labels. `keep_masks`: leave the addresses that belong
    to no host: masks, loopback.
    """

    def __init__(self, *, more: dict[str, tuple[Label, str]] | None = None, keep_masks: bool = True) -> None:
        self._more = more or {}
        self._keep_masks = keep_masks
        patterns = {n: p for n, (_, p) in self._more.items()} | PATTERNS
        self._rare = Alternatives({n: p for n, p in patterns.items() if n in _RARE})
        self._common = Alternatives({n: p for n, p in patterns.items() if n not in _RARE})
        self._mail = Alternatives(MAIL)

    def find(self, scanned: Scanned, kept: Cover, *, strict: bool = False) -> Iterator[Span]:
        """`kept`: technical tokens; what is weaker than these is not looked at. `strict`: mask what cannot be confirmed too."""
        text = scanned.text
        for m in self._rare.find(scanned):
            if span := self._confirm(text, m, strict):
                yield span
        for place, (start, end) in self._common.spans(scanned):
            is_kept = kept.touches(start, end)
            if is_kept and not self._more and _ADDRESS.match(text, start, end):
                continue
            if _QUAD.fullmatch(text, start, end):
                if not is_kept and (span := self._address(text, start, end, strict)):
                    yield span
                continue
            m = self._common.named(scanned, place, start, end)
            if is_kept and m.name in _WEAK:
                continue
            if span := self._confirm(text, m, strict):
                yield span
        if b"@" in scanned.raw or any(sign in scanned.raw for sign in _SPELLED):
            for m in self._mail.find(scanned):
                if span := self._confirm(text, m, strict):
                    yield span

    def _address(self, text: str, start: int, end: int, strict: bool) -> Span | None:
        """Four numbers with dots, which logs are full of."""
        if not strict and not checks.is_ipv4(text, start, end):
            return None
        if self._keep_masks and checks.is_nobodys(text, start, end):
            return None
        return Span(start, end, Label.IP, text[start:end], "IPv4 address")

    def _confirm(self, text: str, m: TermMatch, strict: bool) -> Span | None:
        if known := _CHECKS.get(m.name):
            return self._checked(text, m, strict, *known)
        if m.name in secrets.PATTERNS:
            return secrets.secret_span(m)
        if m.name in _INNER:
            return _INNER[m.name](text, m)
        return Span(m.start, m.end, self._more[m.name][0], m.text.lower(), m.name)

    def _checked(
        self,
        text: str,
        m: TermMatch,
        strict: bool,
        label: Label,
        rule: str,
        check: Callable[[str, int, int], bool],
    ) -> Span | None:
        name, start, _, found = m
        end = start + len(found.rstrip(".:-'" if name != "ipv6" else "."))
        if name == "email":
            start += max(len(found) - len(found.lstrip(".'-=%+")), found.rfind("=", 0, found.index("@")) + 1)
        if not strict and not check(text, start, end):
            return None
        if self._keep_masks and name == "ipv6" and checks.is_nobodys(text, start, end):
            return None
        return Span(start, end, label, text[start:end].lower(), rule)


def _userinfo(_: str, m: TermMatch) -> Span | None:
    start = m.start + m.text.index("://") + 3
    return Span(start, m.end - 1, Label.LOGIN, m.text[start - m.start : -1], "user in a URL")


def _account(text: str, m: TermMatch) -> Span | None:
    start = m.start + max(m.text.rfind(c) for c in " \t:=") + 1
    if not checks.is_login(text, start, m.end):
        return None
    return Span(start, m.end, Label.LOGIN, text[start : m.end].lower(), "account behind its word")


def _always(*_: object) -> bool:
    return True


_INNER: dict[str, Callable[[str, TermMatch], Span | None]] = {"userinfo": _userinfo, "account": _account}
_CHECKS: dict[str, tuple[Label, str, Callable[[str, int, int], bool]]] = {
    "email": (Label.EMAIL, "mail address", checks.is_email),
    "quotedmail": (Label.EMAIL, "mail address, quoted", checks.is_quoted_email),
    "spelledmail": (Label.EMAIL, "mail address, spelled out", _always),
    "login": (Label.LOGIN, "DOMAIN\\user", checks.is_login),
    "hostip": (Label.IP, "host name with an address", checks.is_host_ip),
    "ipv6": (Label.IP, "IPv6 address", checks.is_ipv6),
    "iban": (Label.IBAN, "IBAN", checks.is_iban),
    "card": (Label.CARD, "payment card", checks.is_card),
    "ssn": (Label.SSN, "social security number", checks.is_ssn),
}
_WEAK = frozenset(name for name, (label, _, _) in _CHECKS.items() if label in WEAK)
_ADDRESS = re.compile(r"(?:[0-9A-Fa-f]{0,3}[.:]|[0-9A-Fa-f]{4}:)[0-9A-Fa-f.:]*\Z")
"""What only the patterns of addresses match; told without asking the automaton for a name."""
_QUAD = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:\.[0-9]{1,5})?")
"""What no pattern before that of addresses matches."""
