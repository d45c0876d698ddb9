"""The alert rules, as data: what each measures, its limit, and what to do (contract §13). Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from everycase.domain.alerts import Facts
from everycase.domain.catalogue import FEW_FIELDS
from everycase.domain.completeness import percent, percent_up, whole_percent
from everycase.domain.runs import RunKind
from everycase.domain.thresholds import Severity, Thresholds

_NO_SUCH = "if the organisation has none, add {} to EVERYCASE_WITHOUT"

# ── rules ────────────────────────────────────────────────────────────────────────────────────────


class Measure(StrEnum):
    """The kind of number that a rule measures."""

    COVERAGE = "coverage"
    """A share that must not be low. How bad it is: 1 minus the share."""
    RATE = "rate"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One condition worth an alert, and what to do about it (seed, "Alert Thresholds and Actions")."""

    name: str
    severity: Severity
    measure: Measure
    value: Callable[[Facts, Thresholds], float | None]
    """The measured number; None without evidence."""
    limit: Callable[[Thresholds], float]
    sentence: str
    """With `{value}`, the measured number."""
    action: str
    one: str = ""
    """The sentence for a count of 1; empty if it is the same."""
    end: str = ""
    """The sentence for its end, where the number says little."""
    detail: Callable[[Facts], str] = lambda _: ""
    """What to add to the sentence while it stands."""

    def is_over(self, value: float, limit: float) -> bool:
        return value < limit if self.measure is Measure.COVERAGE else value > limit

    def badness(self, value: float) -> float:
        """The value as a number that grows as things get worse; applied twice it gives the value back."""
        return 1 - value if self.measure is Measure.COVERAGE else value

    def say(self, value: float) -> str:
        """The number in words: `WorkOrder coverage is 65%`."""
        sentence = self.one if self.one and value == 1 else self.sentence
        return sentence.format(value=self._number(value))

    def compare(self, limit: float) -> str:
        """The limit in words: `below 70%`; empty for rules that allow none."""
        if not limit:
            return ""
        said = self._number(limit) if self.measure is Measure.COUNT else percent(limit)
        return f"{'below' if self.measure is Measure.COVERAGE else 'more than'} {said}"

    def _number(self, value: float) -> str:
        if self.measure is Measure.COUNT:
            return f"{value:,.0f}"
        return whole_percent(value) if self.measure is Measure.COVERAGE else percent_up(value)


def _coverage(
    name: str, severity: Severity, obj: str, limit: Callable[[Thresholds], float], action: str
) -> AlertRule:
    return AlertRule(
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
    """The rate of a rule: None below `least_cases` tries, except that 0 bad tries of any number is a 0."""

    def value(facts: Facts, thresholds: Thresholds) -> float | None:
        part, whole = bad(facts), tried(facts)
        if part is None or not whole or (part and whole < thresholds.least_cases):
            return None
        return part / whole

    return value


def _outage(facts: Facts, thresholds: Thresholds) -> float | None:
    """The share of cases that failed because a dependency was down.

    All of them is evidence however few they are, unless they have all failed before; another share is
    evidence from `least_cases` tries on.
    """
    if facts.outages is None or not facts.attempted:
        return None
    is_all = facts.outages == facts.attempted and bool(facts.tried)
    if not facts.outages or is_all or facts.attempted >= thresholds.least_cases:
        return facts.outages / facts.attempted
    return None


def _stopped(facts: Facts, _: Thresholds) -> float | None:
    return None if facts.stop_reason is None else float(bool(facts.stop_reason))


def _error(kind: RunKind) -> AlertRule:
    """A run of this kind ended with an error."""

    def value(facts: Facts, _: Thresholds) -> float | None:
        return float(bool(facts.errors[kind])) if kind in facts.errors else None

    return AlertRule(
        name=f"{kind}_error",
        severity=Severity.HIGH,
        measure=Measure.COUNT,
        value=value,
        limit=lambda _: 0,
        sentence=f"A run of {kind} ended with an error",
        action=f"Look at everycase doctor, then run everycase {_COMMANDS[kind]} again",
        end=f"A run of {kind} went through again",
        detail=lambda facts: facts.errors.get(kind, ""),
    )


_COMMANDS = {
    RunKind.SYNC: "sync",
    RunKind.RECONCILE: "reconcile",
    RunKind.RETRY: "retry",
    RunKind.BUILD: "index build",
}

RULES: tuple[AlertRule, ...] = (
    _coverage(
        "task_coverage",
        Severity.HIGH,
        "Task",
        lambda t: t.task_coverage,
        f"Check SFDC Task table availability; {_NO_SUCH.format('Task')}",
    ),
    _coverage(
        "workorder_coverage",
        Severity.HIGH,
        "WorkOrder",
        lambda t: t.workorder_coverage,
        f"Check SFDC WorkOrder permissions; {_NO_SUCH.format('WorkOrder')}",
    ),
    _coverage(
        "email_coverage",
        Severity.WARNING,
        "EmailMessage",
        lambda t: t.email_coverage,
        f"Check SFDC EmailMessage table availability; {_NO_SUCH.format('EmailMessage')}",
    ),
    _coverage(
        "feed_coverage",
        Severity.WARNING,
        "WorkOrderFeed",
        lambda t: t.feed_coverage,
        f"Check SFDC WorkOrderFeed table availability; {_NO_SUCH.format('WorkOrderFeed')}",
    ),
    _coverage(
        "comment_coverage",
        Severity.MEDIUM,
        "CaseComment",
        lambda t: t.comment_coverage,
        "Normal (comments are optional)",
    ),
    AlertRule(
        name="few_fields",
        severity=Severity.MEDIUM,
        measure=Measure.COUNT,
        value=lambda f, _: f.few_fields,
        limit=lambda _: 0,
        sentence=f"{{value}} cases have fewer than {FEW_FIELDS} fields and were not looked at again yet",
        one=f"1 case has fewer than {FEW_FIELDS} fields and was not looked at again yet",
        action="Flag for review, but continue processing; a reconciliation looks at the source again",
        end=f"Every case with fewer than {FEW_FIELDS} fields was looked at again, and there is no more",
    ),
    AlertRule(
        name="failure_rate",
        severity=Severity.CRITICAL,
        measure=Measure.RATE,
        value=_rate(lambda f: f.failed, lambda f: f.tried),
        limit=lambda t: t.failure_rate,
        sentence="{value} of the cases failed",
        action="Stop pipeline, investigate root cause; everycase resume lets it go on",
    ),
    AlertRule(
        name="embedding_timeouts",
        severity=Severity.HIGH,
        measure=Measure.RATE,
        value=_rate(lambda f: f.timeouts, lambda f: f.embed_tried),
        limit=lambda t: t.timeout_rate,
        sentence="{value} of the embeddings timed out",
        action="Switch to Nomic fallback, alert ChatHPE team",
    ),
    AlertRule(
        name="load_failures",
        severity=Severity.CRITICAL,
        measure=Measure.RATE,
        value=_rate(lambda f: f.load_failed, lambda f: f.load_tried),
        limit=lambda t: t.load_failure_rate,
        sentence="{value} of the loads into the index failed",
        action="Check Weaviate cluster health",
    ),
    AlertRule(
        name="missing_cases",
        severity=Severity.HIGH,
        measure=Measure.COUNT,
        value=lambda f, _: f.missing,
        limit=lambda t: t.missing_cases,
        sentence="{value} cases are missing from the index",
        action="Run manual recovery, investigate data loss",
    ),
    AlertRule(
        name="redaction_residues",
        severity=Severity.HIGH,
        measure=Measure.COUNT,
        value=lambda f, _: f.residues,
        limit=lambda _: 0,
        sentence="The residual scan masked {value} pieces of personal data that redaction rules overlooked",
        one="The residual scan masked 1 piece of personal data that redaction rules overlooked",
        end="The redaction rules overlooked nothing that the residual scan finds",
        action="See residues in the report of the run, and try such texts with everycase redact",
    ),
    AlertRule(
        name="manual_review",
        severity=Severity.HIGH,
        measure=Measure.COUNT,
        value=lambda f, _: f.manual_review,
        limit=lambda _: 0,
        sentence="{value} failures wait for a person",
        one="1 failure waits for a person",
        end="No failure waits for a person",
        action="Look at everycase failures --disposition manual_review",
    ),
    AlertRule(
        name="outage",
        severity=Severity.CRITICAL,
        measure=Measure.RATE,
        value=_outage,
        limit=lambda t: t.failure_rate,
        sentence="{value} of the cases wait for a provider or an index that is down",
        action="Look at everycase doctor; the next run tries again",
    ),
    AlertRule(
        name="pipeline_stopped",
        severity=Severity.CRITICAL,
        measure=Measure.COUNT,
        value=_stopped,
        limit=lambda _: 0,
        sentence="The pipeline is stopped and nothing is loaded",
        action="Investigate the root cause, then everycase resume",
        end="The pipeline runs again",
        detail=lambda facts: facts.stop_reason or "",
    ),
    *(_error(kind) for kind in RunKind),
)
