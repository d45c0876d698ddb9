"""What a user may set: what is kept, further values that go or stay, models beside the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from everycase.domain.errors import WrongUse
from everycase.redaction.spans import Label
from everycase.redaction.terms import Form, Rule, folded


class Keep(StrEnum):
    """What the rules leave in texts if it is named in the settings."""

    MAC = "mac"
    WWN = "wwn"
    SERIALS = "serials"
    HOSTS = "hosts"
    MASKS = "masks"
    """255.255.255.0, 0.0.0.0, the loopback: addresses of nobody."""


class Detector(Protocol):
    """A model that a user adds: finds what no pattern does, such as unknown names in running text."""

    version: str
    """Part of the version of the rules: another model, another recipe."""

    def find(self, text: str) -> Sequence[tuple[int, int, str]]:
        """`(start, end, label)` in characters; the label is one of `Label`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`deny`: folded texts that always go. `allow`: folded texts that never do, unless a column names them."""

    keep: frozenset[Keep] = frozenset(Keep)
    own_domains: frozenset[str] = frozenset()
    """Domains of the organisation itself: no company of a case. Mail addresses in them go all the same."""
    deny: tuple[tuple[str, Form], ...] = ()
    allow: frozenset[str] = frozenset()
    detectors: tuple[Detector, ...] = ()
    detector_seconds: float = 30.0
    """A model that takes longer for one case fails the case."""

    @property
    def meaning(self) -> str:
        """Everything that changes what comes out, as text."""
        deny = sorted((t, f.label.value) for t, f in self.deny)
        return repr(
            (
                sorted(self.keep),
                sorted(self.own_domains),
                deny,
                sorted(self.allow),
                [d.version for d in self.detectors],
            )
        )


def read_deny_list(path: Path) -> tuple[tuple[str, Form], ...]:
    """A value a line, in the file's order: `Contoso`, or with its type: `PERSON: Ada Lovelace`; `#` opens a comment.

    Raises `WrongUse` with the line where a type is unknown or a value is too short to be told from others.
    """
    found = []
    for number, line in _lines(path):
        head, sign, tail = line.partition(":")
        label = head.strip().upper()
        if sign and label.isalpha() and label not in Label.__members__ and head.strip().isupper():
            raise WrongUse(f"{path} line {number}: {label} is none of {', '.join(Label)}")
        value = tail if sign and label in Label.__members__ else line
        low = folded(value)
        if sum(map(str.isalnum, low)) < 3:
            raise WrongUse(
                f"{path} line {number}: a value of the deny list needs at least three letters or digits"
            )
        kind = Label[label] if sign and label in Label.__members__ else Label.COMPANY
        found.append((low, Form(kind, low, Rule.ANY, value.strip())))
    return tuple(found)


def read_allow_list(path: Path) -> frozenset[str]:
    """Texts that are never masked, one a line; `#` opens a comment. Raises `WrongUse` if there is no such file."""
    return frozenset(folded(line) for _, line in _lines(path))


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as e:
        raise WrongUse(f"{path} cannot be read ({type(e).__name__}): name a text file in UTF-8") from None
    stripped = ((i, line.partition("#")[0].strip()) for i, line in enumerate(text.splitlines(), 1))
    return [(i, line) for i, line in stripped if line]
