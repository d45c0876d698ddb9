"""What the commands say to a person."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from everycase.cli import console
from everycase.domain.catalogue import FEW_FIELDS
from everycase.domain.runs import BatchResult
from everycase.operations.builds import BuildReport
from everycase.operations.doctor import Check
from everycase.operations.inbox import Inbox, Retried
from everycase.operations.jobs import JobResult
from everycase.operations.redact import RedactedText
from everycase.operations.search import SearchAnswer, why
from everycase.operations.status import Overview, ProviderOverview
from everycase.operations.trace import Journey
from everycase.operations.wording import as_text, percent, provider_lines, whole_percent
from everycase.operations.work import MainJob, Plan, Report, Served, SyncReport


def me() -> str:
    """How this program was called, so that the next line can be copied."""
    here = Path(sys.argv[0])
    return str(here) if here.name == "everycase" and "/" in sys.argv[0] else "everycase"


def main_job(done: MainJob) -> None:
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
        "serve      # syncs every hour, reconciles every six",
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
    console.say(found.preview.text)
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


def overview(o: Overview) -> None:
    rows = [(where, "not known" if n is None else n) for where, n in o.funnel.items()]
    console.table("Census", ("where", "cases"), rows)
    console.say(f"Completeness: {percent(o.completeness)} of the staged cases are in the index")
    if o.coverage:
        shares = " · ".join(f"{name} {whole_percent(share)}" for name, share in o.coverage.items())
        console.say(f"Coverage: {shares}; on average {o.census['average_fields']} of 44 fields populated")
    if few := o.census["few_fields"]:
        console.say(f"Fewer than {FEW_FIELDS} fields: {few:,} cases (flagged, and loaded all the same)")
    if o.spaces:
        console.say("Spaces: " + ", ".join(f"{name} {n:,}" for name, n in o.spaces.items()))
    if o.debt:
        console.say(f"In a fallback space: {o.debt:,} cases; a reconciliation embeds them anew when it can")
    for p in o.providers:
        console.say(_provider(p))
    console.say(f"Vector cache: {o.cache.vectors:,} vectors, {o.cache.bytes / 1e6:,.1f} MB")
    for disposition, n in o.open_failures.items():
        console.say(f"Open failures ({disposition}): {n:,}")
    for rule in o.alerts:
        console.say(f"Alert that stands: {rule}")
    if o.last_sync:
        console.say(f"Last sync: {o.last_sync['status']}, {o.last_sync['start_time']:%Y-%m-%d %H:%M} UTC")
    if last := o.last_reconciliation:
        console.say(
            f"Last reconciliation: {last['status']}, {last['start_time']:%Y-%m-%d %H:%M} UTC, "
            f"{last['run_type']}"
        )
    for j in o.jobs:
        if j.started:
            console.say(f"Job {j.name}: {j.started:%Y-%m-%d %H:%M} UTC" + (f", {j.error}" if j.error else ""))
    if o.is_running:
        console.say("A run is at work now.")
    if o.stop_reason:
        console.say(f"! the pipeline is stopped: {o.stop_reason}; let it go on with {me()} resume")
    if o.building:
        console.say(f"{o.building} is being built beside the served index: {me()} index switch")
    if not o.is_index_ready:
        console.say(f"! index: {o.index_detail}")


def _provider(p: ProviderOverview) -> str:
    if p.open_until is None:
        state = "is well" if p.is_known else "has not been asked yet"
    else:
        state = f"is left alone until {p.open_until:%H:%M:%S} UTC, after too many {p.trouble}"
    return (
        f"Provider {p.name} {state}; in 30 days {p.calls:,} calls, {p.tokens:,} tokens, "
        f"{p.timeouts:,} time-outs, cost {p.cost:.2f}"
    )


def journey(found: Journey) -> None:
    seen = found.as_dict()
    console.say(f"Case {seen['case_number'] or '(no number)'} · record {seen['record_id']}")
    console.say(f"Stage {seen['current_stage']} · status {seen['status']}")
    if seen["note"]:
        console.say(f"Note: {seen['note']}")
    if seen["fields_populated"]:
        console.say(
            "Fields populated: {total} of 44 (issue {issue} of 13, resolution {resolution} of 8)".format(
                **seen["fields_populated"]
            )
        )
    if seen["joins"]:
        console.say("Joined: " + ", ".join(f"{n} {name}" for name, n in seen["joins"].items()))
    if seen["composite"]:
        cut = ", cut to fit" if seen["composite"]["was_truncated"] else ""
        console.say(f"Composite text: {seen['composite']['length']:,} characters{cut}")
    if seen["space"]:
        console.say(f"Vector space: {seen['space']}")
    console.table(
        "Journey",
        ("when", "stage", "event", "detail"),
        [(e["at"], e["stage"], e["event"], e["detail"]) for e in seen["events"]],
    )
    if seen["failures"]:
        failures(seen["failures"])


def inbox(found: Inbox, *, grouped: bool) -> None:
    if grouped:
        failure_groups(found.groups)
    elif found.failures:
        failures(found.failures)
    else:
        console.say("No failures.")


def failures(rows: Sequence[dict[str, Any]]) -> None:
    console.table(
        "Failures",
        ("case or record", "stage", "type", "what happens", "tries", "next try", "message"),
        [
            (
                r["case_number"] or r["record_id"],
                r["stage"],
                r["error_type"],
                "resolved" if r["resolved"] else r["disposition"],
                r["retry_count"],
                r["next_retry_time"],
                r["error_message"],
            )
            for r in rows
        ],
    )


def failure_groups(groups: Sequence[dict[str, Any]]) -> None:
    console.table(
        "Failures by stage and type",
        ("stage", "type", "what happens", "open", "resolved", "first seen", "last seen", "mttr s"),
        [tuple(g.values()) for g in groups],
    )


def runs(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        console.say(f"No reconciliation yet: {me()} reconcile")
        return
    console.table(
        "Reconciliations",
        ("run", "type", "began", "took s", "status", "source", "index", "discrepancies", "recovered"),
        [
            (
                str(r["run_id"])[:8],
                r["run_type"],
                r["start_time"],
                r["duration"],
                r["status"],
                r["source_count"],
                r["weaviate_count"],
                r["discrepancies_found"],
                r["records_recovered"],
            )
            for r in rows
        ],
    )


def gaps(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        console.say("This run found no gap.")
        return
    console.table(
        "Gaps",
        ("kind", "case or record", "object in the index", "what became of it", "by"),
        [
            (
                r["kind"],
                r["case_number"] or r["record_id"] or "",
                str(r["object_id"] or ""),
                r["outcome"],
                r["method"],
            )
            for r in rows
        ],
    )


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
        console.say(f"{'ok ' if c.is_ok else 'BAD'} {c.name}: {c.detail}")


def sample(folder: Path, rows: Mapping[str, int]) -> None:
    console.table(f"Written to {folder}", ("object", "rows"), list(rows.items()))
    console.say(f"Load it with: EVERYCASE_SOURCE={folder} {me()} sync")
