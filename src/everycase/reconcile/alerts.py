"""Evaluates the alert rules and decides which messages to send (contract §13). Pure: no I/O, no clock.

Everything said here is made of rule names, counts and shares, so that it may leave the house.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from everycase.domain.alerts import Alert, AlertState, Facts
from everycase.domain.thresholds import Severity, Standing, Thresholds
from everycase.reconcile.rules import RULES, AlertRule

WORSE_BY = 1.5
REMIND_AFTER = timedelta(hours=24)
HEARTBEAT = "heartbeat"
_ROUNDING = 1e-9


# ── evaluating ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReading:
    """A rule with its measured value and its limit."""

    rule: AlertRule
    value: float
    limit: float
    detail: str = ""
    """What to add to the sentence while the rule is over its limit."""

    @property
    def is_over(self) -> bool:
        return self.rule.is_over(self.value, self.limit)

    @property
    def badness(self) -> float:
        return self.rule.badness(self.value)

    @property
    def sentence(self) -> str:
        """`WorkOrder coverage is 65%, below 70%`; when it is over: `… 72%, no longer below 70%`."""
        said, than = self.rule.say(self.value), self.rule.compare(self.limit)
        if not self.is_over and self.rule.end:
            return self.rule.end
        if self.is_over and self.detail:
            return f"{said} ({self.detail.rstrip('.')})"
        if not than:
            return said
        return f"{said}, {than}" if self.is_over else f"{said}, no longer {than}"


def evaluate(facts: Facts, thresholds: Thresholds) -> list[RuleReading]:
    """A reading of every rule that there is evidence for, in the rules' order."""
    return [
        RuleReading(rule=rule, value=value, limit=rule.limit(thresholds), detail=rule.detail(facts))
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
    """None for good news."""
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


def decide(readings: Sequence[RuleReading], standing: Mapping[str, Standing], now: datetime) -> list[Notice]:
    """What to send: an alert that starts, worsens by half or ends; a reminder after 24 h of standing.

    An alert that stands and has no reading now is left alone: no evidence ends nothing.
    """
    found = ((r, standing.get(r.rule.name)) for r in readings)
    return [_notice(kind, r, s) for r, s in found if (kind := _kind(r, s, now))]


def _kind(reading: RuleReading, standing: Standing | None, now: datetime) -> NoticeKind | None:
    if standing is None:
        return NoticeKind.STARTED if reading.is_over else None
    if not reading.is_over:
        return NoticeKind.ENDED
    if reading.badness >= WORSE_BY * standing.sent_value - _ROUNDING:
        return NoticeKind.WORSENED
    return NoticeKind.REMINDER if now - standing.sent_at >= REMIND_AFTER else None


def _notice(kind: NoticeKind, reading: RuleReading, standing: Standing | None) -> Notice:
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
    readings: Sequence[RuleReading],
    standing: Mapping[str, Standing],
    notices: Sequence[Notice],
    *,
    is_clean: bool,
) -> Notice | None:
    """The message after a fully clean run that has no other message: its absence is an alarm."""
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


def alerts(
    readings: Sequence[RuleReading],
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


def say_standing(standing: Mapping[str, Standing], thresholds: Thresholds) -> list[str]:
    """Two sentences for each alert that stands: the last measured value, and what to do."""
    found = [_unmeasured(rule, standing[rule.name], thresholds) for rule in RULES if rule.name in standing]
    return [f"{a.sentence}. {a.action}" for a in found]


def _alert(reading: RuleReading, kind: NoticeKind | None) -> Alert:
    return Alert(
        rule=reading.rule.name,
        severity=reading.rule.severity,
        state=AlertState.STANDING if kind in (None, NoticeKind.REMINDER) else AlertState(str(kind)),
        value=reading.value,
        threshold=reading.limit,
        sentence=reading.sentence,
        action=reading.rule.action,
    )


def _unmeasured(rule: AlertRule, standing: Standing, thresholds: Thresholds) -> Alert:
    """An alert without a measurement in this run: it stands by its last value, against the limit of today."""
    value, limit = round(rule.badness(standing.value), 9), rule.limit(thresholds)
    return Alert(
        rule=rule.name,
        severity=rule.severity,
        state=AlertState.STANDING,
        value=value,
        threshold=limit,
        sentence=f"{rule.say(value)} when last measured",
        action=rule.action,
    )
