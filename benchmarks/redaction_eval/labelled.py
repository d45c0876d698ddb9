"""Precision and recall by type on labelled texts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.redaction_eval.cases import DATA, Share, case_of
from everycase.redaction.redactor import TableRedactor

TYPES = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "IP_ADDRESS": "IP",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SSN",
}
Place = tuple[int, int, str]
Finder = Callable[[str], Iterable[Place]]


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one type: how much of what was found is right, and how much of what is there was found."""

    precision: Share
    recall: Share


def everycase_finder(redactor: TableRedactor) -> Finder:
    def find(text: str) -> Iterable[Place]:
        found = redactor.find(case_of(text, "Task"))
        return [(s.start, s.end, s.label.value) for s in found.spans]

    return find


def score(find: Finder) -> dict[str, Scores]:
    """A type is found where a span of it touches the label."""
    counts: Counter[tuple[str, str]] = Counter()
    for item in json.loads((DATA / "pii" / "synth_dataset_v2.json").read_text(encoding="utf-8")):
        gold = [
            (s["start_position"], s["end_position"], TYPES[s["entity_type"]])
            for s in item["spans"]
            if s["entity_type"] in TYPES
        ]
        spans = [s for s in find(item["full_text"]) if s[2] in TYPES.values()]
        _count(gold, spans, counts)
    return {
        t: Scores(
            Share(counts[t, "right"], counts[t, "right"] + counts[t, "wrong"]),
            Share(counts[t, "found"], counts[t, "found"] + counts[t, "missed"]),
        )
        for t in TYPES.values()
    }


def _count(gold: list[Place], spans: list[Place], counts: Counter[tuple[str, str]]) -> None:
    for start, end, label in gold:
        counts[
            label, "found" if any(s[2] == label and s[0] < end and start < s[1] for s in spans) else "missed"
        ] += 1
    for start, end, label in spans:
        counts[
            label, "right" if any(g[2] == label and g[0] < end and start < g[1] for g in gold) else "wrong"
        ] += 1
