"""`make eval-redaction`: every figure of redaction, as a table, and into docs/redaction.md.

Labelled texts, real messages and mail formats are read from ../shared/data where it is there. Presidio is
asked where it is installed (`pip install presidio-analyzer`).
"""

from __future__ import annotations

import gc
import json
import re
import statistics
from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.redaction_eval.cases import CATALOGUE, DATA, Share, case_of, text_of
from benchmarks.redaction_eval.identities import forms
from benchmarks.redaction_eval.labelled import TYPES, everycase_finder, score
from benchmarks.redaction_eval.mails import mails
from benchmarks.redaction_eval.presidio import Patterns
from benchmarks.redaction_eval.technical import samples
from benchmarks.redaction_eval.timing import attack_times, beside, case_times, percentile
from everycase.redaction.mails import clean_body, senders
from everycase.redaction.redactor import TableRedactor

PAGE = Path(__file__).resolve().parents[2] / "docs" / "redaction.md"
BEGIN, END = "<!-- figures: written by make eval-redaction -->", "<!-- end of figures -->"


def main() -> None:
    redactor = TableRedactor(catalogue=CATALOGUE)
    presidio = _presidio()
    blocks = [
        _labelled(redactor, presidio),
        _technical(redactor, presidio),
        _identities(redactor),
        _mails(redactor),
        _times(redactor, presidio),
    ]
    text = "\n\n".join(b for b in blocks if b)
    print(text)
    page = PAGE.read_text(encoding="utf-8")
    head, rest = page.split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def _presidio() -> Patterns | None:
    try:
        return Patterns()
    except ImportError:
        print("Presidio is not installed: its columns are left out\n")
        return None


def _table(heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(str(c) for c in line) + " |" for line in lines)


def _labelled(redactor: TableRedactor, presidio: Patterns | None) -> str:
    if not DATA.is_dir():
        return "Labelled texts: skipped, they need ../shared/data."
    ours, theirs = score(everycase_finder(redactor)), score(presidio.finder()) if presidio else {}
    rows: list[tuple[object, ...]] = []
    for kind in TYPES.values():
        other = theirs.get(kind)
        rows.append(
            (
                kind,
                ours[kind].precision,
                ours[kind].recall,
                other.precision if other else "",
                other.recall if other else "",
            )
        )
    title = "Labelled texts (synth_dataset_v2; in brackets the 95 % interval):\n\n"
    return title + _table(("type", "precision", "recall", "Presidio: precision", "recall"), rows)


def _technical(redactor: TableRedactor, presidio: Patterns | None) -> str:
    total, ours, theirs = Counter[str](), Counter[str](), Counter[str]()
    for sample in samples(150):
        out = text_of(redactor.redact(case_of(sample.text, "WorkOrder")), "WorkOrder")
        spans = presidio.find(sample.text) if presidio else []
        for token in sample.tokens:
            total[sample.family] += 1
            ours[sample.family] += token not in out
            at = sample.text.index(token)
            theirs[sample.family] += any(s[0] < at + len(token) and at < s[1] for s in spans)
    rows: list[tuple[object, ...]] = [(f, total[f], ours[f], theirs[f] if presidio else "") for f in total]
    share = Share(sum(ours.values()), sum(total.values()))
    title = f"Technical tokens damaged: {share.percent}"
    if presidio:
        title += f"; by Presidio {Share(sum(theirs.values()), sum(total.values())).percent}"
    return (
        title + ".\n\n" + _table(("family", "tokens", "damaged", "by Presidio"), rows) + _messages(redactor)
    )


def _messages(redactor: TableRedactor) -> str:
    file = DATA / "hpe_redfish_messages.jsonl"
    if not file.is_file():
        return ""
    damaged = total = 0
    for line in file.read_text(encoding="utf-8").splitlines():
        text = "\n".join(v for v in json.loads(line).values() if isinstance(v, str)).strip()
        damaged += text_of(redactor.redact(case_of(text))).strip() != text
        total += 1
    return f"\n\nReal messages of server management that came out changed: {Share(damaged, total).percent}."


def _identities(redactor: TableRedactor) -> str:
    total, left = Counter[str](), Counter[str]()
    for identity, written in forms():
        for form in written:
            out = text_of(redactor.redact(case_of(form.text, "CaseComment", identity)))
            total[form.kind] += 1
            left[form.kind] += any(piece in out for piece in form.pieces)
    rows: list[tuple[object, ...]] = [(k, total[k], left[k]) for k in total]
    share = Share(sum(left.values()), sum(total.values()))
    title = f"Values of the case's own columns left, in all forms in which people write them: {share.percent}.\n\n"
    return title + _table(("kind", "written", "left"), rows)


def _mails(redactor: TableRedactor) -> str:
    rows: list[tuple[object, ...]] = []
    for with_columns in (True, False):
        named, gone = defaultdict(int), defaultdict(int)
        signature, lines, answers = [0, 0, 0], [0, 0], [0, 0]
        for mail in mails():
            case = case_of(mail.body, "EmailMessage", None, mail.identity if with_columns else None)
            out = text_of(redactor.redact(case), "EmailMessage")
            for place, name in mail.names:
                named[place] += 1
                gone[place] += not re.search(rf"\b{name}\b", out)
            kept = {
                x.strip()
                for x in clean_body(mail.body, senders(case.children["EmailMessage"][0])).split("\n")
            }
            left = sum(line.strip() in kept for line in mail.signature)
            lost = sum(line not in kept for line in mail.kept)
            signature = [
                a + b for a, b in zip(signature, (len(mail.signature) - left, left, lost), strict=True)
            ]
            lines = [lines[0] + len(mail.kept), lines[1] + lost]
            answers = [answers[0] + len(mail.answers), answers[1] + sum(a in kept for a in mail.answers)]
        cut, left, wrong = signature
        rows.append(
            (
                "with" if with_columns else "without",
                *(Share(gone[p], named[p]) for p in ("greeting", "sign-off", "quoted header")),
                f"{2 * cut / (2 * cut + left + wrong):.3f}",
                Share(lines[1], lines[0]).percent,
                Share(answers[1], answers[0]),
            )
        )
    heads = (
        "sender's columns",
        "greetings",
        "sign-offs",
        "quoted headers",
        "signature F1",
        "body lines lost",
        "answers kept",
    )
    return "Generated mails: names masked or cut, signatures, answers between quotes.\n\n" + _table(
        heads, rows
    )


def _times(redactor: TableRedactor, presidio: Patterns | None) -> str:
    gc.freeze()  # what Presidio has in memory is not to be walked through while everycase is measured
    times = case_times(redactor)
    found = f"CPU time of a case of 15,000 characters, most of it lines of logs, addresses and versions: median {statistics.median(times):.1f} ms, p99 {percentile(times, 0.99):.1f} ms"
    if presidio:
        pairs = beside(redactor, presidio.milliseconds)
        ratio = statistics.median(theirs / ours for ours, theirs in pairs)
        found += f"; Presidio {statistics.median(t for _, t in pairs):.0f} ms, {ratio:.0f} times as much (median of both on the same texts in turn)"
    attacks = attack_times(redactor)
    long = attack_times(redactor, 240_000)
    worst = sorted(attacks, key=lambda k: -attacks[k])[:5]
    steepest = max(attacks, key=lambda k: long[k] / max(1.0, attacks[k]))
    found += f".\n\n{len(attacks)} texts of 30,000 characters that try to make it slow: the worst "
    found += ", ".join(f"{name} {attacks[name]:.0f} ms" for name in worst)
    return found + (
        f". Eight times as long, they take at most {long[steepest] / max(1.0, attacks[steepest]):.1f} times as long ({steepest})."
    )


if __name__ == "__main__":
    main()
