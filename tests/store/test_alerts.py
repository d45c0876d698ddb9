"""Alerts from rule to receiver: what was delivered is remembered, and said once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from everycase.domain.thresholds import Standing, Thresholds
from everycase.notify import AppriseNotifier
from everycase.reconcile.alerting import Told, tell
from everycase.reconcile.rules import RULES, Facts
from everycase.store import alerts, db
from tests.support.receiver import Receiver, receiving

NOW = datetime(2024, 11, 4, 6, 0, tzinfo=UTC)
OBJECTS = ("Task", "WorkOrder", "EmailMessage", "WorkOrderFeed", "CaseComment")
NAMES = [rule.name for rule in RULES]
BAD = Facts(
    coverage=dict.fromkeys(OBJECTS, 0.4),
    few_fields=4,
    tried=100,
    failed=20,
    embed_tried=100,
    timeouts=20,
    load_tried=100,
    load_failed=20,
    missing=200,
    manual_review=4,
)
WORSE = Facts(
    coverage=dict.fromkeys(OBJECTS, 0.1),
    few_fields=6,
    tried=100,
    failed=30,
    embed_tried=100,
    timeouts=30,
    load_tried=100,
    load_failed=30,
    missing=300,
    manual_review=6,
)
GOOD = Facts(
    coverage=dict.fromkeys(OBJECTS, 0.9),
    few_fields=0,
    tried=1,
    failed=0,
    embed_tried=1,
    timeouts=0,
    load_tried=1,
    load_failed=0,
    missing=0,
    manual_review=0,
)


@pytest.fixture
def conn(database_url: str) -> Iterator[db.Connection]:
    with db.connect(database_url) as found:
        yield found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


class Runs:
    """Runs that tell what they found, hour by hour."""

    def __init__(self, conn: db.Connection, url: str) -> None:
        self._conn, self._notifier = conn, AppriseNotifier([url])

    def tell(self, facts: Facts, *, hours: float = 0, is_clean: bool = False) -> Told:
        return tell(
            self._conn,
            self._notifier,
            facts,
            Thresholds(),
            is_clean=is_clean,
            now=NOW + timedelta(hours=hours),
            subject="everycase",
        )


@pytest.fixture
def runs(conn: db.Connection, receiver: Receiver) -> Runs:
    return Runs(conn, receiver.url)


def kinds(receiver: Receiver) -> list[tuple[str, str]]:
    """Rule and kind of what came since the last time."""
    said = [title.removeprefix("everycase: ").split() for title in receiver.titles()]
    return [(words[0], words[1]) for words in said]


def states(told: Told) -> set[str]:
    return {a.state.value for a in told.alerts}


def test_every_rule_tells_its_story_once(runs: Runs, receiver: Receiver) -> None:
    """It starts, stands in silence, worsens, is remembered after a day, and ends: eleven messages each."""
    assert states(runs.tell(BAD)) == {"started"}
    assert kinds(receiver) == [(name, "started") for name in NAMES]
    for hours in (0, 6, 12):
        assert states(runs.tell(BAD, hours=hours)) == {"standing"}
        assert kinds(receiver) == []
    assert states(runs.tell(WORSE, hours=18)) == {"worsened"}
    assert kinds(receiver) == [(name, "worsened") for name in NAMES]
    runs.tell(WORSE, hours=18 + 23.9)
    assert kinds(receiver) == []
    told = runs.tell(WORSE, hours=18 + 24)
    assert (len(told.alerts), states(told)) == (11, {"standing"})
    assert kinds(receiver) == [(name, "reminder") for name in NAMES]
    told = runs.tell(GOOD, hours=48, is_clean=True)
    assert (len(told.alerts), states(told), told.undelivered) == (11, {"ended"}, [])
    assert kinds(receiver) == [(name, "ended") for name in NAMES]
    assert runs.tell(GOOD, hours=54).alerts == []
    assert kinds(receiver) == []


@pytest.mark.parametrize("rule", NAMES)
def test_a_rule_alone_says_value_limit_and_what_to_do(runs: Runs, receiver: Receiver, rule: str) -> None:
    """In one message of a weight that fits, and no other rule says anything."""
    told = runs.tell(alone(rule))
    (post,) = receiver.take()
    (alert,) = told.alerts
    assert post["title"] == f"everycase: {rule} started ({alert.severity})"
    assert post["message"] == f"{alert.sentence}.\nWhat to do: {alert.action}."
    assert post["type"] == ("failure" if alert.severity in ("critical", "high") else "warning")


def alone(rule: str) -> Facts:
    """Everything in order but for one rule."""
    names = {
        "task_coverage": "Task",
        "workorder_coverage": "WorkOrder",
        "email_coverage": "EmailMessage",
        "feed_coverage": "WorkOrderFeed",
        "comment_coverage": "CaseComment",
    }
    if rule in names:
        return replace(GOOD, coverage={**GOOD.coverage, names[rule]: 0.4})
    fields = {
        "failure_rate": ("tried", "failed"),
        "embedding_timeouts": ("embed_tried", "timeouts"),
        "load_failures": ("load_tried", "load_failed"),
        "missing_cases": ("missing",),
    }.get(rule, (rule,))
    return replace(GOOD, **{name: getattr(BAD, name) for name in fields})


def test_what_was_not_delivered_goes_out_with_the_next_run(
    runs: Runs, receiver: Receiver, conn: db.Connection
) -> None:
    """A start, a worsening and an end alike, and the report says which rules nobody was told of."""
    bad, worse, good = (Facts(missing=n) for n in (200, 300, 0))
    for hours, facts, kind in ((0, bad, "started"), (6, worse, "worsened"), (12, good, "ended")):
        before = alerts.standing(conn)
        receiver.status = 500
        told = runs.tell(facts, hours=hours)
        assert told.undelivered == ["missing_cases"]
        after = alerts.standing(conn)
        assert {r: (s.sent_at, s.sent_value) for r, s in after.items()} == {
            r: (s.sent_at, s.sent_value) for r, s in before.items()
        }
        receiver.status = 200
        assert runs.tell(facts, hours=hours + 1).undelivered == []
        assert kinds(receiver) == [("missing_cases", kind)]
    assert alerts.standing(conn) == {}


def test_a_heartbeat_when_all_is_well_and_only_then(runs: Runs, receiver: Receiver) -> None:
    """So that silence is an alarm too; one that is not delivered is said to be."""
    assert runs.tell(GOOD, is_clean=True).alerts == []
    assert receiver.titles() == ["everycase: heartbeat"]
    runs.tell(Facts(missing=200), is_clean=True)
    receiver.take()
    runs.tell(Facts(), hours=1, is_clean=True)
    assert receiver.titles() == []
    runs.tell(GOOD, hours=2, is_clean=False)
    receiver.take()
    receiver.status = 500
    assert runs.tell(GOOD, hours=3, is_clean=True).undelivered == ["heartbeat"]


def test_no_evidence_leaves_an_alert_alone(runs: Runs, receiver: Receiver, conn: db.Connection) -> None:
    """It stands, without a message, until it is measured again."""
    runs.tell(Facts(tried=100, failed=20))
    before = alerts.standing(conn)
    receiver.take()
    (alert,) = runs.tell(Facts(tried=10, failed=1), hours=48).alerts
    assert (alert.rule, alert.state, alert.value) == ("failure_rate", "standing", 0.2)
    assert alerts.standing(conn) == before
    assert receiver.titles() == []


def test_what_stands_keeps_its_start_its_last_message_and_its_newest_value(
    runs: Runs, conn: db.Connection
) -> None:
    """Worse by half is measured against what was last said."""
    runs.tell(Facts(missing=200))
    runs.tell(Facts(missing=290), hours=1)
    start = Standing(value=290, started_at=NOW, sent_at=NOW, sent_value=200)
    assert alerts.standing(conn) == {"missing_cases": start}
    runs.tell(Facts(missing=300), hours=2)
    at = NOW + timedelta(hours=2)
    assert alerts.standing(conn) == {
        "missing_cases": Standing(value=300, started_at=NOW, sent_at=at, sent_value=300)
    }


def test_recording_what_was_only_seen_starts_nothing(conn: db.Connection) -> None:
    """A measurement without a message is no alert."""
    alerts.record(conn, sent={"a": 1.0, "b": 2.0}, ended=[], seen={"c": 3.0}, now=NOW)
    alerts.record(conn, sent={}, ended=["a", "never_there"], seen={"b": 2.5}, now=NOW)
    assert alerts.standing(conn) == {"b": Standing(value=2.5, started_at=NOW, sent_at=NOW, sent_value=2.0)}
