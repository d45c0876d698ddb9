"""Redaction against what is known of it: accuracy on labelled and real texts, time a case.

Usage: python -m benchmarks.redaction. Needs ../shared/data; says so where it is absent.
Baselines and targets are those of the facts that the project began with.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from everycase.domain.cases import JoinedCase, Record
from everycase.domain.catalogue import Catalogue
from everycase.domain.rows import BadRow
from everycase.redaction.redactor import TableRedactor
from everycase.sources.export.source import ExportSource

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CATALOGUE = Catalogue()
LABELS = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "IP_ADDRESS": "IP",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SSN",
}
TARGETS = {"EMAIL": (1.0, 1.0), "IP": (1.0, 1.0), "PHONE": (0.92, 0.72)}
MOST_MS = 10.0


def main(_args: list[str]) -> None:
    if not DATA.is_dir():
        print("skipped: needs the real data in ../shared/data")
        return
    redactor = TableRedactor(catalogue=CATALOGUE)
    labelled(redactor)
    damage(redactor)
    real(redactor)


def alone(text: str) -> JoinedCase:
    case = Record(object="Case", id="500000000000001AAA", values={"CaseNumber": "1", "Subject": "s"})
    comment = Record(object="CaseComment", id="00a000000000001AAA", values={"CommentBody": text})
    children: dict[str, tuple[Record, ...]] = {o.name: () for o in CATALOGUE.children}
    return JoinedCase(case=case, children={**children, "CaseComment": (comment,)}, generation=1)


def labelled(redactor: TableRedactor) -> None:
    found: Counter[tuple[str, str]] = Counter()
    for item in json.loads((DATA / "pii" / "synth_dataset_v2.json").read_text(encoding="utf-8")):
        text = item["full_text"]
        raw = text.encode()
        spans = list(redactor._patterns.find(text, raw, known_phones=frozenset(), strict=False))
        gold = [
            (s["start_position"], s["end_position"], LABELS[s["entity_type"]])
            for s in item["spans"]
            if s["entity_type"] in LABELS
        ]
        for start, end, label in gold:
            hit = any(s.label == label and s.start < end and start < s.end for s in spans)
            found[label, "hit" if hit else "missed"] += 1
        for s in spans:
            if not any(g[2] == s.label and g[0] < s.end and s.start < g[1] for g in gold):
                found[s.label.value, "wrong"] += 1
    print(f"{'label':<8}{'precision':>10}{'recall':>8}   target")
    for label in LABELS.values():
        hit, missed, wrong = (found[label, k] for k in ("hit", "missed", "wrong"))
        target = TARGETS.get(label)
        print(
            f"{label:<8}{hit / max(1, hit + wrong):>10.3f}{hit / max(1, hit + missed):>8.3f}   {target or ''}"
        )


def damage(redactor: TableRedactor) -> None:
    lines = (DATA / "hpe_redfish_messages.jsonl").read_text(encoding="utf-8").splitlines()
    damaged = 0
    for line in lines:
        text = "\n".join(v for v in json.loads(line).values() if isinstance(v, str)).strip()
        out = redactor.redact(alone(text)).children["CaseComment"][0].values["CommentBody"]
        damaged += out.strip() != text
    print(
        f"messages of server support damaged: {damaged} of {len(lines)} = {damaged / len(lines):.2%} (limit 0.5 %)"
    )


def real(redactor: TableRedactor) -> None:
    source = ExportSource(DATA / "jira-2019-01-31.zip", CATALOGUE)
    rows = {o.name: [r for r in source.read(o) if not isinstance(r, BadRow)] for o in CATALOGUE.objects}
    orders = {r.id: r.parent_id for r in rows["WorkOrder"]}
    children: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for obj in CATALOGUE.children:
        for r in rows[obj.name]:
            owner = orders.get(r.parent_id or "") if obj.name == "WorkOrderFeed" else r.parent_id
            children[owner or ""][obj.name].append(r)
    times, left, values = [], 0, 0
    for case in rows["Case"]:
        mine = {o.name: tuple(children[case.id][o.name]) for o in CATALOGUE.children}
        joined = JoinedCase(case=case, children=mine, generation=1)
        started = time.perf_counter()
        clean = redactor.redact(joined)
        times.append((time.perf_counter() - started) * 1000)
        records = (clean.case, *(r for found in clean.children.values() for r in found))
        text = " ".join(v for r in records for v in r.values.values()).lower()
        for value in {v.lower() for r in joined.records() for v in r.identity.values() if len(v) > 4}:
            values += 1
            left += value in text
    median = statistics.median(times)
    print(f"identity values left in {len(times)} real cases: {left} of {values} (limit 0)")
    print(
        f"time a case: median {median:.1f} ms = {median / MOST_MS:.2f} of the limit, mean {statistics.mean(times):.1f} ms"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
