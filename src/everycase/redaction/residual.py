"""The post-condition: an independent look at what is left (contract §6). Fails closed.

It shares no rule with the masks: identity values are looked for as they stand, folded and in
compatibility form; addresses by splitting and by `ipaddress`. So a fault in a rule shows here.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

from everycase.redaction.spans import Kept, Label, Span

_DOTTED = re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
_MAIL_NAME = re.compile(r"[\w.%+'-]+\Z")
_MAIL_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
_SPACES = re.compile(r"\s+")


class ResidualScan:
    """Looks for what must not be left of one case.

    `values`: its identity values, folded. `protect`: where technical tokens stand in a text, asked only
    when something looks like an address.
    """

    def __init__(self, values: Iterable[str], protect: Callable[[str, bytes], Sequence[Kept]]) -> None:
        self._protect = protect
        self._values = sorted({_form(v) for v in values if len(v) >= 3}, key=len, reverse=True)

    def labels(self, text: str) -> set[Label]:
        """What kinds of personal data are left in a text; empty is what is wanted."""
        found = {s.label for s in self._addresses(text)}
        folded = _form(text)
        if any(True for value in self._values for _ in _places(folded, value)):
            found.add(Label.PERSON)
        return found

    def spans(self, text: str) -> Iterator[Span]:
        """Where it is, for one more mask."""
        yield from self._addresses(text)
        folded = unicodedata.normalize("NFC", text).casefold()
        if len(folded) == len(text):
            for value in self._values:
                for start in _places(folded, value):
                    yield Span(start, start + len(value), Label.PERSON, value, is_known=True)

    def _addresses(self, text: str) -> Iterator[Span]:
        at = text.find("@")
        while at != -1:
            name, host = _MAIL_NAME.search(text[max(0, at - 64) : at]), _MAIL_HOST.match(text, at + 1)
            if name and host:
                yield Span(at - len(name[0]), host.end(), Label.EMAIL, "residual", is_known=True)
            at = text.find("@", at + 1)
        dotted = [m.span() for m in _DOTTED.finditer(text) if _is_address(m[0])]
        kept = self._protect(text, text.encode()) if dotted else ()
        for start, end in dotted:
            if not any(k.start < end and start < k.end for k in kept):
                yield Span(start, end, Label.IP, "residual", is_known=True)


def _places(text: str, value: str) -> Iterator[int]:
    """Where `value` stands in `text` as a word or words of its own."""
    start = text.find(value)
    while start != -1:
        end = start + len(value)
        if not (start and text[start - 1].isalnum()) and not text[end : end + 1].isalnum():
            yield start
        start = text.find(value, start + 1)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _form(text: str) -> str:
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text).casefold())
