"""Redaction of sample cases against the list of what was planted in them.

Usage: python -m benchmarks.redaction_sample [--cases 10000] [--seed 1]
Limits held against: planted personal values left 0, planted technical tokens damaged 0.1 %. Ends with 1 if one is broken.

A personal value is left if it stands anywhere in the redacted case, in any case of letters. A technical token is
damaged if it is missing from the field it was planted in; one that stands only in what a mail quotes or in its
signature is cut with that, on purpose, and is counted apart.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.redaction_eval.cases import Share
from everycase.domain.cases import JoinedCase, Record, RedactedCase
from everycase.domain.catalogue import Catalogue
from everycase.redaction.mails import clean_body, senders
from everycase.redaction.redactor import TableRedactor
from everycase.redaction.sanitise import sanitise
from everycase.sources.export.source import ExportSource
from everycase.sources.sample.source import TRUTH, write_sample

MOST_DAMAGED = 0.001


@dataclass
class Found:
    """Counts by type of what was planted, and where what is wrong stands; never a value."""

    cases: int = 0
    personal: Counter[str] = field(default_factory=Counter)
    technical: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    damaged: Counter[str] = field(default_factory=Counter)
    places: list[str] = field(default_factory=list)

    @property
    def is_within_limits(self) -> bool:
        return not self.left and self.damaged.total() <= MOST_DAMAGED * self.technical.total()


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(args)
    began = time.perf_counter()
    found = measure(given.cases, given.seed)
    print(as_text(found))
    print(f"{time.perf_counter() - began:.0f} s")
    return 0 if found.is_within_limits else 1


def as_text(found: Found) -> str:
    """Two tables, and the first places of what is wrong."""
    left = Share(found.left.total(), found.personal.total())
    damaged = Share(found.damaged.total(), found.technical.total())
    lines = [f"{found.cases:,} cases", f"\n{'personal':14} {'planted':>9} {'left':>9}"]
    lines += [f"{k:14} {n:9,} {found.left[k]:9,}" for k, n in sorted(found.personal.items())]
    lines.append(f"{'all':14} {left.total:9,} {left.hits:9,}   {left.percent}")
    lines.append(f"\n{'technical':14} {'planted':>9} {'damaged':>9} {'cut with a quote':>17}")
    kinds = sorted(found.technical | found.cut)
    lines += [f"{k:14} {found.technical[k]:9,} {found.damaged[k]:9,} {found.cut[k]:17,}" for k in kinds]
    lines.append(
        f"{'all':14} {damaged.total:9,} {damaged.hits:9,} {found.cut.total():17,}   {damaged.percent}"
    )
    return "\n".join([*lines, *found.places[:20]])


def measure(cases: int, seed: int) -> Found:
    """Every case of the sample redacted by the rules as they come, and compared with the truth."""
    redactor = TableRedactor(catalogue=Catalogue())
    found = Found()
    with tempfile.TemporaryDirectory() as name:
        write_sample(Path(name), cases=cases, seed=seed)
        joined = joined_cases(Path(name))
        with (Path(name) / TRUTH).open(encoding="utf-8") as lines:
            for truth in map(json.loads, lines):
                case = joined[truth["case_id"]]
                count(found, truth, case, redactor.redact(case))
    return found


def joined_cases(folder: Path) -> dict[str, JoinedCase]:
    """By id, with their children in the order of the files."""
    catalogue = Catalogue()
    source = ExportSource(folder, catalogue)
    cases: dict[str, JoinedCase] = {}
    owners: dict[str, str] = {}
    rows: dict[str, dict[str, list[Record]]] = {}
    for obj in catalogue.objects:
        for row in records(source, catalogue, obj.name):
            owner = row.id if obj is catalogue.case else row.parent_id or ""
            owners[row.id] = owner = owners.get(owner, owner)
            rows.setdefault(owner, {}).setdefault(obj.name, []).append(row)
    for case_id, tables in rows.items():
        children = {o.name: tuple(tables.get(o.name, ())) for o in catalogue.children}
        cases[case_id] = JoinedCase(case=tables["Case"][0], children=children, generation=1)
    return cases


def records(source: ExportSource, catalogue: Catalogue, name: str) -> Iterator[Record]:
    for row in source.changes(catalogue.by_name[name]):
        if not isinstance(row, Record):
            raise TypeError(f"{name} of the sample holds a row that cannot be read")
        yield row


def count(found: Found, truth: dict[str, Any], case: JoinedCase, redacted: RedactedCase) -> None:
    found.cases += 1
    after = {r.id: r.values for r in (redacted.case, *(x for c in redacted.children.values() for x in c))}
    whole = level("\n".join(v for values in after.values() for v in values.values()))
    read = {r.id: r for r in case.records()}  # without the Tasks of a type that is not ours
    for p in (p for p in truth["personal"] if p["record_id"] in read):
        found.personal[p["type"]] += 1
        if level(p["value"]) in whole:
            found.left[p["type"]] += 1
            found.places.append(f"left: {p['type']} of {p['object']}.{p['field']} in {truth['case_number']}")
    for t in (t for t in truth["technical"] if t["record_id"] in read):
        record = read[t["record_id"]]
        is_there = t["value"] in after[record.id].get(t["field"], "")
        if not is_there and _is_cut(record, t["field"], t["value"]):
            found.cut[t["type"]] += 1
            continue
        found.technical[t["type"]] += 1
        if not is_there:
            found.damaged[t["type"]] += 1
            found.places.append(
                f"damaged: {t['type']} of {t['object']}.{t['field']} in {truth['case_number']}"
            )


def level(text: str) -> str:
    """Without case, and with one blank for any white space."""
    return " ".join(text.casefold().split())


def _is_cut(record: Record, name: str, value: str) -> bool:
    """Whether a token stands in none of a mail's own words."""
    if (record.object, name) != ("EmailMessage", "TextBody"):
        return False
    return value not in clean_body(sanitise(record.values[name]), senders(record))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
