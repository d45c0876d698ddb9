"""Text as it should have been: no stray characters that hide a name, no entities, no mojibake, no HTML.

Only forms change, never words: NFC, not NFKC, which turns `½U` and `™` into something else.
"""

from __future__ import annotations

import html
import re
import unicodedata

import re2
from selectolax.lexbor import LexborHTMLParser

from everycase.domain.catalogue import Kind
from everycase.redaction import mojibake

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROLS = bytes(b for b in range(128) if _CONTROL.match(chr(b)))
_ODD = re.compile(
    "[\x80-\x9f\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u180b-\u180d\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e01ef]"
)
_SPACES = frozenset(
    "\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_LINES = frozenset("\x85\u2028\u2029")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,10});")
_MOST_MARKS = 4
_MARKS = re2.compile(rf"(\pM{{{_MOST_MARKS}}})\pM+")
"""Runs of combining marks longer than any language has: to put them in order takes quadratic time."""

_TAG = re.compile(
    r"</?(?:p|br|div|span|a|b|i|u|ul|ol|li|table|tbody|thead|tr|td|th|h[1-6]|strong|em|pre|code|font|img|html|body|"
    r"head|hr|blockquote|script|style|sub|sup)(?:\s[^<>]{0,2000})?/?>",
    re.IGNORECASE,
)
"""Tags of the pages that people paste; `List<String>` is none."""

_PAGE = re.compile(
    r"\A\s{0,40}<(?:!doctype html|html|head|body|p|div|table|ul|ol|h[1-6])(?:\s[^<>]{0,2000})?>",
    re.IGNORECASE,
)
"""A text that begins like a page is one, whatever its field says."""

_PLACEHOLDER = re.compile(r"<([A-Z]{2,10}_\d{1,4})>")
_MOST_LAYERS = 8

_BLOCK = re.compile(
    r"<(?:br|/p|/div|/li|/tr|/h[1-6]|/ul|/ol|/table|/blockquote|/pre|hr)\b[^<>]{0,500}>", re.IGNORECASE
)
_CELL = re.compile(r"</t[dh]\b[^<>]{0,500}>", re.IGNORECASE)
_MANY_BREAKS = re.compile(r"\n{3,}")


def sanitise(text: str, kind: Kind = Kind.TEXT) -> str:
    """The text without what hides or garbles its words; HTML as plain text."""
    text = _without_odd(text)
    if "<" in text and (_TAG if kind is Kind.HTML else _PAGE).search(text):
        text = _without_odd(_unescaped(_plain(text)))
    elif "&" in text and (plain := _unescaped(text)) != text:
        text = _without_odd(plain)
    if text.isascii():
        return text
    text = _MARKS.sub(r"\1", text)
    return unicodedata.normalize("NFC", mojibake.repaired(text))


def _without_odd(text: str) -> str:
    """Without control and format characters and lone surrogates; odd spaces as spaces."""
    if text.isascii():
        return text if text.isprintable() else text.encode().translate(None, _CONTROLS).decode()
    text = text.replace("Â\xa0", " ").replace("Â\xad", "")  # UTF-8 read as Latin-1: `AdaÂ Lovelace`
    return _ODD.sub(_replacement, _CONTROL.sub("", text))


def _unescaped(text: str) -> str:
    """Entities as characters, also those that were escaped more than once, so that nothing hides in them."""
    for _ in range(_MOST_LAYERS):
        plain = _ENTITY.sub(lambda m: html.unescape(m[0]), text)
        if plain == text:
            break
        text = plain
    return text


def _replacement(found: re.Match[str]) -> str:
    c = found[0]
    if c in _SPACES:
        return " "
    if c in _LINES:
        return "\n"
    return "\ufffd" if "\ud800" <= c <= "\udfff" else ""


def _plain(text: str) -> str:
    """HTML as the text that a reader would see, block by block. A placeholder is no tag."""
    text = _PLACEHOLDER.sub(r"&lt;\1&gt;", text)
    parser = LexborHTMLParser(_CELL.sub("\t", _BLOCK.sub("\n", text)))
    parser.strip_tags(["script", "style", "head", "title"])
    found = parser.body.text() if parser.body else ""
    lines = (line.strip(" ") for line in found.replace("\r", "").split("\n"))
    return _MANY_BREAKS.sub("\n\n", "\n".join(lines)).strip()
