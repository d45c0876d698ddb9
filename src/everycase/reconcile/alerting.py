"""Sends the alerts of a run to each channel, and remembers what each channel took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from everycase.domain.alerts import Facts, Told
from everycase.domain.runs import RunKind
from everycase.domain.thresholds import Severity, Standing, Thresholds
from everycase.ports import Notifier
from everycase.reconcile.alerts import Notice, NoticeKind, RuleReading, alerts, decide, evaluate, heartbeat
from everycase.store import alerts as memory
from everycase.store.db import Connection


@dataclass(frozen=True, kw_only=True)
class AlertTeller:
    """Tells people what runs have found, and remembers what each channel took.

    What a channel did not take is not remembered as sent, so the next run sends it to that channel.
    """

    notifier: Notifier
    thresholds: Thresholds
    subject: str
    """The name of this everycase: every title begins with it."""

    def tell(self, conn: Connection, facts: Facts, *, is_clean: bool, now: datetime) -> Told:
        """Send what is worth a message. `is_clean`: the run was fully clean, so a heartbeat may be sent."""
        memory.keep_channels(conn, self.notifier.channels)
        standing = memory.standing(conn)
        readings = evaluate(facts, self.thresholds)
        anywhere = {rule: s for rules in standing.values() for rule, s in rules.items()}
        undelivered: list[str] = []
        for channel in self.notifier.channels:
            there = standing.get(channel, {})
            undelivered += self._tell_channel(conn, channel, readings, there, is_clean=is_clean, now=now)
        return Told(
            alerts=alerts(readings, anywhere, decide(readings, anywhere, now), self.thresholds),
            undelivered=list(dict.fromkeys(undelivered)),
        )

    def tell_unremembered(self, kind: RunKind, error: str) -> None:
        """Tell every channel of an error while PostgreSQL, which remembers what was sent, is away."""
        (reading,) = evaluate(Facts(errors={kind: error}), self.thresholds)
        for notice in decide([reading], {}, datetime.min):
            for channel in self.notifier.channels:
                self._send(channel, notice)

    def _tell_channel(
        self,
        conn: Connection,
        channel: str,
        readings: Sequence[RuleReading],
        standing: Mapping[str, Standing],
        *,
        is_clean: bool,
        now: datetime,
    ) -> list[str]:
        """Returns the rules whose message the channel did not take."""
        notices = decide(readings, standing, now)
        beat = heartbeat(readings, standing, notices, is_clean=is_clean)
        wanted = [*notices, beat] if beat else notices
        sent = [n for n in wanted if self._send(channel, n)]
        _remember(conn, channel, readings, sent, now=now)
        return [n.rule for n in wanted if n not in sent]

    def _send(self, channel: str, notice: Notice) -> bool:
        severity: Severity | None = notice.severity
        return self.notifier.send(channel, notice.title(self.subject), notice.body, severity=severity)


def _remember(
    conn: Connection, channel: str, readings: Sequence[RuleReading], sent: Sequence[Notice], *, now: datetime
) -> None:
    ended = [n.rule for n in sent if n.kind is NoticeKind.ENDED]
    told = {n.rule: n.value for n in sent if n.kind not in (NoticeKind.ENDED, NoticeKind.HEARTBEAT)}
    seen = {r.rule.name: r.badness for r in readings if r.rule.name not in {*told, *ended}}
    memory.record(conn, channel, sent=told, ended=ended, seen=seen, now=now)
