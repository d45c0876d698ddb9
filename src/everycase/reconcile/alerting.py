"""The alerts of a run: what stands, what is worth a message, and what was really delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from everycase.domain.failures import Disposition, ErrorType
from everycase.domain.providers import LEAST_CALLS
from everycase.domain.runs import BatchResult
from everycase.domain.thresholds import Thresholds
from everycase.pipeline.sync import SyncReport
from everycase.ports import Notifier
from everycase.reconcile.alerts import (
    Alert,
    Notice,
    NoticeKind,
    Reading,
    alerts,
    decide,
    evaluate,
    heartbeat,
)
from everycase.reconcile.count import coverage
from everycase.reconcile.rules import Facts
from everycase.store import alerts as memory
from everycase.store import lineage
from everycase.store.db import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The alerts for the report, and the rules (or the heartbeat) whose message could not be delivered."""

    alerts: list[Alert]
    undelivered: list[str]


def tell(
    conn: Connection,
    notifier: Notifier,
    facts: Facts,
    thresholds: Thresholds,
    *,
    is_clean: bool,
    now: datetime,
    subject: str,
) -> Told:
    """Send what is worth a message, and remember what was delivered.

    What was not delivered is not remembered as sent, so the next run sends it. `subject` begins every
    title: the name of this everycase. `is_clean`: the run was, fully.
    """
    standing = memory.standing(conn)
    readings = evaluate(facts, thresholds)
    notices = decide(readings, standing, now)
    beat = heartbeat(readings, standing, notices, is_clean=is_clean)
    wanted = [*notices, beat] if beat else notices
    sent = [n for n in wanted if notifier.send(n.title(subject), n.body, severity=n.severity)]
    _remember(conn, readings, sent, now=now)
    return Told(
        alerts=alerts(readings, standing, notices, thresholds),
        undelivered=[n.rule for n in wanted if n not in sent],
    )


def _remember(
    conn: Connection, readings: Sequence[Reading], sent: Sequence[Notice], *, now: datetime
) -> None:
    ended = [n.rule for n in sent if n.kind is NoticeKind.ENDED]
    told = {n.rule: n.value for n in sent if n.kind not in (NoticeKind.ENDED, NoticeKind.HEARTBEAT)}
    seen = {r.rule.name: r.badness for r in readings if r.rule.name not in {*told, *ended}}
    memory.record(conn, sent=told, ended=ended, seen=seen, now=now)


def tell_of_sync(
    conn: Connection,
    notifier: Notifier,
    report: SyncReport,
    thresholds: Thresholds,
    *,
    now: datetime,
    subject: str,
) -> None:
    """Judge the cases as a sync has left them; what could not be delivered the next run sends."""
    row = lineage.census(conn)
    facts = facts_of(
        coverage(row), report.totals, report.open_failures, few_fields=row["few_fields_unseen"], missing=None
    )
    told = tell(conn, notifier, facts, thresholds, is_clean=False, now=now, subject=subject)
    report.alerts = [a.as_dict() for a in told.alerts]


def facts_of(
    coverage: Mapping[str, float],
    totals: BatchResult,
    open_failures: Mapping[str, int],
    *,
    few_fields: int,
    missing: int | None,
) -> Facts:
    """What the alert rules judge. `missing` is None where nobody looked for any."""
    load, slow = totals.stages.get("load"), _slowness(totals)
    return Facts(
        coverage=coverage,
        few_fields=few_fields,
        tried=totals.cases - totals.retries,
        failed=totals.blamed,
        embed_tried=slow.tried,
        timeouts=slow.late,
        load_tried=load.read if load else None,
        load_failed=load.failed if load else None,
        missing=missing,
        manual_review=open_failures.get(Disposition.MANUAL_REVIEW, 0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowness:
    """How many of how many tries to embed came to nothing in time. None: nothing was tried."""

    late: int
    tried: int | None

    @property
    def share(self) -> float:
        return self.late / self.tried if self.tried else 0.0


def _slowness(totals: BatchResult) -> Slowness:
    """The worst that can be said: of the cases that failed, or of what one provider was asked for.

    A provider that times out is not asked any more, and a fallback does its work: no case fails, and yet
    it is bad.
    """
    embed = totals.stages.get("embed")
    found = [
        Slowness(
            late=totals.failures.get(ErrorType.EMBEDDING_API_TIMEOUT, 0), tried=embed.read if embed else None
        )
    ]
    for used in totals.usage.values():
        found.append(Slowness(late=used.late, tried=used.texts))
        if used.calls >= LEAST_CALLS:
            found.append(Slowness(late=used.timeouts, tried=used.calls))
    return max(found, key=lambda s: s.share)
