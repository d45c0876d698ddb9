"""`str.translate` for texts that are mostly ASCII: a look-up for each other character, not for every one."""

from __future__ import annotations

from collections.abc import Mapping

_ASCII = bytes(range(128))
_MOST = 48
"""Different characters beyond ASCII: with more of them `str.translate` is quicker."""


def beyond_ascii(text: str) -> set[str]:
    """The characters of a text that are not ASCII."""
    return set(text.encode(errors="surrogatepass").translate(None, _ASCII).decode(errors="surrogatepass"))


def translated(text: str, table: Mapping[int, str]) -> str:
    """`text.translate(table)`, of a table that leaves ASCII as it is, and every other character too or makes ASCII of it."""
    beyond = beyond_ascii(text)
    if len(beyond) > _MOST:
        return text.translate(table)
    for c in beyond:
        if (meant := table[ord(c)]) != c:
            text = text.replace(c, meant)
    return text


def as_ascii(text: str, table: Mapping[int, str]) -> str | None:
    """The text with what the table has for each character beyond ASCII; None where that is not all ASCII."""
    beyond = beyond_ascii(text)
    if len(beyond) > _MOST or not all(table[ord(c)].isascii() for c in beyond):
        return None
    for c in beyond:
        text = text.replace(c, table[ord(c)])
    return text
