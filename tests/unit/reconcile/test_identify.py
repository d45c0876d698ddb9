"""What is to be done about what was found: pure rules, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.failures import POLICIES, Disposition, ErrorType, FailureStage
from everycase.domain.gaps import EXTRA, METHODS, Expected, GapKind, RunType, content_gap, scope_of
from everycase.domain.thresholds import DeletionGuard
from everycase.reconcile.identify import ACTIONS, Pattern, RecoveryPlan, identify
from everycase.reconcile.report import count_left, count_recovered, count_withheld
from everycase.store.gaps import GapOutcome

NOW = datetime(2024, 11, 4, 6, 0, tzinfo=UTC)
EXPECTED = Expected(UUID(int=1), "r", "n", vector_hash="v", object_hash="o")


def decide(
    gaps: dict[GapKind, int], *, due: int = 0, allowed: int = 0, gone: int = 0, **given: int
) -> RecoveryPlan:
    numbers = {"objects": 1000, "cases": 1000, **given}
    return identify(
        gaps, due, gone_cases=gone, guard=DeletionGuard(allowed=allowed), can_upgrade=True, **numbers
    )


@pytest.mark.parametrize(
    ("gaps", "steps"),
    [
        ({}, set()),
        ({GapKind.MISSING: 1}, {"repair", "process"}),
        ({GapKind.CORRUPT: 1}, {"repair", "process"}),
        ({GapKind.UNTRACKED: 1}, {"process"}),
        ({GapKind.STUCK: 1}, {"process"}),
        ({GapKind.NOT_STAGED: 1}, {"restage", "process"}),
        ({GapKind.GONE_AT_SOURCE: 1}, {"restage", "delete_gone", "process"}),
        ({GapKind.ORPHAN: 1}, {"remove"}),
        ({GapKind.DUPLICATE: 1}, {"remove"}),
        ({GapKind.DEBT: 1}, {"upgrade", "process"}),
        ({GapKind.COUNT_MISMATCH: 5}, set()),
    ],
)
def test_each_gap_asks_for_just_the_steps_that_close_it(gaps: dict[GapKind, int], steps: set[str]) -> None:
    """Least work: nothing that is not needed."""
    work = decide(gaps, gone=gaps.get(GapKind.GONE_AT_SOURCE, 0))
    names = ("restage", "delete_gone", "remove", "repair", "upgrade", "process")
    assert {n for n in names if getattr(work, n)} == steps
    assert work.is_nothing == (not steps)


def test_due_failures_are_work_though_nothing_disagrees() -> None:
    """And debt is not touched while the preferred provider is away."""
    assert decide({}, due=3).process
    away = identify(
        {GapKind.DEBT: 9},
        (),
        objects=9,
        cases=9,
        gone_cases=0,
        guard=DeletionGuard(),
        can_upgrade=False,
    )
    assert away.is_nothing


@pytest.mark.parametrize(
    ("orphans", "objects", "allowed", "is_withheld"),
    [
        (10, 20, 0, False),
        (11, 1000, 0, False),
        (101, 1000, 0, True),
        (101, 1000, 101, False),
        (5, 5, 0, True),
    ],
)
def test_a_flood_of_foreign_objects_is_withheld(
    orphans: int, objects: int, allowed: int, is_withheld: bool
) -> None:
    """More than 10 and more than 10 %, or all there is; a person may allow it."""
    work = decide({GapKind.ORPHAN: orphans}, objects=objects, allowed=allowed)
    assert (GapKind.ORPHAN in work.withhold) == is_withheld
    assert (GapKind.ORPHAN in work.remove) != is_withheld


def test_an_exodus_of_cases_is_withheld() -> None:
    """A fifth of them."""
    assert decide({GapKind.GONE_AT_SOURCE: 200}, gone=200).withhold == {GapKind.GONE_AT_SOURCE}
    assert not decide({GapKind.GONE_AT_SOURCE: 200}, gone=200, allowed=200).withhold
    assert not decide({GapKind.GONE_AT_SOURCE: 500}, gone=3).withhold  # children do not count as cases


@given(st.dictionaries(st.sampled_from(GapKind), st.integers(1, 5000)), st.integers(0, 5000))
def test_nothing_is_both_removed_and_withheld(gaps: dict[GapKind, int], gone: int) -> None:
    """Whatever is found."""
    work = decide(gaps, gone=min(gone, gaps.get(GapKind.GONE_AT_SOURCE, 0)))
    assert not work.remove & work.withhold
    assert work.remove <= EXTRA & set(gaps)


@pytest.mark.parametrize(
    ("vector", "body", "is_found", "kind"),
    [
        ("v", "o", True, None),
        ("x", "o", True, GapKind.CORRUPT),
        ("v", "x", True, GapKind.STALE),
        ("v", "o", False, GapKind.UNSEARCHABLE),
        ("x", "x", False, GapKind.CORRUPT),
        (None, None, False, GapKind.UNSEARCHABLE),
        (None, None, True, GapKind.UNSEARCHABLE),
    ],
)
def test_what_was_read_back_is_judged(
    vector: str | None, body: str | None, is_found: bool, kind: GapKind | None
) -> None:
    """The vector first; what was listed and cannot be read by its id is found by no filter."""
    assert content_gap(EXPECTED, object_hash=body, vector_hash=vector, is_found=is_found) is kind


def test_every_kind_has_a_method_and_every_error_an_action() -> None:
    """But a count that does not agree, which a person must look into."""
    assert set(METHODS) == set(GapKind)
    assert [k for k, m in METHODS.items() if m is None] == [GapKind.COUNT_MISMATCH]
    assert set(ACTIONS) == set(POLICIES) == set(ErrorType)


def test_how_thorough_each_type_is() -> None:
    """Deep is deep for any type; only a daily run prunes."""
    assert not scope_of(RunType.HOURLY, deep=False).sets
    assert scope_of(RunType.HOURLY, deep=True).everything
    assert scope_of(RunType.DAILY, deep=False).contents
    assert [t for t in RunType if scope_of(t, deep=True).retention] == [RunType.DAILY]


def pattern(error_type: ErrorType, *, days: float = 0, disposition=Disposition.RETRY) -> Pattern:
    return Pattern(
        stage=FailureStage.JOIN,
        error_type=error_type,
        disposition=disposition,
        open=1,
        first_seen=NOW - timedelta(days=days),
        last_seen=NOW,
        mttr_s=None,
    )


def test_a_child_that_waits_for_more_than_a_day_is_noted() -> None:
    """Contract §11; and what was tried often enough wants a person."""
    assert "24 h" not in pattern(ErrorType.MISSING_CHILD_DATA, days=0.9).action(NOW)
    assert "24 h" in pattern(ErrorType.MISSING_CHILD_DATA, days=1.1).action(NOW)
    tired = pattern(ErrorType.EMBEDDING_API_TIMEOUT, disposition=Disposition.MANUAL_REVIEW)
    assert "everycase retry" in tired.action(NOW)


def test_outcomes_are_counted_once() -> None:
    """Recovered by method, withheld by kind, and what is left less what is withheld."""
    outcomes = [
        GapOutcome(kind=GapKind.MISSING, method="reloaded", outcome="recovered", count=4),
        GapOutcome(kind=GapKind.STALE, method="delete_then_insert", outcome="recovered", count=2),
        GapOutcome(kind=GapKind.CORRUPT, method="delete_then_insert", outcome="recovered", count=1),
        GapOutcome(kind=GapKind.MISSING, method="reloaded", outcome="open", count=9),
        GapOutcome(kind=GapKind.GONE_AT_SOURCE, method="deleted", outcome="withheld", count=7),
    ]
    assert count_recovered(outcomes, {"fallback": 5}) == {
        "fallback": 5,
        "reloaded": 4,
        "delete_then_insert": 3,
    }
    withheld = count_withheld(outcomes)
    assert withheld == {"gone_at_source": 7}
    assert count_left({GapKind.GONE_AT_SOURCE: 7, GapKind.MISSING: 9}, withheld) == {"missing": 9}
