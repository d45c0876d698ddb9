"""Shapes that leave no doubt: what the residual scan looks for beside the case's own values."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import re2

from everycase.redaction.spans import Label


@dataclass(frozen=True, slots=True)
class Residue:
    """Something personal that is left, by the shape that gave it away; never its text."""

    shape: str
    label: Label
    start: int
    end: int


_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 64 << 20
_SHAPES: Mapping[str, tuple[Label, str]] = {
    "user-info": (Label.LOGIN, r"[a-z][a-z0-9+.-]{1,12}://[^\s/@\x00]{1,64}:[^\s/@\x00]{1,64}@"),
    "mail": (
        Label.EMAIL,
        r"[a-z0-9\x{80}-\x{10FFFF}._+-]+@(?:[a-z0-9\x{80}-\x{10FFFF}-]+\.)+(?:com|net|org|edu|gov|info|biz|de|fr|uk|us|it|es|nl|pl|se|eu|jp|cn|in|ch|at|be|br|ru|example|test)\b",
    ),
    "phone": (
        Label.PHONE,
        r"\+[1-9]\d{0,2}[ .-]?\(?\d{1,4}\)?(?:[ .-]\d{2,5}){2,4}\b|\(\d{3}\) ?\d{3}[ .-]\d{4}\b|\b\d{3}-\d{3}-\d{4}\b",
    ),
    "social security": (
        Label.SSN,
        r"(?i:ssn|social security(?: number)?)[ :#]{1,4}\d{3}[- ]?\d{2}[- ]?\d{4}\b",
    ),
    "account": (Label.IBAN, r"\b[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{4}){3,7}(?:[ -]?[a-z0-9]{1,3})?\b"),
    "card": (
        Label.CARD,
        r"(?:^|[ :,(])[3-6]\d{3}([ .-]?)\d{4}[ .-]?\d{4}[ .-]?\d{4}(?:[ .,;)]|$)".replace(
            "([ .-]?)", "[ .-]"
        ),
    ),
    "address": (
        Label.IP,
        r"(?:ip|host|ping|address|server|gateway)[ :=]{1,3}\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|\b(?:192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b",
    ),
    "address of version 6": (
        Label.IP,
        r"\b(?:fe80|2001|2[0-9a-f]{3}|fd[0-9a-f]{2}):(?:[0-9a-f]{0,4}:){2,6}[0-9a-f]{1,4}\b",
    ),
    "host": (Label.IP, r"\b(?:ip|host|node|client|server)-\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3}\b"),
    "password": (
        Label.PASSWORD,
        r"(?:password|passwort|passwd|kennwort)[\"']?[ \t]{0,2}[:=][ \t]{0,2}[\"']?[a-z]{1,40}[0-9!#$%&*]{1,20}",
    ),
    "login": (
        Label.LOGIN,
        r"\b(?:user|login|account|logged in as)[ :=]{1,3}[a-z][a-z0-9-]{2,14}\\[a-z][a-z0-9._-]{2,40}\b",
    ),
}


@cache
def _any_shape() -> Any:
    return re2.compile("|".join(f"(?:{p})" for _, p in _SHAPES.values()).encode(), _OPTIONS)


@cache
def _candidates() -> Any:
    """Says quickly which shapes a hit may have; what stands around it is for `_each_shape`."""
    found = re2.Set.FullMatchSet(_OPTIONS)
    for _, pattern in _SHAPES.values():
        found.Add(pattern.encode())
    found.Compile()
    return found


@cache
def _each_shape() -> Sequence[tuple[str, Any]]:
    return [(name, re2.compile(p.encode(), _OPTIONS)) for name, (_, p) in _SHAPES.items()]


def find_shapes(text: str, seen: str) -> Iterator[Residue]:
    raw = seen.encode("utf-8", "replace")
    is_ascii = len(raw) == len(seen)
    at_byte = start = 0
    for found in _any_shape().finditer(raw):
        first, last = found.span()
        start = first if is_ascii else start + len(raw[at_byte:first].decode("utf-8", "replace"))
        at_byte = first
        hit = raw[first:last].decode("utf-8", "replace")
        name = _name(raw, first, last)
        if name and _stands(name, hit, text, start):
            yield Residue(name, _SHAPES[name][0], start, start + len(hit))


def _name(raw: bytes, first: int, last: int) -> str:
    """The first shape that a hit has; none if it has one only without what stands around it."""
    candidates: list[int] = _candidates().Match(raw[first:last]) or []
    for which in sorted(candidates):
        name, pattern = _each_shape()[which]
        if pattern.fullmatch(raw, first, last):
            return str(name)
    return ""


def _stands(name: str, hit: str, text: str, start: int) -> bool:
    """Whether a shape means what it says: check sums, octets, issued numbers, parts of longer tokens."""
    if name == "account":
        return _adds_up(hit)
    if name == "card":
        before, after = text[max(0, start - 4) : start], text[start + len(hit) - 1 : start + len(hit) + 1]
        is_more = len(before) == 4 and before.isalnum() and any(map(str.isdigit, before))
        if is_more or (after[:1] == " " and after[1:].isdigit()):
            return False
        return _luhn(hit) and len({c for c in hit.strip(" :,(;.)") if not c.isdigit()}) == 1
    if name == "address":
        return _is_host(hit, text[start + len(hit) : start + len(hit) + 2], text[max(0, start - 2) : start])
    if name == "phone":
        before, after = text[max(0, start - 1) : start], text[start + len(hit) : start + len(hit) + 2]
        return not (before.isalnum() or before in tuple("-._/=#")) and not (
            after[:1] in "-._/" and after[1:].isalnum()
        )
    if name == "mail":
        return (
            not hit.startswith(("git@", "members@", "status@"))
            and "@odata." not in hit
            and "@redfish." not in hit
        )
    return name != "address of version 6" or _is_v6(hit)


def _is_host(hit: str, after: str, before: str) -> bool:
    quad = hit.split()[-1].rpartition("=")[2].rpartition(":")[2]
    if (after[:1] in ".-_" and after[1:].isalnum()) or before[-1:] in tuple(".-_"):
        return False
    if any(len(p) == 2 and p[0] == "0" for p in quad.split(".")):
        return False
    try:
        address = ipaddress.IPv4Address(quad)
    except ValueError:
        return False
    return (
        not (address.is_loopback or address.is_unspecified or quad.startswith(("255.", "0.")))
        and max(map(int, quad.split("."))) >= 100
    )


def _is_v6(hit: str) -> bool:
    try:
        ipaddress.IPv6Address(hit)
    except ValueError:
        return False
    return True


def _adds_up(hit: str) -> bool:
    iban = "".join(filter(str.isalnum, hit)).upper()
    *groups, last = re.split(r"[ -]", hit)
    if any(len(g) != 4 for g in groups) or ("-" in hit and len(last) == 12):  # the end of a UUID
        return False
    if not iban.isascii() or not 15 <= len(iban) <= 34 or not any(map(str.isdigit, iban[4:])):
        return False
    return iban[:2] in _COUNTRIES and int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


_COUNTRIES = frozenset(
    "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IT LI LT LU LV MT NL NO PL PT RO SE SI SK TR".split()
)


def _luhn(hit: str) -> bool:
    digits = [int(c) for c in hit if c.isdigit()][::-1]
    return sum(digits[0::2] + [d * 2 // 10 + d * 2 % 10 for d in digits[1::2]]) % 10 == 0
