"""Personal data by its shape: found by RE2, confirmed by what the shape means (contract §6)."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import phonenumbers

from everycase.redaction.matching import Alternatives, Match, is_bounded
from everycase.redaction.protect import VERSION_WORDS, is_version
from everycase.redaction.spans import Label, Span

_REGIONS = ("US", "GB", "DE", "FR", "IN", "AU", "ES", "IT", "NL", "CH", "SE", "JP", "BR")
_LABEL = r"[\pL\pN](?:[\pL\pN-]*[\pL\pN])?"

EVERYWHERE = {
    "userinfo": r"\b[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s/@:<>\"']{1,64}(?::[^\s/@<>\"']{0,128})?@",
    "password": (
        r"(?i:[\w.-]{0,40}(?:pass ?word|passwd|passphrase|passcode|pwd|kennwort|passwort|mot de passe|contraseña)\b"
        r"[\"']?[ \t]{0,3}(?:is|was|ist|:|=|->|=>)[ \t]{0,3}[\"']?)[^\s\"'<>]{2,128}"
    ),
    "secret": r"<(?i:[\w.:-]{0,40}(?:password|passwd|passphrase|pwd))>[^<>\s]{1,128}</",
    "login": r"\b[A-Z][A-Z0-9-]{1,14}\\[A-Za-z][A-Za-z0-9._-]{1,63}",
    "account": (
        r"(?i:\b(?:user|username|user name|login|logon|account|logged (?:in|on) as|run(?:ning)? as)[ \t]{0,2}[:=]?[ \t]{1,2})"
        r"[A-Za-z][A-Za-z0-9-]{1,14}\\[A-Za-z][A-Za-z0-9._-]{1,63}"
    ),
    "hostip": r"\b[A-Za-z][A-Za-z0-9]{0,30}-(?:\d{1,3}-){3}\d{1,3}\b(?:\.[A-Za-z0-9-]{1,63}){0,8}",
    "ipv6": (
        r"(?:[0-9A-Fa-f]{1,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|:)(?::?[0-9A-Fa-f]{1,4}){0,6}(?:\.\d{1,3}){0,3}"
        r"|[0-9A-Fa-f]{0,4}::(?:[0-9A-Fa-f]{1,4}:?){0,7}(?:\d{1,3}(?:\.\d{1,3}){3})?"
    ),
    "ipv4": r"\d{1,3}(?:\.\d{1,3}){3}",
    "iban": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
    "ssn": r"\b\d{3}-\d{2}-\d{4}\b",
}
_PHONE = Alternatives(
    {
        "phone": r"(?:\+|\b00)?\(?\d(?:[ \t\x{a0}]?[().\-–/ \t]{0,3}\d){6,}(?:[ \t]{0,2}(?i:ext|extension|x)\.?[ \t]{0,2}\d{1,6})?"
    }
)
"""A pass of its own: a run of digits and signs would swallow the address beside it."""

_EMAIL = Alternatives({"email": rf"[\pL\pN._%+'=-]+@{_LABEL}(?:\.{_LABEL})+"})
"""Asked only of texts that have an @: letters of every script make it dear."""

_MAC = r"\b(?:[0-9A-Fa-f]{2}[:-]){7}[0-9A-Fa-f]{2}\b|\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"

_PHONE_WORDS = frozenset("phone telephone tel mobile cell fax call hotline ph mob".split())
_PHONE_PHRASES = ("call me at", "reach me at")
_SECRET_SIGN = re.compile(
    r"[\w.\- ]*?(?:pass ?word|passwd|passphrase|passcode|pwd|kennwort|passwort|passe|contraseña)"
    r"[\"']?[ \t]{0,3}(is|was|ist|->|=>|[:=])[ \t]{0,3}[\"']?",
    re.IGNORECASE,
)
_NEXT_KEY = re.compile(r"[,;&](?=[A-Za-z_.]{1,40}[=:])")
_PART = re.compile(r"[^\s]+")
_MOST_PARTS = 6
_MOST_DIGITS = 19
"""Groups that a written number has at the most."""

_NOT_SECRETS = frozenset(
    "required needed wrong invalid incorrect correct not null none empty blank reset changed expired missing the a an "
    "set true false default protected rejected refused accepted and or for to in on is was ist".split()
)
_HIVES = frozenset(
    {
        "ERROR",
        "WARN",
        "INFO",
        "FAILED",
        "HKLM",
        "HKCU",
        "HKCR",
        "HKU",
        "HKCC",
        "SYSTEM",
        "SOFTWARE",
        "BUILTIN",
        "AUTHORITY",
    }
)


class PatternFinder:
    """Everything that a shape gives away, in one pass and a check of each hit."""

    def __init__(self, *, keep_hardware_addresses: bool) -> None:
        patterns = dict(EVERYWHERE)
        if not keep_hardware_addresses:
            patterns = {"hardware": _MAC, **patterns}
        self._patterns = Alternatives(patterns)

    def find(self, text: str, raw: bytes, *, known_phones: frozenset[str], strict: bool) -> Iterator[Span]:
        """`known_phones`: digits of the case's own numbers. `strict`: mask what cannot be confirmed too."""
        for m in self._patterns.find(text, raw):
            yield from self._confirm(text, m, strict)
        for m in _PHONE.find(text, raw):
            yield from _number(text, m, known_phones, strict)
        if b"@" in raw:
            for m in _EMAIL.find(text, raw):
                yield from self._confirm(text, m, strict)

    def _confirm(self, text: str, m: Match, strict: bool) -> Iterator[Span]:
        if m.name == "password":
            yield from _password(m)
        elif m.name == "userinfo":
            start = m.start + m.text.index("://") + 3
            yield Span(start, m.end - 1, Label.LOGIN, text[start : m.end - 1])
        elif m.name == "secret":
            start = m.start + m.text.index(">") + 1
            yield Span(start, m.end - 2, Label.PASSWORD, text[start : m.end - 2])
        elif m.name == "account":
            start = m.start + max(m.text.rfind(c) for c in " \t:=") + 1
            if _is_login(text, start, m.end):
                yield Span(start, m.end, Label.LOGIN, text[start : m.end].lower())
        else:
            label, check = _CHECKS[m.name]
            end = m.start + len(m.text.rstrip(".:-'" if m.name != "ipv6" else "."))
            if strict or check(text, m.start, end):
                yield Span(m.start, end, label, text[m.start : end].lower())


def _password(m: Match) -> Iterator[Span]:
    """What follows the word; after `is` and `was` only what looks like a secret."""
    head = m.text
    cut = _SECRET_SIGN.match(head)
    if cut is None:  # letters that only RE2 takes for equal
        yield Span(m.start, m.end, Label.PASSWORD, head)
        return
    value = _NEXT_KEY.split(head[cut.end() :], maxsplit=1)[0].rstrip(".,;)]}")
    is_prose = not any(s in cut[1] for s in ":=>")
    looks_secret = not value.isalpha() and any(c.isalnum() for c in value)
    if value.lower() not in _NOT_SECRETS and value and (looks_secret or not is_prose):
        start = m.start + cut.end()
        yield Span(start, start + len(value), Label.PASSWORD, value)


def _number(text: str, m: Match, phones: frozenset[str], strict: bool) -> Iterator[Span]:
    """A run of digits: a card, a number of the case's own people, or a valid telephone number.

    A run may be several things side by side: where the whole is nothing, its parts are looked at.
    """
    whole = _meaning(text, m.start, m.text, phones, strict)
    if whole:
        yield whole
        return
    parts = [found.span() for found in _PART.finditer(m.text)]
    first = 0 if len(parts) > 1 else len(parts)
    while first < len(parts):
        for last in _windows(m.text, parts, first):
            start, end = parts[first][0], parts[last][1]
            span = _meaning(text, m.start + start, m.text[start:end], phones, strict)
            if span:
                yield span
                first = last
                break
        first += 1


def _windows(run: str, parts: Sequence[tuple[int, int]], first: int) -> list[int]:
    """Which parts from `first` on may be one number, longest first: 7 to 19 digits, mostly in groups.

    A part with three dots is an address, and ends a number.
    """
    found: list[int] = []
    digits = 0
    for last in range(first, min(first + _MOST_PARTS, len(parts))):
        part = run[parts[last][0] : parts[last][1]]
        digits += sum(map(str.isdigit, part))
        if digits > _MOST_DIGITS or part.count(".") == 3:
            break
        if digits >= 7 and digits >= 2 * (last - first):
            found.append(last)
    return found[::-1]


def _meaning(text: str, start: int, shape: str, phones: frozenset[str], strict: bool) -> Span | None:
    digits = "".join(c for c in shape if c.isdigit())
    end = start + len(shape)
    if len(digits) < 7 or not is_bounded(text, start, end):
        return None
    if _is_card(digits, shape):
        return Span(start, end, Label.CARD, digits)
    if _is_own(digits, phones):
        return Span(start, end, Label.PHONE, digits[-9:], is_known=True)
    if strict or _is_phone(text, start, shape, digits):
        return Span(start, end, Label.PHONE, digits[-9:])
    return None


def _is_own(digits: str, phones: frozenset[str]) -> bool:
    """Whether it ends as a number of the case's people does: country codes and trunk zeros differ."""
    return bool(phones) and (
        digits[-9:] in phones
        or any(digits[-n:] in phones for n in (8, 7))
        or any(p.endswith(digits) for p in phones if len(digits) < len(p))
    )


def _is_card(digits: str, shape: str) -> bool:
    n = len(digits)
    is_issued = (
        (digits[0] == "4" and n in (13, 16, 19))
        or (digits[:2] in ("51", "52", "53", "54", "55") and n == 16)
        or ("2221" <= digits[:4] <= "2720" and n == 16)
        or ((digits[:2] in ("34", "37") or digits[:4] in ("1800", "2131")) and n == 15)
        or (digits[:2] in ("30", "36", "38", "39") and n == 14)
        or (digits[:2] in ("35", "62", "65") and n == 16)
        or (digits[:4] == "6011" and n == 16)
        or (digits[:2] in ("50", "56", "57", "58", "60", "63", "67") and 12 <= n <= 19 and " " not in shape)
    )
    return is_issued and _luhn(digits)


def _luhn(digits: str) -> bool:
    total = 0
    for i, c in enumerate(reversed(digits)):
        d = int(c) * (2 if i % 2 else 1)
        total += d - 9 if d > 9 else d
    return total % 10 == 0


def _is_phone(text: str, start: int, shape: str, digits: str) -> bool:
    """A number that some region dials, written as people write numbers or after a word that says so."""
    if not 7 <= len(digits) <= 17 or "\t\t" in shape:
        return False
    before = text[max(0, start - 24) : start]
    if shape[0] == "+":
        return 8 <= len(digits) <= 15
    if shape.startswith("00") and len(digits) > 10:
        return _is_valid("+" + digits.removeprefix("00"), "ZZ")
    is_named = _names_a_phone(before)
    groups = [len(g) for g in _groups(shape)]
    if not is_named and not _is_written_as_number(shape, groups):
        return False
    number = shape.split("x")[0].split("e")[0]
    return any(
        _is_valid(number, region) for region in (_REGIONS if is_named or shape[0] in "(0" else _REGIONS[:1])
    )


def _names_a_phone(before: str) -> bool:
    said = before.lower().rstrip(" \t\n.:=(#-")
    word = said[len(said.rstrip(string.ascii_lowercase)) :]
    return word in _PHONE_WORDS or said.endswith(_PHONE_PHRASES)


def _groups(shape: str) -> list[str]:
    return "".join(c if c.isdigit() else " " for c in shape.split("x")[0].split("e")[0]).split()


def _is_written_as_number(shape: str, groups: list[int]) -> bool:
    """(555) 010-0199, 555-010-0199, 1 555 010 0199, 030 123 45 67: not a bare run, not a decimal."""
    if len(groups) < 2:
        return False
    if groups[-3:] == [3, 3, 4] and len(groups) <= 4:
        return True
    if shape[0] == "0" and groups == [2, 2, 2, 2, 2]:
        return True
    return shape[0] in "(0" and len(groups) <= 6 and all(2 <= g <= 8 for g in groups) and "." not in shape


@lru_cache(maxsize=8192)
def _is_valid(number: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, None if region == "ZZ" else region))
    except phonenumbers.NumberParseException:
        return False


def _is_email(text: str, start: int, end: int) -> bool:
    name, _, domain = text[start:end].partition("@")
    before = text[max(0, start - 80) : start].rpartition("://")
    if before[1] and not any(c.isspace() or c == "/" for c in before[2]):
        return False  # the user of a URL, found as such
    return (
        name.strip(".'-") != "" and domain.rpartition(".")[2].isalpha() and len(domain.rpartition(".")[2]) > 1
    )


def _is_ipv4(text: str, start: int, end: int) -> bool:
    """Octets in range (`010` too, as people pad them), not part of a longer dotted number, not a version."""
    if text[start - 1 : start] == "." and text[start - 2 : start - 1].isdigit():
        return False
    if text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit():
        return False
    if not is_bounded(text, start, end) or any(int(o) > 255 for o in text[start:end].split(".")):
        return False
    return not is_version(text, start, end)


def _is_ipv6(text: str, start: int, end: int) -> bool:
    """What `ipaddress` takes; never `::` alone, never eight pairs of digits, which are a WWN."""
    found = text[start:end]
    if not is_bounded(text, start, end) or (start and text[start - 1] in ":.") or text[end : end + 1] == ":":
        return False
    if not any(c.isdigit() for c in found) or len(found.strip(":")) < 1 or found.count(":") < 2:
        return False
    groups = found.split(":")
    if len(groups) == 8 and all(len(g) == 2 for g in groups):
        return False
    try:
        ipaddress.IPv6Address(found)
    except ValueError:
        return False
    return True


def _is_host_ip(text: str, start: int, end: int) -> bool:
    name = text[start:end].partition(".")[0]
    head, *octets = name.split("-")
    return all(o.isdigit() and int(o) < 256 for o in octets[-4:]) and head.lower() not in VERSION_WORDS.split(
        "|"
    )


def _is_iban(text: str, start: int, end: int) -> bool:
    iban = text[start:end].replace(" ", "")
    if not 15 <= len(iban) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def _is_ssn(text: str, start: int, end: int) -> bool:
    area, group, serial = text[start:end].split("-")
    if text[start - 1 : start] == "-" or text[end : end + 1] == "-":
        return False
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _is_login(text: str, start: int, end: int) -> bool:
    """`DOMAIN\\user`, and not a path or a registry key."""
    domain = text[start:end].partition("\\")[0].upper()
    is_path = text[end : end + 1] == "\\" or text[start - 1 : start] in ("\\", ":", "_", "/", ".")
    return not is_path and domain not in _HIVES and is_bounded(text, start, end)


def _always(text: str, start: int, end: int) -> bool:
    return is_bounded(text, start, end)


_CHECKS: dict[str, tuple[Label, Callable[[str, int, int], bool]]] = {
    "hardware": (Label.HARDWARE, _always),
    "email": (Label.EMAIL, _is_email),
    "login": (Label.LOGIN, _is_login),
    "hostip": (Label.IP, _is_host_ip),
    "ipv6": (Label.IP, _is_ipv6),
    "ipv4": (Label.IP, _is_ipv4),
    "iban": (Label.IBAN, _is_iban),
    "ssn": (Label.SSN, _is_ssn),
}
