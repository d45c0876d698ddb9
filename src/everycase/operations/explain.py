"""Explain why a case is in the index or not: the answer, then one line for each load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from everycase.app import App
from everycase.domain.errors import NotFound
from everycase.domain.failures import Disposition
from everycase.domain.gaps import GapKind
from everycase.operations.trace import Journey, case_keys, trace_case
from everycase.operations.wording import minute, remedy, stage_words
from everycase.store import failures, lineage
from everycase.store.failures import FailureFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one run did with the case, and why."""

    at: datetime
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of a case, or of a row that never became one."""

    key: str
    answer: str
    """One sentence: whether it is in the index, and if not, why not and what to do."""
    loads: Sequence[Load]
    failures: Sequence[dict[str, Any]]
    journey: Journey | None
    """None for a row that was refused, or that no run has worked on yet."""

    def as_dict(self) -> dict[str, Any]:
        told = {"answer": self.answer, "loads": [asdict(load) for load in self.loads]}
        if self.journey:
            return {**self.journey.as_dict(), **told}
        first = self.failures[0] if self.failures else {}
        return {
            "case_number": first.get("case_number"),
            "record_id": first.get("record_id", self.key),
            "current_stage": None,
            "status": "failed" if first else "in_progress",
            "events": [],
            "joins": {},
            "failures": list(self.failures),
            **told,
        }


def explain_case(app: App, key: str) -> Explanation:
    """Whatever has a lineage, a staged row or a failure, by record id (15 or 18) or number.

    Raises `NotFound` for what nobody has seen.
    """
    try:
        journey = trace_case(app, key)
    except NotFound:
        return _explain_untracked(app, key)
    return Explanation(
        key=key,
        answer=_answer(journey),
        loads=_loads(journey.events),
        failures=journey.failures,
        journey=journey,
    )


def _explain_untracked(app: App, key: str) -> Explanation:
    keys = case_keys(key)
    with app.pool.connection() as conn:
        found = failures.list_failures(conn, FailureFilter(cases=keys, include_resolved=True))
        staged = any(lineage.find_staged(conn, k) for k in keys)
    unresolved = [f for f in found if not f["resolved"]]
    if unresolved:
        answer = f"not in the index: {_failed(unresolved[0])}"
    elif staged:
        answer = "not in the index: staged, and not worked on yet: everycase sync"
    elif found:
        answer = f"not in the index: it failed once ({found[0]['recovery_method']}), and is not at the source"
    else:
        raise NotFound(
            f"no case {key!r}, neither by record id nor by case number; one whose row was refused is found "
            "by its record id: everycase failures"
        )
    return Explanation(key=key, answer=answer, loads=(), failures=found, journey=None)


def _answer(journey: Journey) -> str:
    row = journey.row
    unresolved = [f for f in journey.failures if not f["resolved"]]
    blocking = [f for f in unresolved if f["disposition"] != Disposition.SKIP]
    has_object = row["index_state"] == "loaded"
    if row["status"] == "deleted":
        return f"not in the index: {_gone(journey.events)}"
    if blocking and has_object:
        served = minute(row["weaviate_timestamp"])
        return f"in the index as of {served}; its last change is not: {_failed(blocking[0])}"
    if blocking:
        return f"not in the index: {_failed(blocking[0])}"
    if row["status"] == "completed" and has_object:
        noted = "".join(f"; {f['error_message']}" for f in unresolved)
        return f"in the index since {minute(row['weaviate_timestamp'])}{noted}"
    if row["status"] == "in_progress":
        stage = stage_words(row["current_stage"])
        return f"under way, at stage {stage}; if no run is at work, the next one takes it up"
    return "not in the index: its object was removed; everycase reconcile finds out and loads it again"


def _failed(failure: Mapping[str, Any]) -> str:
    """`refused at extraction, Case.csv line 280, …; set EVERYCASE_ENCODING`."""
    verb = "refused" if failure["stage"] == "extraction" else "failed"
    return (
        f"{verb} at {stage_words(failure['stage'])}, {failure['error_message']} "
        f"({failure['error_type']}); {remedy(failure)}"
    )


def _gone(events: Sequence[Mapping[str, Any]]) -> str:
    """`deleted 2026-01-06 06:00 UTC, gone at the source: absent from a whole read`."""
    last = next((e for e in reversed(events) if e["event"] == "deleted"), None)
    return f"deleted {minute(last['at'])}, {_gone_reason(events, last)}" if last else "gone at the source"


def _loads(events: Sequence[Mapping[str, Any]]) -> list[Load]:
    """One entry for each time the case was loaded, repaired, failed or removed."""
    loads: list[Load] = []
    found = ""
    for e in events:
        if e["event"] == "gap":
            found = "" if _is_gone(e) else f"repaired: {e['detail']}"
        elif e["event"] == "entered" and e["stage"] == "extracted":
            loads.append(
                Load(at=e["at"], outcome="under way", reason=found or e["detail"] or "new or changed")
            )
            found = ""
        elif e["event"] in ("deleted", "removed"):
            loads.append(Load(at=e["at"], outcome=e["event"], reason=_gone_reason(events, e)))
        elif outcome := _outcome(e):
            before = loads.pop() if loads else Load(at=e["at"], outcome="", reason=found)
            reason = f"{before.reason}: {e['detail']}" if outcome == "failed" else before.reason
            loads.append(Load(at=e["at"], outcome=outcome, reason=reason))
    return loads


def _outcome(event: Mapping[str, Any]) -> str:
    if event["event"] == "exited" and event["stage"] == "weaviate_loaded":
        return "loaded"
    return "failed" if event["event"] == "failed" else ""


def _gone_reason(events: Sequence[Mapping[str, Any]], event: Mapping[str, Any]) -> str:
    if event["event"] == "removed":
        return "its text may hold personal data"
    gaps = [e["detail"] for e in events if _is_gone(e) and e["at"] <= event["at"]]
    return "gone at the source" + (gaps[-1].removeprefix(GapKind.GONE_AT_SOURCE) if gaps else "")


def _is_gone(event: Mapping[str, Any]) -> bool:
    """Whether the event says that the case is gone at the source, which no load repairs."""
    return event["event"] == "gap" and str(event["detail"]).startswith(GapKind.GONE_AT_SOURCE)
