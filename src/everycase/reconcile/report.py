"""Step 5, the report: the gaps, what was done about them, and the state at the end. Pure.

`as_dict` is what is kept with the run and printed with --json: its keys are those of contract §15, and
more. It holds ids of no case: counts, kinds, shares and sentences only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from everycase.domain.alerts import Alert, Facts, Told
from everycase.domain.errors import ExitCode
from everycase.domain.failures import UNITS, Disposition, ErrorType, FailureStage, count_of
from everycase.domain.gaps import GapKind, RunType
from everycase.domain.runs import BatchResult, Deferral, RunFigures, RunStatus, deferred
from everycase.domain.thresholds import Thresholds
from everycase.reconcile.identify import Pattern
from everycase.reconcile.text import withheld_deletions
from everycase.store.gaps import GapOutcome

_KNOWN_AT_END = (
    "gaps_left",
    "withheld",
    "recovered",
    "still_failed",
    "new_failures",
    "failures",
    "coverage",
    "few_fields",
    "few_fields_noted",
    "limited_data",
    "debt",
    "spaces",
    "completeness",
)
"""Figures that a run takes when all its work is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One reconciliation."""

    run_id: UUID
    run_type: RunType
    is_deep: bool
    is_dry_run: bool
    source: str
    shard: str = ""
    """`2/4`: the part of the cases that this was about."""
    round: UUID | None = None
    """Of a shard: the run that led it."""
    started_at: datetime
    end: RunStatus | None = None
    """`failed` or `interrupted`, where it did not come to its end."""
    error: str = ""
    """The sentence of the error that ended it."""
    figures: RunFigures = field(default_factory=RunFigures)
    counts: Mapping[str, int | None] = field(default_factory=dict)
    gaps: Mapping[str, int] | None = field(default_factory=dict)
    """None where it ended before everything was compared."""
    gaps_left: Mapping[str, int] = field(default_factory=dict)
    """What the post-check still finds, withheld ones not counted."""
    withheld: Mapping[str, int] = field(default_factory=dict)
    recovered: Mapping[str, int] = field(default_factory=dict)
    open_before: Mapping[str, int] = field(default_factory=dict)
    """Failures that waited for a retry or a person when the run began, by type; of cases that are no gap."""
    due_failures: int = 0
    still_failed: Mapping[str, int] = field(default_factory=dict)
    new_failures: int = 0
    """Of those, the failures that were opened since the last sync began."""
    patterns: Sequence[Pattern] = ()
    coverage: Mapping[str, float] = field(default_factory=dict)
    thresholds: Thresholds = field(default_factory=Thresholds)
    few_fields: int = 0
    few_fields_noted: int = 0
    """Those of them that were looked at again at the source, which has no more of them."""
    limited_data: int = 0
    """Cases that are indexed with what there is: those, and closed ones without any resolution text."""
    spaces: Mapping[str, int] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    """What the alert rules judge."""
    alerts: Sequence[Alert] = ()
    completeness: float = 1.0
    checked: Mapping[str, int] = field(default_factory=dict)
    findings: Sequence[str] = ()
    """Signs that a part was restored from a backup, or that a clock was wrong: a sentence each."""
    unread: Sequence[str] = ()
    """What of the source could not be compared, and why."""
    unread_tables: Sequence[str] = ()
    """Objects of the source that could not be read whole: completeness leaves out what they lack."""
    remarks: Sequence[str] = ()
    """What a reader must know, though nothing is wrong."""
    reads: Sequence[Mapping[str, Any]] = ()
    """The balance of each sweep of the source: what was announced, read and counted."""
    undelivered: Sequence[str] = ()
    """The rules whose alert some channel did not take."""

    @property
    def totals(self) -> BatchResult:
        return self.figures.totals

    @property
    def is_finished(self) -> bool:
        """It came to its end, and looked again at everything that it had repaired."""
        return self.end is None

    @property
    def unexplained(self) -> int:
        """Gaps that are left, but for vectors of the fallback, which serve until they are replaced."""
        return sum(n for kind, n in self.gaps_left.items() if kind != GapKind.DEBT)

    @property
    def status(self) -> RunStatus:
        """`completed` only when no gap is left unexplained (contract §12)."""
        if self.end:
            return self.end
        if self.figures.stop_reason:
            return RunStatus.STOPPED
        is_open = self.unexplained or self.withheld or self.unread or self.figures.deferred
        return RunStatus.INCOMPLETE if is_open else RunStatus.COMPLETED

    @property
    def problems(self) -> list[str]:
        told = Told(undelivered=self.undelivered)
        return [*self.findings, *self.unread, *self.remarks, *told.problems]

    def with_alerts(self, told: Told) -> Self:
        return replace(self, alerts=told.alerts, undelivered=told.undelivered)

    @property
    def is_clean(self) -> bool:
        """Nothing is left: no gap, no failure that waits for a retry or a person."""
        return self.status is RunStatus.COMPLETED and not self.still_failed

    @property
    def is_old_news(self) -> bool:
        """All that is left are failures that were open before the last sync."""
        return self.status is RunStatus.COMPLETED and not self.new_failures

    @property
    def is_fully_clean(self) -> bool:
        """The run is clean, and it found no gap and had nothing to recover."""
        return self.is_clean and not self.gaps and not self.recovered

    @property
    def exit_code(self) -> ExitCode:
        if self.figures.stop_reason:
            return ExitCode.STOPPED
        return ExitCode.CLEAN if self.is_clean else ExitCode.UNRESOLVED

    @property
    def actions(self) -> list[str]:
        """What a person is to do, most pressing first."""
        figures, found = self.figures, []
        if not self.is_finished:
            found.append("Reconcile again: this run did not come to its end")
        if figures.stop_reason:
            found.append(
                f"Find out why the pipeline was stopped ({figures.stop_reason}), then everycase resume"
            )
        if figures.deferred:
            found.append(deferred(figures.deferred, figures.deferral or Deferral.BUDGET, figures.cost))
        found += [f"Not everything was compared: {sentence}" for sentence in self.unread]
        found += [
            f"{withheld_deletions(kind, n)}: everycase reconcile --allow-deletes {n}"
            for kind, n in self.withheld.items()
        ]
        found += [
            f"{p.error_type}, {count_of(p.error_type, p.open)}: {p.action(self.started_at)}"
            for p in self.patterns
            if p.open and self._wants_a_person(p)
        ]
        if left := {k: n for k, n in self.gaps_left.items() if k != GapKind.DEBT}:
            said = ", ".join(f"{n:,} {k}" for k, n in left.items())
            verb = "Would be repaired without --dry-run" if self.is_dry_run else "Reconcile again: still open"
            found.append(f"{verb}: {said}")
        found += [f"{a.sentence}: {a.action}" for a in self.alerts if a.rule.endswith("_coverage")]
        return found

    def _wants_a_person(self, p: Pattern) -> bool:
        """Nothing mends it by itself; of tables that cannot be read, where no line says it yet."""
        is_unread = UNITS.get(p.error_type) == "table" and not self.unread
        return is_unread or p.disposition is Disposition.MANUAL_REVIEW or _is_late(p, self.started_at)

    @property
    def discrepancies(self) -> int | None:
        """Gaps, and failures of other cases that waited; None where not everything was compared."""
        return None if self.gaps is None else sum(self.gaps.values()) + sum(self.open_before.values())

    def as_dict(self) -> dict[str, Any]:
        """Of a run that did not come to its end, what only the end tells is None."""
        return self._figures() if self.is_finished else {**self._figures(), **dict.fromkeys(_KNOWN_AT_END)}

    def _head(self) -> dict[str, Any]:
        return {
            "run_id": str(self.run_id),
            "run_type": self.run_type.value,
            "is_deep": self.is_deep,
            "is_dry_run": self.is_dry_run,
            "status": self.status,
            "error": self.error,
            "source": self.source,
            "shard": self.shard or None,
            "round": str(self.round) if self.round else None,
            "started_at": self.started_at.isoformat(),
        }

    def _figures(self) -> dict[str, Any]:
        return {
            **self._head(),
            "records_checked": self.counts.get("staging"),
            "discrepancies": self.discrepancies,
            "counts": dict(self.counts),
            "gaps": None if self.gaps is None else dict(self.gaps),
            "gaps_left": dict(self.gaps_left),
            "withheld": dict(self.withheld),
            "recovered": dict(self.recovered),
            "open_before": sum(self.open_before.values()),
            "open_before_by_type": dict(self.open_before),
            "due_failures": self.due_failures,
            "still_failed": dict(self.still_failed),
            "new_failures": self.new_failures,
            "failures": [_pattern(p, self.started_at) for p in self.patterns],
            "coverage": dict(self.coverage),
            "coverage_thresholds": coverage_thresholds(self.thresholds),
            "few_fields": self.few_fields,
            "few_fields_noted": self.few_fields_noted,
            "limited_data": self.limited_data,
            "debt": self.gaps_left.get(GapKind.DEBT, 0),
            "spaces": dict(self.spaces),
            "alerts": [a.as_dict() for a in self.alerts],
            "completeness": self.completeness,
            "unread_tables": list(self.unread_tables),
            **self.figures.as_dict(),
            "checked": dict(self.checked),
            "problems": self.problems,
            "reads": [dict(r) for r in self.reads],
            "actions": self.actions,
        }


def coverage_thresholds(t: Thresholds) -> dict[str, float]:
    """Below which share the coverage of a child table is low."""
    return {
        "Task": t.task_coverage,
        "WorkOrder": t.workorder_coverage,
        "CaseComment": t.comment_coverage,
        "EmailMessage": t.email_coverage,
        "WorkOrderFeed": t.feed_coverage,
    }


def count_recovered(outcomes: Sequence[GapOutcome], failures: Mapping[str, int]) -> dict[str, int]:
    """How gaps and failures were closed, by method, most first."""
    found = dict(failures)
    for o in outcomes:
        if o.outcome == "recovered":
            found[o.method] = found.get(o.method, 0) + o.count
    return dict(sorted(found.items(), key=lambda i: (-i[1], i[0])))


def count_withheld(outcomes: Sequence[GapOutcome]) -> dict[str, int]:
    found: dict[str, int] = {}
    for o in outcomes:
        if o.outcome == "withheld":
            found[o.kind.value] = found.get(o.kind.value, 0) + o.count
    return found


def count_left(after: Mapping[GapKind, int], withheld: Mapping[str, int]) -> dict[str, int]:
    """What the post-check found, less what waits for a person's word."""
    left = {k.value: n - withheld.get(k.value, 0) for k, n in after.items()}
    return {k: n for k, n in left.items() if n > 0}


def _is_late(p: Pattern, now: datetime) -> bool:
    return p.error_type is ErrorType.MISSING_CHILD_DATA and "24 h" in p.action(now)


def _pattern(p: Pattern, now: datetime) -> dict[str, Any]:
    return {
        "stage": p.stage.value,
        "error_type": p.error_type.value,
        "disposition": p.disposition.value,
        "open": p.open,
        "first_seen": p.first_seen.isoformat(),
        "last_seen": p.last_seen.isoformat(),
        "mttr_s": p.mttr_s,
        "action": p.action(now),
    }


def pattern_of(group: Mapping[str, Any]) -> Pattern:
    """The pattern of a group of failures, as `store.failures` gives it."""
    return Pattern(
        stage=FailureStage(group["stage"]),
        error_type=ErrorType(group["error_type"]),
        disposition=Disposition(group["disposition"]),
        open=group["open"],
        first_seen=group["first_seen"],
        last_seen=group["last_seen"],
        mttr_s=group["mttr_s"],
    )
