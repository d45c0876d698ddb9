"""Alerts: eleven rules as data, and when one is worth a message (contract §13). Pure: no I/O, no clock.

Everything said here is made of rule names, counts and shares, so that it may leave the house.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from everycase.domain.catalogue import FEW_FIELDS
from everycase.domain.thresholds import Severity, Standing, Thresholds

WORSE_BY = 1.5
REMIND_AFTER = timedelta(hours=24)
HEARTBEAT = "heartbeat"
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known now. None, or an object without coverage: no evidence, for better or worse."""

    coverage: Mapping[str, float] = field(default_factory=dict)
    """The share of cases that have rows of a child object, by object."""
    few_fields: int | None = None
    """Cases under 30 fields that are not noted as complete with limited data."""
    tried: int | None = None
    """Cases that this run worked on."""
    failed: int | None = None
    embed_tried: int | None = None
    timeouts: int | None = None
    load_tried: int | None = None
    load_failed: int | None = None
    missing: int | None = None
    """Cases that were found missing from the index."""
    manual_review: int | None = None
    """Open failures that wait for a person."""


# ── rules ────────────────────────────────────────────────────────────────────────────────────────


class Measure(StrEnum):
    """What a rule's numbers are."""

    COVERAGE = "coverage"
    """A share that must not be low; how bad it is, is what lacks."""
    RATE = "rate"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One condition worth an alert, and what to do about it (seed, "Alert Thresholds and Actions")."""

    name: str
    severity: Severity
    measure: Measure
    value: Callable[[Facts, Thresholds], float | None]
    """The measured number; None without evidence."""
    limit: Callable[[Thresholds], float]
    sentence: str
    action: str

    def is_over(self, value: float, limit: float) -> bool:
        return value < limit if self.measure is Measure.COVERAGE else value > limit

    def badness(self, value: float) -> float:
        """A number that grows as things get worse, so that "worse by half" has a sense. Its own inverse."""
        return 1 - value if self.measure is Measure.COVERAGE else value

    def say(self, value: float, limit: float) -> str:
        """The number in words: `WorkOrder coverage is 65 %`."""
        return self.sentence.format(value=self._number(value, limit))

    def compare(self, limit: float) -> str:
        """The limit in words: `below 70 %`; empty where one is too many."""
        if not limit:
            return ""
        return f"{'below' if self.measure is Measure.COVERAGE else 'more than'} {self._number(limit, limit)}"

    def _number(self, value: float, limit: float) -> str:
        return f"{value:,.0f}" if self.measure is Measure.COUNT else _percent(value, limit)


def _percent(share: float, limit: float) -> str:
    """With as few decimals as tell it from the limit: 69.6 % is not "70 %, below 70 %"."""
    if share == limit:
        return f"{100 * share:.6g} %"
    decimals = next((d for d in range(4) if round(100 * share, d) != round(100 * limit, d)), 4)
    return f"{100 * share:.{decimals}f} %"


def _coverage(
    name: str, severity: Severity, obj: str, limit: Callable[[Thresholds], float], action: str
) -> Rule:
    return Rule(
        name=name,
        severity=severity,
        measure=Measure.COVERAGE,
        value=lambda facts, _: facts.coverage.get(obj),
        limit=limit,
        sentence=f"{obj} coverage is {{value}}",
        action=action,
    )


def _rate(
    bad: Callable[[Facts], int | None], tried: Callable[[Facts], int | None]
) -> Callable[[Facts, Thresholds], float | None]:
    """A rate is evidence from `least_cases` tries on; none bad of any tries is evidence that it is over."""

    def value(facts: Facts, thresholds: Thresholds) -> float | None:
        part, whole = bad(facts), tried(facts)
        if part is None or not whole or (part and whole < thresholds.least_cases):
            return None
        return part / whole

    return value


RULES: tuple[Rule, ...] = (
    _coverage(
        "task_coverage",
        Severity.HIGH,
        "Task",
        lambda t: t.task_coverage,
        "Check SFDC Task table availability",
    ),
    _coverage(
        "workorder_coverage",
        Severity.HIGH,
        "WorkOrder",
        lambda t: t.workorder_coverage,
        "Check SFDC WorkOrder permissions",
    ),
    _coverage(
        "email_coverage",
        Severity.WARNING,
        "EmailMessage",
        lambda t: t.email_coverage,
        "Check SFDC EmailMessage table availability",
    ),
    _coverage(
        "feed_coverage",
        Severity.WARNING,
        "WorkOrderFeed",
        lambda t: t.feed_coverage,
        "Check SFDC WorkOrderFeed table availability",
    ),
    _coverage(
        "comment_coverage",
        Severity.MEDIUM,
        "CaseComment",
        lambda t: t.comment_coverage,
        "Normal (comments are optional)",
    ),
    Rule(
        name="few_fields",
        severity=Severity.MEDIUM,
        measure=Measure.COUNT,
        value=lambda f, _: f.few_fields,
        limit=lambda _: 0,
        sentence=f"Cases with fewer than {FEW_FIELDS} fields: {{value}}",
        action="Flag for review, but continue processing",
    ),
    Rule(
        name="failure_rate",
        severity=Severity.CRITICAL,
        measure=Measure.RATE,
        value=_rate(lambda f: f.failed, lambda f: f.tried),
        limit=lambda t: t.failure_rate,
        sentence="{value} of the cases failed",
        action="Stop pipeline, investigate root cause; everycase resume lets it go on",
    ),
    Rule(
        name="embedding_timeouts",
        severity=Severity.HIGH,
        measure=Measure.RATE,
        value=_rate(lambda f: f.timeouts, lambda f: f.embed_tried),
        limit=lambda t: t.timeout_rate,
        sentence="{value} of the embeddings timed out",
        action="Switch to Nomic fallback, alert ChatHPE team",
    ),
    Rule(
        name="load_failures",
        severity=Severity.CRITICAL,
        measure=Measure.RATE,
        value=_rate(lambda f: f.load_failed, lambda f: f.load_tried),
        limit=lambda t: t.load_failure_rate,
        sentence="{value} of the loads into the index failed",
        action="Check Weaviate cluster health",
    ),
    Rule(
        name="missing_cases",
        severity=Severity.HIGH,
        measure=Measure.COUNT,
        value=lambda f, _: f.missing,
        limit=lambda t: t.missing_cases,
        sentence="Cases missing from the index: {value}",
        action="Run manual recovery, investigate data loss",
    ),
    Rule(
        name="manual_review",
        severity=Severity.HIGH,
        measure=Measure.COUNT,
        value=lambda f, _: f.manual_review,
        limit=lambda _: 0,
        sentence="Failures that wait for a person: {value}",
        action="Look at everycase failures --disposition manual_review",
    ),
)


# ── evaluating ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A rule that could be measured now."""

    rule: Rule
    value: float
    limit: float

    @property
    def is_over(self) -> bool:
        return self.rule.is_over(self.value, self.limit)

    @property
    def badness(self) -> float:
        return self.rule.badness(self.value)

    @property
    def sentence(self) -> str:
        """`WorkOrder coverage is 65 %, below 70 %`; when it is over: `… 72 %, no longer below 70 %`."""
        said, than = self.rule.say(self.value, self.limit), self.rule.compare(self.limit)
        if not than:
            return said
        return f"{said}, {than}" if self.is_over else f"{said}, no longer {than}"


def evaluate(facts: Facts, thresholds: Thresholds) -> list[Reading]:
    """A reading of every rule that there is evidence for, in the rules' order."""
    return [
        Reading(rule=rule, value=value, limit=rule.limit(thresholds))
        for rule in RULES
        if (value := rule.value(facts, thresholds)) is not None
    ]


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────


class NoticeKind(StrEnum):
    STARTED = "started"
    WORSENED = "worsened"
    REMINDER = "reminder"
    ENDED = "ended"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message worth sending."""

    kind: NoticeKind
    rule: str
    severity: Severity | None
    """None: good news."""
    value: float
    """How bad it is, as `Standing.value`."""
    sentence: str
    action: str = ""
    since: datetime | None = None

    def title(self, subject: str) -> str:
        """`everycase: workorder_coverage started (high)`."""
        if self.kind is NoticeKind.HEARTBEAT:
            return f"{subject}: {self.rule}"
        return f"{subject}: {self.rule} {self.kind}" + (f" ({self.severity})" if self.severity else "")

    @property
    def body(self) -> str:
        lines = [f"{self.sentence}."]
        if self.since:
            lines.append(f"Since {self.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC.")
        if self.action:
            lines.append(f"What to do: {self.action}.")
        return "\n".join(lines)


def decide(readings: Sequence[Reading], standing: Mapping[str, Standing], now: datetime) -> list[Notice]:
    """What to send: an alert that starts, worsens by half or ends; a reminder after 24 h of standing.

    An alert that stands and has no reading now is left alone: no evidence ends nothing.
    """
    found = ((r, standing.get(r.rule.name)) for r in readings)
    return [_notice(kind, r, s) for r, s in found if (kind := _kind(r, s, now))]


def _kind(reading: Reading, standing: Standing | None, now: datetime) -> NoticeKind | None:
    if standing is None:
        return NoticeKind.STARTED if reading.is_over else None
    if not reading.is_over:
        return NoticeKind.ENDED
    if reading.badness >= WORSE_BY * standing.sent_value - _ROUNDING:
        return NoticeKind.WORSENED
    return NoticeKind.REMINDER if now - standing.sent_at >= REMIND_AFTER else None


def _notice(kind: NoticeKind, reading: Reading, standing: Standing | None) -> Notice:
    has_ended = kind is NoticeKind.ENDED
    return Notice(
        kind=kind,
        rule=reading.rule.name,
        severity=None if has_ended else reading.rule.severity,
        value=reading.badness,
        sentence=reading.sentence,
        action="" if has_ended else reading.rule.action,
        since=standing.started_at if standing else None,
    )


def heartbeat(
    readings: Sequence[Reading],
    standing: Mapping[str, Standing],
    notices: Sequence[Notice],
    *,
    is_clean: bool,
) -> Notice | None:
    """A sign of life after a fully clean run when there is nothing else to say: silence is an alarm too."""
    stands = any(r.name in standing for r in RULES) or any(r.is_over for r in readings)
    if not is_clean or stands or notices:
        return None
    return Notice(
        kind=NoticeKind.HEARTBEAT,
        rule=HEARTBEAT,
        severity=None,
        value=0,
        sentence="The run was fully clean and no alert stands",
    )


# ── reporting ────────────────────────────────────────────────────────────────────────────────────


class AlertState(StrEnum):
    STARTED = "started"
    WORSENED = "worsened"
    STANDING = "standing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as a run's report has it."""

    rule: str
    severity: Severity
    state: AlertState
    value: float
    """As people read it: a coverage of 0.65 is 0.65."""
    threshold: float
    sentence: str
    action: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "state": self.state.value,
            "value": self.value,
            "threshold": self.threshold,
            "sentence": self.sentence,
            "action": self.action,
        }


def alerts(
    readings: Sequence[Reading],
    standing: Mapping[str, Standing],
    notices: Sequence[Notice],
    thresholds: Thresholds,
) -> list[Alert]:
    """Every alert that starts, stands or ends now, in the rules' order."""
    measured = {r.rule.name: r for r in readings}
    kinds = {n.rule: n.kind for n in notices}
    found = []
    for rule in RULES:
        reading = measured.get(rule.name)
        if reading is None and rule.name in standing:
            found.append(_unmeasured(rule, standing[rule.name], thresholds))
        elif reading and (reading.is_over or rule.name in standing):
            found.append(_alert(reading, kinds.get(rule.name)))
    return found


def _alert(reading: Reading, kind: NoticeKind | None) -> Alert:
    return Alert(
        rule=reading.rule.name,
        severity=reading.rule.severity,
        state=AlertState.STANDING if kind in (None, NoticeKind.REMINDER) else AlertState(str(kind)),
        value=reading.value,
        threshold=reading.limit,
        sentence=reading.sentence,
        action=reading.rule.action,
    )


def _unmeasured(rule: Rule, standing: Standing, thresholds: Thresholds) -> Alert:
    """An alert that stands by what was last measured; the limit may have been set anew since."""
    value, limit = round(rule.badness(standing.value), 9), rule.limit(thresholds)
    return Alert(
        rule=rule.name,
        severity=rule.severity,
        state=AlertState.STANDING,
        value=value,
        threshold=limit,
        sentence=f"{rule.say(value, limit)} when last measured",
        action=rule.action,
    )
