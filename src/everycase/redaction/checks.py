"""What a shape means: octets, check digits, mail hosts, accounts. Each takes a text and a place in it."""

from __future__ import annotations

import ipaddress
import re

from everycase.redaction.matching import is_bounded
from everycase.redaction.versions import is_version
from everycase.redaction.words import words

_IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15), **dict.fromkeys(("BE",), 16), **dict.fromkeys(("DK", "FI", "FO", "GL", "NL", "SD"), 18),
    **dict.fromkeys(("MK", "SI"), 19), **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "XK"), 20),
    **dict.fromkeys(("CH", "CR", "HR", "LI", "LV"), 21), **dict.fromkeys(("BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "OM", "TL"), 23), **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("LY", "PT", "ST"), 25), **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"), 27), **dict.fromkeys(("AL", "AZ", "BY", "CY", "DO", "GT", "HU", "LB", "NI", "PL", "SV"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29), **dict.fromkeys(("JO", "KW", "MU"), 30), **dict.fromkeys(("MT", "SC"), 31),
    "LC": 32, "RU": 33,
}  # fmt: skip
_ANNOTATIONS = frozenset(
    "odata redfish message settings annotation annotations edm org core capabilities validation".split()
)
"""First labels of what OData writes behind an @ in the name of a property."""

_FILES = frozenset(
    "tgz gz zip jar war rpm deb exe dll so py js ts java class xml json html log txt md yaml yml cfg conf service socket".split()
)
_NOBODYS_IPV6 = frozenset({"::1", "::"})


def is_email(text: str, start: int, end: int) -> bool:
    """`name@host.domain`, and not a property of OData, a package with its version or the user of a URL."""
    name, _, host = text[start:end].rpartition("@")
    labels = host.lower().split(".")
    before = text[max(0, start - 80) : start].rpartition("://")
    if before[1] and not any(c.isspace() or c == "/" for c in before[2]):
        return False
    top = labels[-1]
    if labels[0] in _ANNOTATIONS and len(labels) == 2:
        return False
    if name.strip(".'-+%=_") == "" or not top.replace("xn--", "").replace("-", "").isalnum() or top.isdigit():
        return False
    if (
        top in words("tlds")
        or (len(top) == 2 and top not in ("py", "js", "so", "gz", "md"))
        or not top.isascii()
    ):
        return True
    return (
        top not in _FILES
        and top.isalpha()
        and host == host.lower()
        and 2 < len(top) <= 12
        and labels[0] not in _ANNOTATIONS
    )


def is_quoted_email(text: str, start: int, end: int) -> bool:
    """`"ada quill"@host.domain`; between two strings of JSON stands no name: `"1", "@odata.type"`."""
    quoted = text[start + 1 : text.index('"@', start)]
    is_name = quoted[:1].isalnum() and quoted[-1:].isalnum()
    return is_name and is_email(text, start, end)


def is_ipv4(text: str, start: int, end: int) -> bool:
    """Octets in range, not part of a longer dotted number (but for tcpdump's port), not a version."""
    if text[start - 1 : start] == "." and text[start - 2 : start - 1].isdigit():
        return False
    quad_end = _quad_end(text, start, end)
    if text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit():
        return False
    octets = [int(o) for o in text[start:quad_end].split(".")]
    if not is_bounded(text, start, end) or max(octets) > 255:
        return False
    if quad_end < end:
        return _has_port_behind(text, end, octets)
    return not is_version(text, start, end)


def _quad_end(text: str, start: int, end: int) -> int:
    """Where the first four numbers end."""
    return end if text.count(".", start, end) == 3 else text.rindex(".", start, end)


def _has_port_behind(text: str, end: int, octets: list[int]) -> bool:
    """`10.64.1.7.443`: five numbers are no object id from 3 on, and a host's where they look like one."""
    is_private = octets[0] == 10 or octets[:2] == [192, 168] or (octets[0] == 172 and 16 <= octets[1] < 32)
    is_flow = text[end : end + 3].lstrip()[:1] in (">", "<", ":")
    return octets[0] > 2 and (is_private or is_flow or sum(o >= 100 for o in octets) >= 2)


def is_nobodys(text: str, start: int, end: int) -> bool:
    """A mask, the loopback, the unspecified address: of no host in particular."""
    found = text[start:end]
    return found in _NOBODYS_IPV6 or found.startswith(("255.", "127.")) or found in ("0.0.0.0",)  # noqa: S104


def is_ipv6(text: str, start: int, end: int) -> bool:
    """What `ipaddress` takes; never `::` alone, never eight pairs of digits, which are a WWN."""
    found = text[start:end]
    if "::" not in found and found.count(":") < 6:
        return False
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


def is_host_ip(text: str, start: int, end: int) -> bool:
    """`ip-10-1-2-3.internal`, `host-198-51-100-7`; `driver-1-2-3-4` is a version."""
    name = text[start:end].partition(".")[0]
    head, *octets = name.split("-")
    if head.lower() in words("version_words") and head.lower() not in words("address_words"):
        return False
    return all(o.isdigit() and int(o) < 256 for o in octets[-4:]) and len(octets) >= 4


_UUID_TAIL = re.compile(r"(?<=-)(?:[0-9A-Fa-f]{4}-){1,3}[0-9A-Fa-f]{12}(?![^\W_])")


def is_iban(text: str, start: int, end: int) -> bool:
    """In groups of four, of the country's length, with the right check digits; never the last groups of a UUID."""
    if _UUID_TAIL.fullmatch(text, start, end):
        return False
    groups = re.split(r"[ -]", text[start:end])
    if len(groups) > 1 and any(len(g) != 4 for g in groups[:-1]):
        return False
    iban = "".join(groups).upper()
    if len(iban) != _IBAN_LENGTHS.get(iban[:2]) or not iban.isascii():
        return False
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def is_ssn(text: str, start: int, end: int) -> bool:
    """Issued numbers with hyphens; with spaces or bare only behind a word that says so."""
    found = text[start:end]
    digits = "".join(filter(str.isdigit, found))
    if (
        text[start - 1 : start] in ("-", ".", "/")
        or text[end : end + 1] in ("-", "/")
        or not is_bounded(text, start, end)
    ):
        return False
    is_issued = (
        digits[:3] not in ("000", "666")
        and digits[:3] < "900"
        and digits[3:5] != "00"
        and digits[5:] != "0000"
    )
    if found.count("-") == 2 or found[0].isalpha():
        return is_issued
    before = text[max(0, start - 32) : start].lower()
    return any(word in before for word in ("ssn", "social security", "soc sec", "soc. sec"))


_SAID_CARD = re.compile(
    r"(?i:(?:credit|debit|payment) ?card|kreditkarte|carte (?:bleue|de crédit)|tarjeta de crédito)\W{0,3}(?:\w{1,10}\W{1,3}){0,3}\Z"
)
_BEFORE_LONGER = frozenset("_./=#-")
_DIGITS = re.compile(r"[0-9]+")
_GROUP_BEFORE = re.compile(r"[0-9A-Fa-f]{4}[ ]\Z")
_GROUP_AFTER = re.compile(r"[ ][0-9A-Fa-f]{4}(?![^\W_])")
"""One more group of four: a dump, no card."""


def is_card(text: str, start: int, end: int) -> bool:
    """Issued by a network, evenly grouped, and the check digit holds; part of nothing longer."""
    if not is_bounded(text, start, end):
        return False
    said = text[max(0, start - 40) : start]
    if _may_say_card(said.lower()) and _SAID_CARD.search(said):
        return True
    found = text[start:end]
    after = text[end : end + 2]
    if text[start - 1 : start] in _BEFORE_LONGER or after[:1] == "_":
        return False
    if after[:1] in (".", "-", "/") and after[1:].isalnum():
        return False
    groups = [found] if found.isdigit() else _DIGITS.findall(found)
    digits = "".join(groups)
    if not _is_issued(digits, [len(g) for g in groups]) or not _luhn(digits) or len(set(digits)) < 2:
        return False
    if len({c for c in found if not c.isdigit()}) > 1:
        return False
    return " " not in found or not (_GROUP_BEFORE.search(said[-6:]) or _GROUP_AFTER.match(text, end))


def _may_say_card(low: str) -> bool:
    """Whether a part of every such phrase is there: quicker than to look for these."""
    return "car" in low or "kar" in low or "tar" in low


def _is_issued(digits: str, groups: list[int]) -> bool:
    """`groups`: how many digits stand together."""
    n = len(digits)
    if len(groups) > 1 and groups not in ([4, 4, 4, 4], [4, 6, 5], [4, 6, 4], [4, 4, 4, 4, 3], [4, 4, 4, 1]):
        return False
    return (
        (digits[0] == "4" and n in (13, 16, 19))
        or (
            n == 16
            and (
                digits[:2] in ("51", "52", "53", "54", "55", "35", "62", "65")
                or "2221" <= digits[:4] <= "2720"
            )
        )
        or (n == 15 and (digits[:2] in ("34", "37") or digits[:4] in ("1800", "2131")))
        or (n == 14 and digits[:2] in ("30", "36", "38", "39"))
        or (n == 16 and digits[:4] == "6011")
        or (digits[:2] in ("50", "56", "57", "58", "60", "63", "67") and 12 <= n <= 19 and len(groups) == 1)
    )


def _luhn(digits: str) -> bool:
    total = 0
    for i, c in enumerate(reversed(digits)):
        d = int(c) * (2 if i % 2 else 1)
        total += d - 9 if d > 9 else d
    return total % 10 == 0


_SLOT = re.compile(r"[A-Za-z]{1,2}\d{1,4}")
_DEVICE = re.compile(r"(?i:VEN|DEV|VID|PID|SUBSYS|CC|REV|MI|COL)_[0-9A-F]{2,8}")
_ESCAPED = re.compile(r"[nrt](?:[A-Z]|\\|\Z)")


def is_login(text: str, start: int, end: int) -> bool:
    """`DOMAIN\\user`; no path, registry key, hardware id, slot or escape."""
    domain, _, user = text[start:end].partition("\\")
    if text[end : end + 1] == "\\" or text[start - 1 : start] in ("\\", ":", "_", "/", ".", "&"):
        return False
    if domain.upper() in words("device_buses") or _DEVICE.match(user) or _ESCAPED.match(user):
        return False
    is_slots = _SLOT.fullmatch(domain) and _SLOT.fullmatch(user)
    is_file = "." in user and user.rpartition(".")[2].lower() in (
        _FILES | {"sys", "inf", "bat", "cmd", "ps1", "ini"}
    )
    return not is_slots and not is_file and is_bounded(text, start, end)
