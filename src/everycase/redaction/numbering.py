"""Placeholders of one case: one value, one number, in all its texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from everycase.redaction.matching import Alternatives, Scanned
from everycase.redaction.spans import Label, Span

_PLACEHOLDERS = Alternatives({label.name: rf"<{label.value}_\d{{1,4}}>" for label in Label})
"""Four digits: what is longer may be a number that somebody dressed up."""


@dataclass
class Numbering:
    """Gives each value its number; `removed` counts placeholders by type."""

    known: dict[tuple[Label, str], str] = field(default_factory=dict)
    counts: Counter[Label] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)

    def fixed(self, scanned: Scanned) -> list[Span]:
        """The placeholders that a text has already; new numbers go on after theirs."""
        if b"<" not in scanned.raw:
            return []
        found = [Span(m.start, m.end, Label[m.name], "", is_fixed=True) for m in _PLACEHOLDERS.find(scanned)]
        for span in found:
            number = int(scanned.text[span.start : span.end].rstrip(">").rpartition("_")[2])
            self.counts[span.label] = max(self.counts[span.label], number)
        return found

    def placeholder(self, span: Span) -> str:
        self.removed[span.label.value] += 1
        key = (span.label, span.key)
        if key not in self.known:
            self.counts[span.label] += 1
            self.known[key] = f"<{span.label}_{self.counts[span.label]}>"
        return self.known[key]

    def replace(self, text: str, spans: Sequence[Span]) -> str:
        """The text with a placeholder for each span; what has no letter and no digit needs none."""
        parts: list[str] = []
        last = 0
        for span in spans:
            found = text[span.start : span.end]
            if span.is_fixed or not (found[0].isalnum() or any(map(str.isalnum, found))):
                continue
            start = span.start + len(found) - len(found.lstrip())
            parts += (text[last:start], self.placeholder(span))
            last = span.end - len(found) + len(found.rstrip())
        return "".join(parts) + text[last:] if parts else text
