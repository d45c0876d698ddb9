"""Personal data by its shape: found by RE2, confirmed by what the shape means (contract §6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from everycase.redaction import checks, secrets
from everycase.redaction.matching import Alternatives, Match, Scanned
from everycase.redaction.spans import Label, Span

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
    "ssn": r"\b\d{3}-\d{2}-\d{4}\b|\b\d{3}[ .]\d{2}[ .]\d{4}\b|(?i:\bssn[:# ]{1,3})\d{9}\b",
}
"""In order: where two begin at one place, the earlier one wins."""

MAIL = {
    "quotedmail": rf"\"[^\"\n@<>]{{1,64}}\"@{_LABEL}(?:\.{_LABEL})+",
    "email": rf"[\pL\pN._%+'=-]+@(?:{_LABEL}(?:\.{_LABEL})+|\[{_OCTETS}\])",
    "spelledmail": rf"(?i:[\pL\pN._+-]+[ ]?[\[({{<][ ]?at[ ]?[\])}}>][ ]?{_LABEL}(?:[ ]?(?:[\[({{<][ ]?(?:dot|punkt|\.)[ ]?[\])}}>]|\.|[ ]dot[ ])[ ]?{_LABEL}){{1,4}})"
    rf"|(?i:[\pL\pN._+-]+[ ]at[ ]{_LABEL}(?:[ ]dot[ ]{_LABEL}){{1,4}}\b)",
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
        self._patterns = Alternatives({n: p for n, (_, p) in self._more.items()} | PATTERNS)
        self._mail = Alternatives(MAIL)

    def find(self, scanned: Scanned, *, strict: bool = False) -> Iterator[Span]:
        """`strict`: mask what cannot be confirmed too."""
        for m in self._patterns.find(scanned):
            yield from self._confirm(scanned.text, m, strict)
        if b"@" in scanned.raw or any(sign in scanned.raw for sign in _SPELLED):
            for m in self._mail.find(scanned):
                yield from self._confirm(scanned.text, m, strict)

    def _confirm(self, text: str, m: Match, strict: bool) -> Iterator[Span]:
        if m.name in secrets.PATTERNS:
            yield from secrets.secret_span(m)
        elif m.name in _INNER:
            yield from _INNER[m.name](text, m)
        elif m.name in self._more:
            yield Span(m.start, m.end, self._more[m.name][0], m.text.lower(), m.name)
        else:
            yield from self._checked(text, m, strict)

    def _checked(self, text: str, m: Match, strict: bool) -> Iterator[Span]:
        label, rule, check = _CHECKS[m.name]
        start, end = m.start, m.start + len(m.text.rstrip(".:-'" if m.name != "ipv6" else "."))
        if m.name == "email":
            start += max(
                len(m.text) - len(m.text.lstrip(".'-=%+")), m.text.rfind("=", 0, m.text.index("@")) + 1
            )
        if m.name in ("ipv4", "ipv6") and self._keep_masks and checks.is_nobodys(text, start, end):
            return
        if strict or check(text, start, end):
            yield Span(start, end, label, text[start:end].lower(), rule)


def _userinfo(_: str, m: Match) -> Iterator[Span]:
    start = m.start + m.text.index("://") + 3
    yield Span(start, m.end - 1, Label.LOGIN, m.text[start - m.start : -1], "user in a URL")


def _account(text: str, m: Match) -> Iterator[Span]:
    start = m.start + max(m.text.rfind(c) for c in " \t:=") + 1
    if checks.is_login(text, start, m.end):
        yield Span(start, m.end, Label.LOGIN, text[start : m.end].lower(), "account behind its word")


def _always(*_: object) -> bool:
    return True


_INNER: dict[str, Callable[[str, Match], Iterator[Span]]] = {"userinfo": _userinfo, "account": _account}
_CHECKS: dict[str, tuple[Label, str, Callable[[str, int, int], bool]]] = {
    "email": (Label.EMAIL, "mail address", checks.is_email),
    "quotedmail": (Label.EMAIL, "mail address, quoted", _always),
    "spelledmail": (Label.EMAIL, "mail address, spelled out", _always),
    "login": (Label.LOGIN, "DOMAIN\\user", checks.is_login),
    "hostip": (Label.IP, "host name with an address", checks.is_host_ip),
    "ipv6": (Label.IP, "IPv6 address", checks.is_ipv6),
    "ipv4": (Label.IP, "IPv4 address", checks.is_ipv4),
    "iban": (Label.IBAN, "IBAN", checks.is_iban),
    "card": (Label.CARD, "payment card", checks.is_card),
    "ssn": (Label.SSN, "social security number", checks.is_ssn),
}
