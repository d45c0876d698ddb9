"""What the commands that look say to a person: the state, a case, failures, runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from everycase.cli import console, show
from everycase.cli.layout import GLUE
from everycase.domain.orders import RunProgress
from everycase.operations.explain import Explanation
from everycase.operations.inbox import Inbox
from everycase.operations.status import Overview, ProviderOverview
from everycase.operations.wording import (
    completeness,
    few_fields,
    place_of,
    remedy,
    stage_words,
    whole_percent,
    withheld_deletions,
)


def overview(o: Overview) -> None:
    console.say(f"{o.place}; {o.database_bytes / 1e6:,.0f} MB")
    rows = [(where, "not known" if n is None else n) for where, n in o.funnel.items()]
    console.table("Census", ("where", "cases"), rows)
    if o.has_cases:
        what = "of the cases are in the index as the source has them"
        console.say(f"Completeness: {completeness(o.completeness, o.unread_tables, what=what)}")
    else:
        console.say(f"Completeness: no case has been read yet: {show.me()} doctor says whether a sync can")
    if outdated := o.census["outdated"]:
        console.say(f"In the index as they were before, as their new row cannot be read: {outdated:,} cases")
    if o.coverage:
        shares = " · ".join(f"{name} {whole_percent(share)}" for name, share in o.coverage.items())
        console.say(f"Coverage: {shares}; on average {o.census['average_fields']} of 44 fields populated")
    if few := o.census["few_fields"]:
        console.say(few_fields(few, o.census["few_fields_noted"]))
    if o.spaces:
        console.say("Spaces: " + ", ".join(f"{name} {n:,}" for name, n in o.spaces.items()))
    if o.debt:
        console.say(f"In a fallback space: {o.debt:,} cases; a reconciliation embeds them anew when it can")
    for p in o.providers:
        console.say(_provider(p))
    _open(o)


def _open(o: Overview) -> None:
    """Print open failures, the last runs, runs at work, and why the pipeline is stopped."""
    console.say(f"Vector cache: {o.cache.vectors:,} vectors, {o.cache.bytes / 1e6:,.1f} MB")
    for disposition, n in o.open_failures.items():
        console.say(f"Open failures ({disposition}): {n:,}")
    for what, n in o.withheld.items():
        command = "reconcile" if what == "orphan" else "sync"
        console.say(f"! {withheld_deletions(what, n)}: {show.me()} {command} --allow-deletes {n}")
    for rule in o.alerts:
        console.say(f"Alert that stands: {rule}")
    if o.last_sync:
        console.say(f"Last sync: {o.last_sync['status']}, {o.last_sync['start_time']:%Y-%m-%d %H:%M} UTC")
    if last := o.last_reconciliation:
        console.say(
            f"Last reconciliation: {last['status']}, {last['start_time']:%Y-%m-%d %H:%M} UTC, "
            f"{last['run_type']}"
        )
    for sentence in o.unfinished:
        console.say(f"! {sentence}")
    for j in o.jobs:
        if j.started:
            console.say(f"Job {j.name}: {j.started:%Y-%m-%d %H:%M} UTC" + (f", {j.error}" if j.error else ""))
    for run in o.live:
        console.say(f"At work: {_progress(run)}")
    if o.is_running and not o.live:
        console.say("A run is at work now.")
    if o.stop_reason:
        console.say(f"! the pipeline is stopped: {o.stop_reason}; let it go on with {show.me()} resume")
    if o.building:
        console.say(f"{o.building} is being built beside the served index: {show.me()} index switch")
    if not o.is_index_ready:
        console.say(f"! index: {o.index_detail}")


def _progress(run: RunProgress) -> str:
    """`sync, cases: 120 of 400 (30%), 2 failed`, from the same row that the pages show."""
    done = f"{run.done:,}" if run.total is None else f"{run.done:,} of {run.total:,} ({run.share:.0%})"
    ending = ", is to end at its next batch" if run.is_cancelling else ""
    return f"{run.kind}, {run.phase}: {done}, {run.failed:,} failed{ending}"


def _provider(p: ProviderOverview) -> str:
    if p.open_until is None:
        state = "is well" if p.is_known else "has not been asked yet"
    else:
        state = f"is left alone until {p.open_until:%H:%M:%S} UTC, after too many {p.trouble}"
    return (
        f"Provider {p.name} {state}; in 30 days {p.calls:,} calls, {p.tokens:,} tokens, "
        f"{p.timeouts:,} time-outs, cost {p.cost:.2f}"
    )


def explanation(found: Explanation, *, verbose: bool) -> None:
    """Print the answer, the case's figures and one line for each load; with `verbose` every stage as well."""
    seen = found.as_dict()
    console.say(f"Case {seen['case_number'] or '(no number)'} · record {seen['record_id']}: {found.answer}")
    if found.journey:
        _journey(seen)
    for load in found.loads:
        console.say(f"  {console.moment(load.at)}  {load.outcome}: {load.reason}")
    if verbose:
        console.table(
            "Journey",
            ("when", "stage", "event", "detail"),
            [(e["at"], e["stage"], e["event"], e["detail"]) for e in seen["events"]],
        )
    if found.failures and verbose:
        failures(found.failures)
    elif resolved := [f for f in found.failures if f["resolved"]]:
        console.say(f"Failures that are over: {len(resolved)}; with -v: what they were, and every stage")


def _journey(seen: Mapping[str, Any]) -> None:
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


def inbox(found: Inbox, *, grouped: bool) -> None:
    if grouped:
        failure_groups(found.groups)
    elif found.failures:
        failures(found.failures)
    else:
        console.say("No failures.")
    for sentence in found.unfinished:
        console.say(f"! {sentence}")


def failures(rows: Sequence[dict[str, Any]]) -> None:
    """Print each failure: place, type, remedy, message, stage and command to retry it."""
    for r in rows:
        subject = r["case_number"] or r["record_id"]
        done = f"resolved ({r['recovery_method']})" if r["resolved"] else remedy(r)
        tries = f", tried {r['retry_count']}×" if r["retry_count"] else ""
        console.say(f"{place_of(r)} {r['error_type']} → {done}", columns=80)
        console.say(f"  {r['error_message']}", indent=2, columns=80)
        whose = " ".join(dict.fromkeys((r["source_object"], subject)))
        console.say(f"  {whose} · {stage_words(r['stage'])}{tries}")
        console.say(f"  everycase retry {r['failure_id']}")


def failure_groups(groups: Sequence[dict[str, Any]]) -> None:
    console.table(
        "Failures by stage and type",
        ("stage", "type", "what happens", "open", "resolved", "last seen"),
        [
            (
                stage_words(g["stage"]),
                g["error_type"],
                g["disposition"],
                g["open"],
                g["resolved"],
                g["last_seen"],
            )
            for g in groups
        ],
    )


def runs(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        console.say(f"No reconciliation yet: {show.me()} reconcile")
        return
    console.table(
        "Reconciliations (UTC), discrepancies found and records recovered",
        ("run", "type", "began", "took s", "status", "source", "index", "found", "recovered"),
        [
            (
                str(r["run_id"])[:8],
                r["run_type"],
                f"{r['start_time']:%Y-%m-%d{GLUE}%H:%M}",
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
        console.say("This run found no gap between source, staging, lineage and index.")
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
