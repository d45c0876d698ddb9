"""The post-condition: an independent look at what is left (contract §6). Fails closed.

It shares no rule with the masks: identity values are looked for as they stand, folded and in
compatibility form; addresses by splitting and by `ipaddress`. So a fault in a rule shows here.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from everycase.redaction.spans import Kept, Label, Span

_DOTTED = re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
_MAIL_NAME = re.compile(r"[\w.%+'-]+\Z")
_MAIL_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
_SPACES = re.compile(r"\s+")


class ResidualScan:
    """Looks for what must not be left of one case. `values`: its identity values, folded."""

    def __init__(self, values: Iterable[str]) -> None:
        found = sorted({_form(v) for v in values if len(v) >= 3}, key=len, reverse=True)
        self._values = (
            re.compile(r"(?<![^\W_])(?:" + "|".join(map(re.escape, found)) + r")(?![^\W_])")
            if found
            else None
        )

    def labels(self, text: str, kept: Sequence[Kept]) -> set[Label]:
        """What kinds of personal data are left in a text; empty is what is wanted."""
        found = {s.label for s in self._addresses(text, kept)}
        if self._values and self._values.search(_form(text)):
            found.add(Label.PERSON)
        return found

    def spans(self, text: str, kept: Sequence[Kept]) -> Iterator[Span]:
        """Where it is, for one more mask."""
        yield from self._addresses(text, kept)
        if self._values:
            folded = unicodedata.normalize("NFC", text).casefold()
            if len(folded) == len(text):
                for m in self._values.finditer(folded):
                    yield Span(m.start(), m.end(), Label.PERSON, m[0], is_known=True)

    def _addresses(self, text: str, kept: Sequence[Kept]) -> Iterator[Span]:
        at = text.find("@")
        while at != -1:
            name, host = _MAIL_NAME.search(text[max(0, at - 64) : at]), _MAIL_HOST.match(text, at + 1)
            if name and host:
                yield Span(at - len(name[0]), host.end(), Label.EMAIL, "residual", is_known=True)
            at = text.find("@", at + 1)
        if text.count(".") >= 3:
            for m in _DOTTED.finditer(text):
                is_kept = any(k.start < m.end() and m.start() < k.end for k in kept)
                if not is_kept and _is_address(m[0]):
                    yield Span(m.start(), m.end(), Label.IP, "residual", is_known=True)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _form(text: str) -> str:
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text).casefold())
