"""A reconciliation's report as text, in the seed's form. Pure: the kept report in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from everycase.domain.completeness import percent, whole_percent
from everycase.domain.failures import add_up, count_of
from everycase.domain.runs import RunStatus

FUNNEL = {
    "source": "Source",
    "staging": "Staging",
    "lineage": "Lineage Tracked",
    "pii_removed": "PII Removed",
    "embedding_generated": "Embeddings Generated",
    "weaviate_loaded": "Loaded",
    "index": "In the Index",
}

METHODS = {
    "reloaded": "Reloaded from the cached vector",
    "re_embedded": "Embedded again",
    "delete_then_insert": "Deleted and inserted again",
    "removed_orphan": "Foreign object removed",
    "removed_duplicate": "Duplicate removed",
    "removed_quarantined": "Quarantined case taken out",
    "restaged": "Read from the source again",
    "deleted": "Deleted as at the source",
    "tracked": "Tracked again",
    "resumed": "Resumed after a dead worker",
    "refreshed": "Brought up to date",
    "rejoined": "Re-joined with new data",
    "redaction_retry": "PII removal retry succeeded",
    "embedding_retry": "Embedding retry succeeded",
    "fallback": "Used fallback embedding",
    "load_retry": "Index load retry succeeded",
    "upgraded": "Upgraded to the preferred embedding",
    "source_changed": "Put right at the source",
    "deleted_at_source": "Gone at the source",
}
"""What people call a recovery method."""

GAPS = {
    "not_staged": "at the source, not staged",
    "gone_at_source": "gone at the source",
    "changed_at_source": "changed at the source",
    "untracked": "staged, not tracked",
    "stuck": "stuck in progress",
    "outdated": "loaded from older content",
    "missing": "missing from the index",
    "stale": "stale or altered in the index",
    "corrupt": "corrupt vector",
    "unsearchable": "found by no search",
    "wrong_space": "in the wrong embedding space",
    "orphan": "foreign object",
    "duplicate": "duplicate object",
    "quarantined": "quarantined case still served",
    "altered": "staged row altered behind our back",
    "debt": "in a fallback embedding space",
    "count_mismatch": "counted, not listed (or the reverse)",
}
"""What people call a kind of gap."""

REASONS = {
    "SourceUnavailable": "Source cannot be read",
    "SourceRateLimited": "Source limits the rate",
    "SourceAuthError": "Source refuses the credentials",
    "MalformedRecord": "Malformed row",
    "MissingRequiredField": "Missing required fields",
    "MissingChildData": "Waiting for a parent record",
    "EncodingError": "Text encoding",
    "PIIRemovalFailure": "PII removal failed",
    "PIIResidual": "PII left after removal",
    "EmbeddingAPITimeout": "Embedding API timeout",
    "EmbeddingRateLimited": "Embedding rate limited",
    "EmbeddingUnavailable": "Embedding provider unavailable",
    "EmbeddingRejected": "Embedding provider rejects the text",
    "EmbeddingTooLong": "Text too long to embed",
    "InvalidEmbedding": "Invalid embedding",
    "WeaviateTimeout": "Index timeout",
    "WeaviateUnavailable": "Index unavailable",
    "WeaviateReadOnly": "Index is read-only",
    "WeaviateRejected": "Index rejects the object",
    "UnexpectedError": "Unexpected error",
}
"""What people call an error type."""


def as_text(report: Mapping[str, Any]) -> str:
    """The report, as the seed has it, with what is known beyond."""
    return "\n".join(_lines(report))


def heading(report: Mapping[str, Any]) -> str:
    """`Reconciliation Run: 2024-11-04 06:00`, in UTC."""
    began = datetime.fromisoformat(report["started_at"]).astimezone(UTC)
    return f"Reconciliation Run: {began:%Y-%m-%d %H:%M}"


def cases(n: int | None) -> str:
    """A number of cases; None: it is not known."""
    if n is None:
        return "not known"
    return f"{n:,} case" if n == 1 else f"{n:,} cases"


def unfinished(report: Mapping[str, Any]) -> str:
    """A sentence why a run did not finish; empty for a run that did."""
    said = {RunStatus.FAILED: "failed", RunStatus.INTERRUPTED: "was interrupted"}.get(report["status"])
    why = f" ({report['error']})" if report.get("error") else ""
    return (
        f"the run {said}{why} and did not come to its end: this is what it had found until then"
        if said
        else ""
    )


class Unsolved(NamedTuple):
    """A number of cases, rows or tables that a run left unsolved, and the reason."""

    n: int
    reason: str
    kind: str
    """The error type or the kind of gap."""

    @property
    def amount(self) -> str:
        return count_of(self.kind, self.n)


def still_failed(report: Mapping[str, Any]) -> list[Unsolved]:
    """What is left, most first: open failures, gaps, and what waits for a person's word."""
    failed = (report.get("still_failed") or {}).items()
    found = [Unsolved(n, f"{REASONS.get(t, t)} ({t})", t) for t, n in failed]
    left = {k: n for k, n in (report.get("gaps_left") or {}).items() if k != "debt"}
    found += [Unsolved(n, f"still {GAPS.get(k, k)} ({k})", k) for k, n in left.items()]
    withheld = report.get("withheld") or {}
    found += [Unsolved(n, f"{GAPS.get(k, k)}, withheld until approved ({k})", k) for k, n in withheld.items()]
    return sorted(found, key=lambda f: -f.n)


def sum_of(left: Iterable[Unsolved]) -> str:
    """What is left, added up by units: `3 cases, 5 tables`."""
    return add_up((f.kind, f.n) for f in left)


def discrepancies(report: Mapping[str, Any]) -> str:
    """The gaps and the earlier failures, added up by units: `3 cases, 5 tables`."""
    if (total := report.get("discrepancies", 0)) is None:
        return "not known"
    before = report.get("open_before_by_type") or {}
    return add_up(before.items(), cases=total - sum(before.values()))


def withheld_deletions(kind: str, n: int) -> str:
    """The sentence on deletions that wait for approval. `kind`: a source object or a kind of gap."""
    what = {
        "gone_at_source": "records that are gone at the source",
        "orphan": "objects of the index that belong to no case",
    }.get(kind, f"rows of {kind} that are gone at the source")
    noun = "deletion waits" if n == 1 else "deletions wait"
    return f"{n:,} {noun} for a person ({what}); if that is right, approve it once"


def completeness(share: float | None, unread: Sequence[str], *, what: str = "complete") -> str:
    """`100% complete`, or `100% complete as far as the source could be read (not whole: Task)`.

    `unread`: the objects that could not be read whole.
    """
    if share is None:
        return "completeness not known"
    limited = f" as far as the source could be read (not whole: {', '.join(unread)})" if unread else ""
    return f"{percent(share)} {what}{limited}"


def open_before(report: Mapping[str, Any]) -> list[str]:
    """How many failures waited when the run began, and how many of them were due; no line for none."""
    n, due = report.get("open_before", 0), report.get("due_failures", 0)
    if not n:
        return []
    noun = "failure that was" if n == 1 else "failures that were"
    return [f"{n:,} {noun} open before" + (f", {due:,} of them due for another try" if due else "")]


def few_fields(few: int, noted: int) -> str:
    """How many cases have few fields, and how many of those were looked at again at the source."""
    unseen = f", {few - noted:,} not yet looked at again" if few > noted else ""
    return f"Fewer than 30 of 44 fields: {cases(few)} ({noted:,} complete with limited data{unseen})"


class TableCoverage(NamedTuple):
    """The share of the cases that have rows of a table, and the share that they should reach."""

    table: str
    share: float
    threshold: float
    is_reached: bool


def coverage(report: Mapping[str, Any]) -> list[TableCoverage]:
    """The coverage of each child table of a report."""
    limits = report.get("coverage_thresholds", {})
    return [
        TableCoverage(name, share, limits.get(name, 0.0), share >= limits.get(name, 0.0))
        for name, share in (report.get("coverage") or {}).items()
    ]


def _lines(r: Mapping[str, Any]) -> Iterator[str]:
    yield f"=== {heading(r)} ==="
    if r.get("is_dry_run"):
        yield "(dry run: found and reported, nothing was written)"
    if r.get("stop_reason"):
        yield f"(the pipeline was stopped: {r['stop_reason']})"
    if why := unfinished(r):
        yield f"({why})"
    yield ""
    yield f"Records Checked: {cases(r.get('records_checked', 0))}"
    yield f"Discrepancies Found: {discrepancies(r)}"
    yield from (f"  - {n:,} {GAPS.get(k, k)} ({k})" for k, n in (r.get("gaps") or {}).items())
    yield from (f"  - {line}" for line in open_before(r))
    yield ""
    yield "Cases at Each Stage:"
    yield "  " + " → ".join(f"{said} {_count(r, key)}" for key, said in FUNNEL.items())
    yield ""
    yield from _recovery(r)
    yield ""
    yield from _coverage(r)
    yield ""
    yield "Actions Required:"
    yield from (f"{n}. {action}" for n, action in enumerate(r.get("actions", ()), start=1))
    if not r.get("actions"):
        yield "None."
    yield ""
    yield from _footer(r)


def _coverage(r: Mapping[str, Any]) -> Iterator[str]:
    yield "Multi-Table Coverage:" + (" not known" if unfinished(r) else "")
    for name, share, limit, is_reached in coverage(r):
        sign, than = ("✅", "above threshold") if is_reached else ("⚠️", f"below {percent(limit)} threshold")
        yield f"{sign} {name}: {whole_percent(share)} ({than})"
    if few := r.get("few_fields"):
        yield few_fields(few, r.get("few_fields_noted", few))
    if debt := r.get("debt"):
        yield f"In a fallback embedding space: {cases(debt)}"


def _recovery(r: Mapping[str, Any]) -> Iterator[str]:
    recovered, left = r.get("recovered") or {}, still_failed(r)
    yield "Recovery Results:"
    if unfinished(r):
        yield "  Not known: what was repaired was not looked at again"
        return
    if r.get("is_dry_run"):
        yield f"  Nothing was tried; open: {sum_of(left)}"
    else:
        yield f"✅ Successfully Recovered: {cases(sum(recovered.values()))}"
        yield from (f"  - {cases(n)}: {METHODS.get(m, m)}" for m, n in recovered.items())
        yield ""
    sign = "❌" if left else "✅"
    yield f"{sign} Still Failed: {sum_of(left)}"
    yield from (f"  - {f.amount}: {f.reason}" for f in left)


def _footer(r: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Status: {r.get('status')} · {completeness(r.get('completeness', 0.0), unread_tables(r))} · "
        f"{r.get('embedding_calls', 0):,} embedding calls, {r.get('reused', 0):,} vectors reused, "
        f"cost {r.get('cost', 0.0):.2f} · {r.get('duration_s', 0.0):.1f} s"
        + (f", slowest stage {r['slowest_stage']}" if r.get("slowest_stage") else "")
    )
    yield from provider_lines(r)
    if checked := r.get("checked"):
        read, swept = checked["read_back"], checked["swept"]
        yield f"Looked at: {read:,} objects read back and probed, {swept:,} source rows swept"
    yield from (f"! {problem}" for problem in r.get("problems", ()))
    for a in r.get("alerts", ()):
        yield f"! {a['severity']} alert ({a['state']}): {a['sentence']}"


def provider_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """What each provider did in a run, and whether a fallback had to: of a sync's report as well."""
    providers = {n: p for n, p in report.get("providers", {}).items() if p["texts"] or p["reused"]}
    for name, p in providers.items():
        if name == "local":
            continue
        yield (
            f"{name}: {p['embedded']:,} of {p['texts']:,} texts embedded in {p['calls']:,} calls, "
            f"{p['reused']:,} vectors reused, {p['tokens']:,} tokens, {p['timeouts']:,} time-outs, "
            f"cost {p['cost']:.2f}"
        )
        yield from (f"! {lesson}" for lesson in p.get("lessons", ()))
    if share := report.get("fallback_share"):
        said = percent(share)
        yield f"! {said} of the vectors are a fallback's: a reconciliation replaces them when it can"
    breakers = report.get("breakers", ())
    for name in dict.fromkeys(b["provider"] for b in breakers):
        own = [b for b in breakers if b["provider"] == name]
        opened = [b for b in own if b["event"] == "opened"]
        why = ", ".join(dict.fromkeys(b["trouble"] for b in opened if b["trouble"]))
        yield (
            f"! {name} was left alone {_times(len(opened))}{f' ({why})' if why else ''} and taken back "
            f"{_times(len(own) - len(opened))}"
        )


def unread_tables(report: Mapping[str, Any]) -> Sequence[str]:
    """Objects of the source that could not be read whole; none in a report of an older release."""
    return report.get("unread_tables") or ()


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _count(r: Mapping[str, Any], key: str) -> str:
    n = r.get("counts", {}).get(key)
    return "not known" if n is None else f"{n:,}"
