"""Alerts from rule to receiver: what was delivered is remembered, and said once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from everycase.domain.alerts import Facts, Told
from everycase.domain.runs import RunKind
from everycase.domain.thresholds import Standing, Thresholds
from everycase.notify import AppriseNotifier
from everycase.reconcile.alerting import AlertTeller
from everycase.reconcile.rules import RULES
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
    residues=4,
    attempted=100,
    outages=20,
    stop_reason="20 of 100 cases failed",
    errors=dict.fromkeys(RunKind, "the source cannot be read"),
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
    residues=6,
    attempted=100,
    outages=30,
    stop_reason="20 of 100 cases failed",
    errors=dict.fromkeys(RunKind, "the source cannot be read"),
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
    residues=0,
    attempted=1,
    outages=0,
    stop_reason="",
    errors=dict.fromkeys(RunKind, ""),
)
TWO_STATES = ["pipeline_stopped", *(f"{kind}_error" for kind in RunKind)]
"""Rules that cannot become worse."""


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

    def __init__(self, conn: db.Connection, *urls: str) -> None:
        self._conn = conn
        self._teller = AlertTeller(
            notifier=AppriseNotifier(urls), thresholds=Thresholds(), subject="everycase"
        )

    def tell(self, facts: Facts, *, hours: float = 0, is_clean: bool = False) -> Told:
        now = NOW + timedelta(hours=hours)
        return self._teller.tell(self._conn, facts, is_clean=is_clean, now=now)


@pytest.fixture
def runs(conn: db.Connection, receiver: Receiver) -> Runs:
    return Runs(conn, receiver.url)


def standing(conn: db.Connection) -> dict[str, Standing]:
    """What stands on the only channel."""
    return next(iter(alerts.standing(conn).values()), {})


def kinds(receiver: Receiver) -> list[tuple[str, str]]:
    """Rule and kind of what came since the last time."""
    said = [title.removeprefix("everycase: ").split() for title in receiver.titles()]
    return [(words[0], words[1]) for words in said]


def states(told: Told) -> set[str]:
    return {a.state.value for a in told.alerts}


def test_every_rule_tells_its_story_once(runs: Runs, receiver: Receiver) -> None:
    """It starts, stands in silence, worsens, is remembered after a day, and ends."""
    assert states(runs.tell(BAD)) == {"started"}
    assert kinds(receiver) == [(name, "started") for name in NAMES]
    for hours in (0, 6, 12):
        assert states(runs.tell(BAD, hours=hours)) == {"standing"}
        assert kinds(receiver) == []
    assert states(runs.tell(WORSE, hours=18)) == {"worsened", "standing"}
    assert kinds(receiver) == [(name, "worsened") for name in NAMES if name not in TWO_STATES]
    runs.tell(WORSE, hours=23.9)
    assert kinds(receiver) == []
    told = runs.tell(WORSE, hours=18 + 24)
    assert (len(told.alerts), states(told)) == (len(NAMES), {"standing"})
    assert kinds(receiver) == [(name, "reminder") for name in NAMES]
    told = runs.tell(GOOD, hours=48, is_clean=True)
    assert (len(told.alerts), states(told), told.undelivered) == (len(NAMES), {"ended"}, [])
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
    if rule.endswith("_error"):
        return replace(GOOD, errors={RunKind(rule.removesuffix("_error")): "the source cannot be read"})
    fields = {
        "failure_rate": ("tried", "failed"),
        "embedding_timeouts": ("embed_tried", "timeouts"),
        "load_failures": ("load_tried", "load_failed"),
        "missing_cases": ("missing",),
        "redaction_residues": ("residues",),
        "outage": ("tried", "attempted", "outages"),
        "pipeline_stopped": ("stop_reason",),
    }.get(rule, (rule,))
    return replace(GOOD, **{name: getattr(BAD, name) for name in fields})


def test_what_was_not_delivered_goes_out_with_the_next_run(
    runs: Runs, receiver: Receiver, conn: db.Connection
) -> None:
    """A start, a worsening and an end alike, and the report says which rules nobody was told of."""
    bad, worse, good = (Facts(missing=n) for n in (200, 300, 0))
    for hours, facts, kind in ((0, bad, "started"), (6, worse, "worsened"), (12, good, "ended")):
        before = standing(conn)
        receiver.status = 500
        told = runs.tell(facts, hours=hours)
        assert told.undelivered == ["missing_cases"]
        after = standing(conn)
        assert {r: (s.sent_at, s.sent_value) for r, s in after.items()} == {
            r: (s.sent_at, s.sent_value) for r, s in before.items()
        }
        receiver.status = 200
        assert runs.tell(facts, hours=hours + 1).undelivered == []
        assert kinds(receiver) == [("missing_cases", kind)]
    assert standing(conn) == {}


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
    before = standing(conn)
    receiver.take()
    (alert,) = runs.tell(Facts(tried=10, failed=1), hours=48).alerts
    assert (alert.rule, alert.state, alert.value) == ("failure_rate", "standing", 0.2)
    assert standing(conn) == before
    assert receiver.titles() == []


def test_what_stands_keeps_its_start_its_last_message_and_its_newest_value(
    runs: Runs, conn: db.Connection
) -> None:
    """Worse by half is measured against what was last said."""
    runs.tell(Facts(missing=200))
    runs.tell(Facts(missing=290), hours=1)
    start = Standing(value=290, started_at=NOW, sent_at=NOW, sent_value=200)
    assert standing(conn) == {"missing_cases": start}
    runs.tell(Facts(missing=300), hours=2)
    at = NOW + timedelta(hours=2)
    assert standing(conn) == {
        "missing_cases": Standing(value=300, started_at=NOW, sent_at=at, sent_value=300)
    }


def test_recording_what_was_only_seen_starts_nothing(conn: db.Connection) -> None:
    """A measurement without a message is no alert."""
    alerts.record(conn, "a channel", sent={"a": 1.0, "b": 2.0}, ended=[], seen={"c": 3.0}, now=NOW)
    alerts.record(conn, "a channel", sent={}, ended=["a", "never_there"], seen={"b": 2.5}, now=NOW)
    assert standing(conn) == {"b": Standing(value=2.5, started_at=NOW, sent_at=NOW, sent_value=2.0)}


def test_one_channel_that_takes_a_message_does_not_count_for_all(
    conn: db.Connection, receiver: Receiver
) -> None:
    """The one that refused gets it from the next run; the other one is not told twice."""
    with receiving() as second:
        runs = Runs(conn, receiver.url, second.url)
        second.status = 500
        assert runs.tell(Facts(missing=200)).undelivered == ["missing_cases"]
        assert kinds(receiver) == [("missing_cases", "started")]
        second.status = 200
        told = runs.tell(Facts(missing=200), hours=1)
        assert (told.undelivered, states(told)) == ([], {"standing"})
        assert (kinds(receiver), kinds(second)) == ([], [("missing_cases", "started")])
        receiver.status = 500
        assert runs.tell(Facts(missing=0), hours=2).undelivered == ["missing_cases"]
        assert kinds(second) == [("missing_cases", "ended")]
        receiver.status = 200
        runs.tell(Facts(missing=0), hours=3)
        assert (kinds(receiver), kinds(second)) == ([("missing_cases", "ended")], [])
        assert alerts.standing(conn) == {}


def test_what_stood_before_channels_were_told_apart_stands_on_each(
    conn: db.Connection, receiver: Receiver
) -> None:
    """After an upgrade nobody is told anew; what stood on a channel that is no more is forgotten."""
    alerts.record(conn, "every channel", sent={"missing_cases": 200.0}, ended=[], seen={}, now=NOW)
    alerts.record(conn, "a former one", sent={"outage": 1.0}, ended=[], seen={}, now=NOW)
    with receiving() as second:
        Runs(conn, receiver.url, second.url).tell(Facts(missing=200), hours=1)
        assert (kinds(receiver), kinds(second)) == ([], [])
    assert [list(rules) for rules in alerts.standing(conn).values()] == [["missing_cases"]] * 2


@pytest.mark.parametrize(
    ("attempted", "outages", "sent"),
    [
        (3, 3, ["outage"]),
        (3, 2, []),
        (100, 100, ["outage"]),
        (100, 11, ["outage"]),
        (100, 10, []),
        (0, 0, []),
    ],
)
def test_an_outage_of_everything_is_told_however_little_there_was_to_do(
    runs: Runs, receiver: Receiver, attempted: int, outages: int, sent: list[str]
) -> None:
    """Of a part of it, from the number of cases on that makes a rate evidence."""
    runs.tell(Facts(tried=attempted, attempted=attempted, outages=outages))
    assert [rule for rule, _ in kinds(receiver)] == sent


def test_an_error_is_told_in_its_own_words(runs: Runs, receiver: Receiver) -> None:
    """And that a run of the same kind went through again."""
    runs.tell(Facts(errors={RunKind.SYNC: "/data/x.zip cannot be read: is it there?"}))
    (post,) = receiver.take()
    assert post["message"].startswith("A run of sync ended with an error (/data/x.zip cannot be read")
    runs.tell(Facts(errors={RunKind.RECONCILE: ""}), hours=1)
    assert receiver.take() == []
    runs.tell(Facts(errors={RunKind.SYNC: ""}), hours=2)
    (post,) = receiver.take()
    assert post["message"].startswith("A run of sync went through again.")
