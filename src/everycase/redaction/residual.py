"""The post-condition: an independent look at what is left (contract §6). Fails closed.

It shares no pattern and no search with the masks: identity values are looked for as they stand, in
compatibility form, one by one; addresses by splitting and by `ipaddress`; cards, accounts and social
security numbers by taking the words apart. So a fault in a rule shows here. What is a technical token
and not an address it asks of the protector, as the masks do.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from everycase.redaction.matching import Alternatives, Match
from everycase.redaction.protect import is_version
from everycase.redaction.spans import Cover, Kept, Label, Span

_NUMBERS = Alternatives(
    {
        Label.IP.value: r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}",
        Label.SSN.value: r"\d{3}-\d{2}-\d{4}",
        Label.CARD.value: r"[3-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}",
    }
)
_MAIL_NAME = re.compile(r"[\w.%+'-]+\Z")
_MAIL_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
_PLACEHOLDER = re.compile(r"<[A-Z]{2,10}_\d{1,4}>")
_FEW_DIGITS = 5

Protect = Callable[[str, bytes], Sequence[Kept]]


class ResidualScan:
    """Looks for what must not be left of one case.

    `values`: its identity values as its columns have them. `protect`: where technical tokens stand in a
    text, asked only when something looks like an address.
    """

    def __init__(self, values: Mapping[str, Label], protect: Protect) -> None:
        self._protect = protect
        self._values = {form: label for v, label in values.items() if len(form := _form(v)) >= 3}

    def labels(self, text: str) -> set[Label]:
        """What kinds of personal data are left in a text; empty is what is wanted."""
        text = _PLACEHOLDER.sub("<>", text)
        return {s.label for s in self._shapes(text)} | {s.label for s in self._names(text, _form(text))}

    def spans(self, text: str) -> Iterator[Span]:
        """Where it is, for one more mask."""
        yield from (
            Span(m.start(), m.end(), Label.PERSON, "", is_fixed=True) for m in _PLACEHOLDER.finditer(text)
        )
        yield from self._shapes(text)
        folded = unicodedata.normalize("NFC", text).casefold()
        if len(folded) == len(text):
            yield from self._names(text, folded)

    def _names(self, text: str, folded: str) -> Iterator[Span]:
        kept: Cover | None = None
        for value, label in self._values.items():
            is_few_digits = value.isdigit() and len(value) <= _FEW_DIGITS
            for start in _places(text if is_few_digits else folded, value):
                end = start + len(value)
                if is_few_digits:
                    kept = kept or Cover(self._protect(text, text.encode()))
                    if kept.touches(start, end):
                        continue
                yield Span(start, end, label, value, is_known=True)

    def _shapes(self, text: str) -> Iterator[Span]:
        yield from _mails(text)
        raw = text.encode()
        found = [m for m in _NUMBERS.find(text, raw) if _stands_alone(text, m) and _CHECKS[m.name](text, m)]
        kept = Cover(self._protect(text, raw) if found else ())
        for m in found:
            if not kept.touches(m.start, m.end):
                yield Span(m.start, m.end, Label(m.name), m.text, is_known=True)


def _mails(text: str) -> Iterator[Span]:
    at = text.find("@")
    while at != -1:
        name, host = _MAIL_NAME.search(text[max(0, at - 64) : at]), _MAIL_HOST.match(text, at + 1)
        if name and host:
            start, end = at - len(name[0]), host.end()
            yield Span(start, end, Label.EMAIL, text[start:end].lower(), is_known=True)
        at = text.find("@", at + 1)


def _places(text: str, value: str) -> Iterator[int]:
    """Where `value` stands in `text` as a word or words of its own."""
    start = text.find(value)
    while start != -1:
        end = start + len(value)
        if not (start and text[start - 1].isalnum()) and not text[end : end + 1].isalnum():
            yield start
        start = text.find(value, end)


def _stands_alone(text: str, m: Match) -> bool:
    """Whether no further digits, and no letters, go on where the match begins or ends."""
    before, after = text[max(0, m.start - 2) : m.start], text[m.end : m.end + 2]
    return not (before[-1:].isalnum() or after[:1].isalnum()) and not (
        (before[-1:] in ".-" and before[:-1].isalnum()) or (after[:1] in ".-" and after[1:].isalnum())
    )


def _is_host(text: str, m: Match) -> bool:
    try:
        ipaddress.ip_address(m.text)
    except ValueError:
        return False
    return not is_version(text, m.start, m.end)


def _is_issued(_: str, m: Match) -> bool:
    area, group, serial = (int(part) for part in m.text.split("-"))
    return 0 < area < 900 and area != 666 and group > 0 and serial > 0


def _adds_up(_: str, m: Match) -> bool:
    """Luhn's sum, over the pairs; evenly written."""
    digits = [int(c) for c in m.text if c.isdigit()][::-1]
    is_even = len({m.text.count(" ") + m.text.count("-"), 0, 3}) == 2
    return is_even and sum(digits[0::2] + [d * 2 // 10 + d * 2 % 10 for d in digits[1::2]]) % 10 == 0


_CHECKS: Mapping[str, Callable[[str, Match], bool]] = {
    Label.IP.value: _is_host,
    Label.SSN.value: _is_issued,
    Label.CARD.value: _adds_up,
}


def _form(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\x1e", "|")  # the mark between two texts
    return " ".join(folded.split())
