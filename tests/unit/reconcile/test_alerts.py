"""The rules, and when one is worth a message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.alerts import Facts
from everycase.domain.runs import RunKind
from everycase.domain.thresholds import Standing, Thresholds
from everycase.reconcile.alerts import (
    Notice,
    NoticeKind,
    alerts,
    decide,
    evaluate,
    heartbeat,
)
from everycase.reconcile.rules import RULES

NOW = datetime(2024, 11, 4, 6, 0, tzinfo=UTC)
LIMITS = Thresholds()


def stand(value: float, *, sent_value: float | None = None, hours_ago: float = 6) -> Standing:
    at = NOW - timedelta(hours=hours_ago)
    return Standing(value=value, started_at=at, sent_at=at, sent_value=sent_value or value)


def decided(facts: Facts, standing: dict[str, Standing] | None = None) -> list[tuple[str, str]]:
    return [(n.rule, n.kind.value) for n in decide(evaluate(facts, LIMITS), standing or {}, NOW)]


# ── rules ────────────────────────────────────────────────────────────────────────────────────────


def share(obj: str, value: float) -> Facts:
    return Facts(coverage={obj: value})


TABLE = [
    ("task_coverage", "high", share("Task", 0.7), share("Task", 0.699)),
    ("workorder_coverage", "high", share("WorkOrder", 0.7), share("WorkOrder", 0.65)),
    ("email_coverage", "warning", share("EmailMessage", 1), share("EmailMessage", 0)),
    ("feed_coverage", "warning", share("WorkOrderFeed", 0.7), share("WorkOrderFeed", 0.5)),
    ("comment_coverage", "medium", share("CaseComment", 0.5), share("CaseComment", 0.49)),
    ("few_fields", "medium", Facts(few_fields=0), Facts(few_fields=1)),
    ("failure_rate", "critical", Facts(tried=50, failed=5), Facts(tried=50, failed=6)),
    ("embedding_timeouts", "high", Facts(embed_tried=100, timeouts=5), Facts(embed_tried=100, timeouts=6)),
    ("load_failures", "critical", Facts(load_tried=100, load_failed=5), Facts(load_tried=100, load_failed=6)),
    ("missing_cases", "high", Facts(missing=100), Facts(missing=101)),
    ("redaction_residues", "high", Facts(residues=0), Facts(residues=1)),
    ("manual_review", "high", Facts(manual_review=0), Facts(manual_review=1)),
    ("outage", "critical", Facts(attempted=100, outages=10), Facts(tried=1, attempted=1, outages=1)),
    ("pipeline_stopped", "critical", Facts(stop_reason=""), Facts(stop_reason="too many cases failed")),
    *(
        (f"{kind}_error", "high", Facts(errors={kind: ""}), Facts(errors={kind: "no source"}))
        for kind in RunKind
    ),
]


def test_the_table_has_every_rule() -> None:
    """In their order."""
    assert [rule.name for rule in RULES] == [row[0] for row in TABLE]


@pytest.mark.parametrize(("name", "severity", "fine", "over"), TABLE, ids=[row[0] for row in TABLE])
def test_a_rule_is_over_beyond_its_limit_and_not_at_it(
    name: str, severity: str, fine: Facts, over: Facts
) -> None:
    """And alone: no other rule has evidence."""
    assert [(r.rule.name, r.is_over) for r in evaluate(fine, LIMITS)] == [(name, False)]
    (reading,) = evaluate(over, LIMITS)
    assert (reading.rule.name, reading.is_over) == (name, True)
    assert reading.rule.severity == severity
    assert reading.rule.action


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (Facts(), []),
        (Facts(tried=49, failed=49), []),
        (Facts(tried=0, failed=0), []),
        (Facts(tried=1, failed=0), [("failure_rate", 0.0)]),
        (Facts(tried=60), []),
        (Facts(embed_tried=10, timeouts=9, load_tried=10, load_failed=0), [("load_failures", 0.0)]),
        (Facts(coverage={"Case": 0.1}), []),
    ],
)
def test_a_rate_needs_fifty_tries_or_none_that_failed(facts: Facts, found: list[tuple[str, float]]) -> None:
    """Less is no evidence, for better or worse."""
    assert [(r.rule.name, r.value) for r in evaluate(facts, LIMITS)] == found


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (Facts(coverage={"WorkOrder": 0.65}), "WorkOrder coverage is 65%, below 70%"),
        (Facts(coverage={"WorkOrder": 0.6996}), "WorkOrder coverage is 69%, below 70%"),
        (Facts(coverage={"WorkOrder": 0.7}), "WorkOrder coverage is 70%, no longer below 70%"),
        (Facts(coverage={"WorkOrder": 0.699999999}), "WorkOrder coverage is 69%, below 70%"),
        (Facts(tried=1000, failed=101), "10.1% of the cases failed, more than 10%"),
        (Facts(missing=1200), "1,200 cases are missing from the index, more than 100"),
        (Facts(manual_review=3), "3 failures wait for a person"),
        (
            Facts(few_fields=0),
            "Every case with fewer than 30 fields was looked at again, and there is no more",
        ),
        (Facts(few_fields=3), "3 cases have fewer than 30 fields and were not looked at again yet"),
    ],
)
def test_sentences_name_value_and_limit(facts: Facts, sentence: str) -> None:
    """With as many decimals as it takes to tell them apart."""
    assert [r.sentence for r in evaluate(facts, LIMITS)] == [sentence]


def test_limits_are_settings() -> None:
    """A limit of 80 % finds 75 % too low."""
    (reading,) = evaluate(Facts(coverage={"Task": 0.75}), Thresholds(task_coverage=0.8))
    assert (reading.is_over, reading.sentence) == (True, "Task coverage is 75%, below 80%")


# ── notices ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("missing", "standing", "kind"),
    [
        (100, None, None),
        (101, None, "started"),
        (200, stand(200), None),
        (299, stand(200), None),
        (300, stand(200), "worsened"),
        (300, stand(250, sent_value=200), "worsened"),
        (300, stand(200, hours_ago=30), "worsened"),
        (120, stand(200), None),
        (200, stand(200, hours_ago=23.9), None),
        (200, stand(200, hours_ago=24), "reminder"),
        (120, stand(200, hours_ago=25), "reminder"),
        (100, stand(200), "ended"),
        (0, stand(200, hours_ago=48), "ended"),
        (None, stand(200, hours_ago=48), None),
    ],
)
def test_what_is_worth_a_message(missing: int | None, standing: Standing | None, kind: str | None) -> None:
    """A start, worse by half than last said, a day of standing, an end; no evidence says nothing."""
    found = decided(Facts(missing=missing), {"missing_cases": standing} if standing else {})
    assert found == ([("missing_cases", kind)] if kind else [])


@pytest.mark.parametrize(
    ("then", "now", "kind"),
    [(0.60, 0.41, None), (0.60, 0.40, "worsened"), (0.60, 0.39, "worsened"), (0.69, 0.535, "worsened")],
)
def test_coverage_worsens_by_what_lacks(then: float, now: float, kind: str | None) -> None:
    """From 40 % lacking to 60 %: worse by half, whatever binary fractions make of it."""
    found = decided(Facts(coverage={"Task": now}), {"task_coverage": stand(1 - then)})
    assert found == ([("task_coverage", kind)] if kind else [])


def test_messages_say_what_since_when_and_what_to_do() -> None:
    """In a title and a few lines."""
    readings = evaluate(Facts(coverage={"WorkOrder": 0.65}), LIMITS)
    (started,) = decide(readings, {}, NOW)
    assert started.title("everycase") == "everycase: workorder_coverage started (high)"
    assert started.body == (
        "WorkOrder coverage is 65%, below 70%.\nWhat to do: Check SFDC WorkOrder permissions; if the "
        "organisation has none, add WorkOrder to EVERYCASE_WITHOUT."
    )
    (reminder,) = decide(readings, {"workorder_coverage": stand(0.35, hours_ago=24)}, NOW)
    assert "Since 2024-11-03 06:00 UTC." in reminder.body
    (ended,) = decide(
        evaluate(Facts(coverage={"WorkOrder": 0.7}), LIMITS), {"workorder_coverage": stand(0.35)}, NOW
    )
    assert ended.title("everycase") == "everycase: workorder_coverage ended"
    assert (ended.severity, ended.action) == (None, "")


@pytest.mark.parametrize(
    ("facts", "standing", "is_clean", "beats"),
    [
        (Facts(missing=0), {}, True, True),
        (Facts(missing=0), {}, False, False),
        (Facts(missing=500), {}, True, False),
        (Facts(missing=0), {"missing_cases": stand(200)}, True, False),
        (Facts(), {"missing_cases": stand(200)}, True, False),
        (Facts(), {"a_rule_of_an_older_everycase": stand(1)}, True, True),
    ],
)
def test_a_heartbeat_after_a_fully_clean_run(
    facts: Facts, standing: dict[str, Standing], is_clean: bool, beats: bool
) -> None:
    """Only when no alert stands and nothing else is said."""
    readings = evaluate(facts, LIMITS)
    beat = heartbeat(readings, standing, decide(readings, standing, NOW), is_clean=is_clean)
    assert (beat is not None) is beats
    assert beat is None or beat.title("everycase") == "everycase: heartbeat"


# ── the report ───────────────────────────────────────────────────────────────────────────────────


def test_the_report_lists_every_alert_that_starts_stands_or_ends() -> None:
    """In the numbers people read, and what was not measured as it was last."""
    standing = {
        "workorder_coverage": stand(0.35),
        "email_coverage": stand(0.4),
        "failure_rate": stand(0.2),
        "missing_cases": stand(150),
        "manual_review": stand(3, hours_ago=24),
    }
    coverage = {"Task": 0.6, "WorkOrder": 0.64, "EmailMessage": 0.9, "WorkOrderFeed": 0.9}
    readings = evaluate(Facts(coverage=coverage, missing=300, manual_review=3), LIMITS)
    found = alerts(readings, standing, decide(readings, standing, NOW), LIMITS)
    assert [(a.rule, a.state.value, a.value) for a in found] == [
        ("task_coverage", "started", 0.6),
        ("workorder_coverage", "standing", 0.64),
        ("email_coverage", "ended", 0.9),
        ("failure_rate", "standing", 0.2),
        ("missing_cases", "worsened", 300),
        ("manual_review", "standing", 3),
    ]
    assert found[3].sentence == "20% of the cases failed when last measured"
    assert found[0].as_dict() == {
        "rule": "task_coverage",
        "severity": "high",
        "state": "started",
        "value": 0.6,
        "threshold": 0.7,
        "sentence": "Task coverage is 60%, below 70%",
        "action": "Check SFDC Task table availability; if the organisation has none, add Task to "
        "EVERYCASE_WITHOUT",
    }


# ── over time ────────────────────────────────────────────────────────────────────────────────────

looks = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(0, 1)),
        st.one_of(st.none(), st.integers(0, 1000)),
        st.sampled_from([1, 6, 20]),
        st.booleans(),
    ),
    max_size=40,
)


@given(looks)
def test_starts_and_ends_alternate_and_nothing_is_said_twice_without_a_reason(
    seen: list[tuple[float | None, int | None, int, bool]],
) -> None:
    """Whatever is measured, however far apart, and whether or not a message gets through."""
    standing: dict[str, Standing] = {}
    said: dict[str, list[tuple[Notice, datetime]]] = {"task_coverage": [], "missing_cases": []}
    now = NOW
    for covered, missing, hours, gets_through in seen:
        now += timedelta(hours=hours)
        facts = Facts(coverage={} if covered is None else {"Task": covered}, missing=missing)
        readings = evaluate(facts, LIMITS)
        notices = decide(readings, standing, now)
        assert len({n.rule for n in notices}) == len(notices)
        for notice in notices if gets_through else []:
            said[notice.rule].append((notice, now))
            standing = remembered(standing, notice, now)
        if gets_through:
            assert {r.rule.name for r in readings if r.is_over} <= set(standing)
            assert not {r.rule.name for r in readings if not r.is_over} & set(standing)
    for messages in said.values():
        assert_each_has_a_reason(messages)


def remembered(standing: dict[str, Standing], notice: Notice, now: datetime) -> dict[str, Standing]:
    """What stands after a message was delivered."""
    rest = {rule: s for rule, s in standing.items() if rule != notice.rule}
    if notice.kind is NoticeKind.ENDED:
        return rest
    started_at = standing[notice.rule].started_at if notice.rule in standing else now
    new = Standing(value=notice.value, started_at=started_at, sent_at=now, sent_value=notice.value)
    return {**rest, notice.rule: new}


def assert_each_has_a_reason(messages: list[tuple[Notice, datetime]]) -> None:
    last: tuple[Notice, datetime] | None = None
    for notice, at in messages:
        is_open = last is not None and last[0].kind is not NoticeKind.ENDED
        assert is_open is (notice.kind is not NoticeKind.STARTED)
        assert (notice.severity is None) is (notice.kind is NoticeKind.ENDED)
        if last and notice.kind is NoticeKind.WORSENED:
            assert notice.value >= 1.5 * last[0].value - 1e-6
        if last and notice.kind is NoticeKind.REMINDER:
            assert at - last[1] >= timedelta(hours=24)
        last = (notice, at)
