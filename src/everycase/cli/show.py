"""What the commands say to a person."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from everycase.cli import console
from everycase.domain.runs import BatchResult
from everycase.operations.builds import BuildReport
from everycase.operations.doctor import Check
from everycase.operations.inbox import Retried
from everycase.operations.jobs import JobResult
from everycase.operations.redact import RedactedText
from everycase.operations.reset import Belongings
from everycase.operations.search import SearchAnswer, why
from everycase.operations.wording import as_text, provider_lines
from everycase.operations.work import MainJob, Plan, Report, Served, SyncReport


def me() -> str:
    """How this program was called, so that the next line can be copied."""
    here = Path(sys.argv[0])
    return str(here) if here.name == "everycase" and "/" in sys.argv[0] else "everycase"


def main_job(done: MainJob, schedule: str) -> None:
    """Sync, reconciliation, and commands to try next. `schedule`: what `serve` does by itself."""
    sync(done.synced)
    if done.report is None:
        return
    console.say()
    reconciliation(done.report)
    console.say()
    console.say("Try next:")
    for words in (
        'search "server does not boot after memory upgrade"',
        f"trace {done.example or 'CASE'}",
        "report --format html > report.html",
        f"serve      # {schedule}",
    ):
        console.say(f"  {me()} {words}")


def reconciliation(report: Report) -> None:
    console.say(as_text(report.as_dict()))


def sync(report: SyncReport) -> None:
    totals = report.totals
    console.say(
        f"Sync from {report.source} in {report.figures.duration_s:.1f} s: "
        f"{totals.created:,} created, {totals.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{report.deleted:,} deleted, {totals.failed:,} failed"
        + (f", {report.refused:,} refused" if report.refused else "")
    )
    _embedding(totals)
    for line in provider_lines(report.as_dict()):
        console.say(line)
    if totals.redactions:
        removed = ", ".join(f"{n:,} {kind}" for kind, n in sorted(totals.redactions.items()))
        console.say(f"Removed: {removed}")
    if totals.residues:
        left = ", ".join(f"{n:,} {shape}" for shape, n in sorted(totals.residues.items()))
        console.say(f"! Overlooked by the redaction rules, then masked by the residual scan: {left}")
    if totals.stages:
        console.table(
            "Stages",
            ("stage", "read", "written", "skipped", "failed", "worker s"),
            [(n, s.read, s.written, s.skipped, s.failed, s.seconds) for n, s in totals.stages.items()],
        )
    for problem in report.problems:
        console.say(f"! {problem}")
    for alert in report.alerts:
        console.say(f"! {alert.severity} alert ({alert.state}): {alert.sentence}")
    if report.unresolved:
        noun = "failure waits" if report.unresolved == 1 else "failures wait"
        console.say(f"! {report.unresolved:,} {noun} for a retry or a person: {me()} failures")


def build(report: BuildReport) -> None:
    totals = report.totals
    console.say(
        f"{report.collection}: {totals.created:,} built, {totals.failed:,} failed, "
        f"{report.deleted:,} deleted in {report.figures.duration_s:.1f} s; it holds {report.count:,} objects"
    )
    _embedding(totals)
    for problem in report.problems:
        console.say(f"! {problem}")
    if report.is_served:
        console.say(
            f"It is served now; {report.compared:,} objects were read back and probed. "
            f"The one before is still there: {me()} index list, {me()} index drop NAME"
        )
    elif not report.problems:
        console.say(f"Serve it: {me()} index switch")


def _embedding(totals: BatchResult) -> None:
    console.say(
        f"Embedding: {totals.embedded:,} texts in {totals.embedding_calls:,} calls, "
        f"{totals.reused:,} vectors reused, {totals.tokens:,} tokens"
    )


def retried(found: Retried) -> None:
    noun = "failure" if found.retried == 1 else "failures"
    console.say(
        f"{found.retried:,} {noun} tried again: {found.recovered:,} recovered, "
        f"{found.still_open:,} still open"
    )
    _embedding(found.totals)
    for problem in found.problems:
        console.say(f"! {problem}")


def plan(found: Plan) -> None:
    about = "about " if found.is_sampled else ""
    console.table(
        "A sync would",
        ("do", "cases"),
        [
            ("create", found.create),
            ("update", found.update),
            ("leave unchanged", found.unchanged),
            ("leave waiting (failed, not due)", found.waiting),
            ("delete", found.delete),
            ("fail, for what they lack or hold", found.fail),
            ("refuse, for a row that cannot be read", found.refused),
        ],
    )
    console.say(
        f"{about}{found.to_embed:,} texts to embed, about {found.estimated_tokens:,} tokens, "
        f"cost {found.estimated_cost:.2f}"
    )
    if found.served and found.served.before:
        served(found.served)
    for problem in found.problems:
        console.say(f"! {problem}")


def redacted(found: RedactedText) -> None:
    """The text as it would be stored, then each span that goes with its rule."""
    console.verbatim(found.preview.text)
    rows = [(f.line, f.label, f.rule, f.text) for f in found.findings]
    console.table("What goes", ("line", "type", "rule", "text"), rows)
    if found.preview.cut_lines:
        console.say(f"Quotes and signature: {found.preview.cut_lines:,} lines go whole")
    if found.preview.kept:
        console.say("Kept as technical: " + ", ".join(found.preview.kept))
    console.say(f"Rules {found.version}")


def served(found: Served) -> None:
    """What the rules of today find in objects that were made by other rules, before and after."""
    types = sorted(found.before, key=lambda t: -found.before[t])
    rows = [(t, found.before[t], found.after.get(t, 0)) for t in types]
    console.table(
        f"Found by the redaction rules of today in {found.cases:,} served objects made by other rules",
        ("type", "now", "after the sync"),
        rows,
    )
    console.say("Worst first: " + ", ".join(f"{number} ({n:,})" for number, n in found.worst))


def job(result: JobResult) -> None:
    said = f" in {result.seconds:.1f} s" if result.seconds else ""
    console.say(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {result.name} {result.outcome}{said}: {result.message}"
    )


def jobs(results: Sequence[JobResult]) -> None:
    console.table(
        "Jobs",
        ("job", "outcome", "took s", "what it says"),
        [(r.name, r.outcome, r.seconds or None, r.message) for r in results],
    )


def hits(answer: SearchAnswer) -> None:
    for h in answer.hits:
        console.say(f"{h.case_number}  {h.score:.3f}  {h.subject}")
        for passage in h.passages:
            console.marked(passage.text, passage.marks, indent=4)
        found_by = [n if n != "identifier" else f"identifier {', '.join(h.identifiers)}" for n in why(h)]
        console.say(f"    by {' and '.join(found_by)}, in {h.space}")
    if answer.hits:
        console.say()
        for name, values in answer.facets.items():
            told = ", ".join(f"{value} {n}" for value, n in list(values.items())[:5])
            console.say(f"{name}: {told}")
    for note in answer.notes:
        console.complain(f"! {note}")


def checks(found: Sequence[Check]) -> None:
    for c in found:
        said, *to_paste = c.detail.split("\n")
        console.say(f"{'ok ' if c.is_ok else 'BAD'} {c.name}: {said}")
        for line in to_paste:
            console.verbatim(line)


def sample(folder: Path, rows: Mapping[str, int]) -> None:
    console.table(f"Written to {folder}", ("object", "rows"), list(rows.items()))
    console.say(f"Load it with: EVERYCASE_SOURCE={folder} {me()} sync")


def belongings(listed: Belongings) -> None:
    console.say(listed.place)
    console.say(
        f"{listed.cases:,} cases with their history, {listed.objects:,} objects of the index, "
        f"{listed.vectors:,} vectors; spent on embedding so far: {listed.cost:.2f}"
    )
