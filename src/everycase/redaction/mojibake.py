"""UTF-8 that was read in another encoding: repaired in texts, and made of names to look for it.

`JÃ¼rgen` defeats a deny list. Each garbled sequence is judged alone and in linear time; a sequence is
repaired only where the result is a letter or a sign that people type (docs/facts.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_CODECS = ("cp1252", "latin-1", "mac_roman", "cp437", "cp850", "iso8859-15", "cp1250", "cp1251")
"""What UTF-8 is taken for: Windows, Unix, old Macs, consoles, Eastern Europe."""

_CONSOLES = ("mac_roman", "cp437", "cp850")
_LAYERS = 3
_RANGES = ((0xA1, 0x17F), (0x391, 0x3C9), (0x410, 0x44F))
"""Latin with accents and signs, Greek, Cyrillic."""


def _readings() -> dict[str, str]:
    """Garbled sequence → the character that it stood for, for the characters that names and texts use.

    Of the consoles' encodings only letters of Western Europe: the rest are frames of tables.
    """
    meant = [chr(p) for first, last in _RANGES for p in range(first, last + 1)] + list("–—‘’“”„…•€™")
    found = {_read_as(c, "cp1252"): c for c in meant}
    letters = [c for c in meant if "\xc0" <= c <= "\xff" and c.isalpha()]
    return {_read_as(c, codec): c for codec in _CONSOLES for c in letters} | found


def _read_as(c: str, codec: str) -> str:
    """`c` in UTF-8, read in `codec`; C1 controls stand for what Windows leaves undefined."""
    raw = c.encode()
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return "".join(_byte_as(b, codec) for b in raw) if codec == "cp1252" else ""


def _byte_as(byte: int, codec: str) -> str:
    try:
        return bytes((byte,)).decode(codec)
    except UnicodeDecodeError:
        return chr(byte)


@cache
def _table() -> tuple[re.Pattern[str], dict[str, str]]:
    """Built when the first text needs it."""
    readings = _readings()
    leads, rests = (re.escape("".join({c for g in readings for c in g[part]})) for part in (_LEAD, _REST))
    windows = f"[\xc2-\xdf][{rests}]|[\xe2-\xef][{rests}]{{2}}"
    console = f"(?:(?<=[A-Za-z])[{leads}][{rests}]|[{leads}][{rests}](?=[A-Za-z]))"
    return re.compile(f"{windows}|{console}"), readings


_LEAD, _REST = slice(0, 1), slice(1, None)


def repaired(text: str) -> str:
    """The text with garbled sequences as what they were. Linear: one pass a layer, a look-up a sequence."""
    pattern, readings = _table()
    for _ in range(_LAYERS):
        if not pattern.search(text):
            break
        once = pattern.sub(lambda m: readings.get(m[0], m[0]), text)
        if once == text:
            break
        text = once
    return text


def garbled_forms(name: str) -> Iterator[str]:
    """How a name with letters beyond ASCII looks when its UTF-8 was read wrongly, or its letters were lost."""
    if name.isascii():
        return
    raw = name.encode()
    for codec in _CODECS:
        yield raw.decode(codec, "replace")
    for lost in ("?", "\ufffd", "??", "_", ""):
        yield "".join(c if c.isascii() else lost for c in name)
