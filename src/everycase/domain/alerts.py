"""The facts of a run that the alert rules judge, and the alerts that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from everycase.domain.failures import ErrorType
from everycase.domain.providers import LEAST_CALLS
from everycase.domain.runs import BatchResult, RunKind
from everycase.domain.thresholds import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a run has measured. None, or an object without coverage, was not measured: it neither starts
    nor ends an alert."""

    coverage: Mapping[str, float] = field(default_factory=dict)
    """The share of cases that have rows of a child object, by object."""
    few_fields: int | None = None
    """Cases under 30 fields that are not noted as complete with limited data."""
    tried: int | None = None
    """Cases that this run worked on for the first time."""
    failed: int | None = None
    """Those of them that failed, and not because a dependency was down."""
    attempted: int | None = None
    """Cases that this run loaded or failed to load, earlier failures among them."""
    outages: int | None = None
    """Those of them that failed because a provider or the index was down."""
    embed_tried: int | None = None
    timeouts: int | None = None
    load_tried: int | None = None
    load_failed: int | None = None
    missing: int | None = None
    """Cases that the index lacked at the end of the run."""
    residues: int | None = None
    """What the residual scan found behind the redaction rules."""
    manual_review: int | None = None
    """Open failures that wait for a person."""
    stop_reason: str | None = None
    """Why the pipeline is stopped; empty where it is not."""
    errors: Mapping[RunKind, str] = field(default_factory=dict)
    """The sentence of the error that ended a run of this kind; empty where none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How many of how many tries to embed had no answer in time. `tried` is None where nothing was tried."""

    late: int
    tried: int | None

    @property
    def share(self) -> float:
        return self.late / self.tried if self.tried else 0.0

    @classmethod
    def of(cls, totals: BatchResult) -> Timeouts:
        """The larger share of two: of the cases, those that failed so; of one provider's calls or texts.

        A provider that times out is not asked any more and a fallback does its work, so no case fails.
        """
        embed = totals.stages.get("embed")
        late = totals.failures.get(ErrorType.EMBEDDING_API_TIMEOUT, 0)
        found = [cls(late=late, tried=embed.read if embed else None)]
        for used in totals.usage.values():
            found.append(cls(late=used.late, tried=used.texts))
            if used.calls >= LEAST_CALLS:
                found.append(cls(late=used.timeouts, tried=used.calls))
        return max(found, key=lambda t: t.share)


def work_facts(totals: BatchResult, *, refused: int = 0) -> Facts:
    """Facts from the batches of a run. `refused`: unreadable cases that this run was the first to find."""
    load, timeouts = totals.stages.get("load"), Timeouts.of(totals)
    return Facts(
        tried=totals.cases - totals.retries + refused,
        failed=totals.blamed + refused,
        attempted=totals.created + totals.updated + totals.failed,
        outages=totals.outages,
        embed_tried=timeouts.tried,
        timeouts=timeouts.late,
        load_tried=load.read if load else None,
        load_failed=load.failed if load else None,
        residues=sum(totals.residues.values()) if totals.stages.get("redact") else None,
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The alerts of a run, and the rules (or the heartbeat) whose message some channel did not take."""

    alerts: Sequence[Alert] = ()
    undelivered: Sequence[str] = ()

    @property
    def problems(self) -> list[str]:
        if not self.undelivered:
            return []
        rules = ", ".join(self.undelivered)
        return [f"alerts that could not be delivered: {rules}; the next run tries again"]
