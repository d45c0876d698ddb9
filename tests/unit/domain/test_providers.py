"""Budget and breaker by their rules: who waits, who is let in, what opens and what closes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from everycase.domain.providers import (
    Admission,
    CallOutcome,
    Limits,
    ProviderState,
    Transition,
    Trouble,
    report,
    reserve,
)
from everycase.domain.usage import Purse, Usage, cost

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LIMITS = Limits(requests_per_minute=60, tokens_per_minute=6000)
FREE = Limits()


def after_s(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def waits(limits: Limits, tokens: list[int], state: ProviderState | None = None) -> list[float]:
    state, found = state or ProviderState(), []
    for n in tokens:
        got = reserve(state, limits, tokens=n, now=NOW, patience_s=60)
        state = got.state
        found.append(round(got.grant.wait_s, 3))
    return found


@pytest.mark.parametrize(
    ("limits", "tokens", "expected"),
    [
        (FREE, [1000] * 3, [0, 0, 0]),
        (LIMITS, [1] * 4, [0, 1, 2, 3]),
        (LIMITS, [300, 300, 1], [0, 3, 6]),
        (Limits(tokens_per_minute=600), [100, 10], [0, 10]),
    ],
)
def test_requests_and_tokens_are_spaced_evenly(
    limits: Limits, tokens: list[int], expected: list[float]
) -> None:
    """Whichever of the two is scarcer."""
    assert waits(limits, tokens) == expected


def test_what_was_not_used_is_not_saved_up() -> None:
    """After a pause the first goes at once, and the second waits its interval."""
    idle = ProviderState(requests_at=after_s(-3600), tokens_at=after_s(-3600))
    assert waits(LIMITS, [1, 1], idle) == [0, 1]


def outcomes(
    state: ProviderState, *many: CallOutcome, limits: Limits = FREE
) -> tuple[ProviderState, list[Transition]]:
    seen = []
    for outcome in many:
        found = report(state, limits, outcome, is_probe=False, now=NOW)
        state = found.state
        seen += [found.transition] if found.transition else []
    return state, seen


OK, SLOW, BAD, LIMITED = CallOutcome.ANSWERED, CallOutcome.TIMED_OUT, CallOutcome.FAILED, CallOutcome.LIMITED


@pytest.mark.parametrize(
    ("many", "trouble"),
    [
        ([BAD] * 4, None),
        ([BAD] * 5, Trouble.FAILURES),
        ([SLOW] * 5, Trouble.TIMEOUTS),
        ([BAD, BAD, SLOW, BAD, BAD], Trouble.FAILURES),
        ([BAD] * 4 + [OK] + [BAD] * 4, None),
        ([LIMITED] * 20, None),
        ([BAD] * 4 + [LIMITED] + [BAD], Trouble.FAILURES),
        (([SLOW] + [OK] * 9) * 4, None),
        (([SLOW] + [OK] * 9) * 5, Trouble.TIMEOUTS),
        (([OK] * 24 + [SLOW]) * 10, None),
        (([OK] * 19 + [SLOW]) * 10, None),
        (([OK] * 100) + ([SLOW] + [OK] * 9) * 7, Trouble.TIMEOUTS),
    ],
)
def test_what_opens_a_breaker(many: list[CallOutcome], trouble: Trouble | None) -> None:
    """Five failures in a row, or more than 5 % time-outs of at least 50 calls; a limit is no failure."""
    state, _ = outcomes(ProviderState(), *many)
    assert state.trouble is trouble
    assert state.is_open == (trouble is not None)


def opened(limits: Limits = FREE) -> ProviderState:
    state, seen = outcomes(ProviderState(), *[BAD] * 5, limits=limits)
    assert seen == [Transition.OPENED]
    return state


def admissions(
    state: ProviderState, now: datetime, *, times: int = 2, at_once: bool = False
) -> list[Admission]:
    found = []
    for _ in range(times):
        got = reserve(state, FREE, tokens=1, now=now, patience_s=60, at_once=at_once)
        state = got.state
        found.append(got.grant.admission)
    return found


def test_an_open_breaker_lets_nobody_in_and_then_one_probe() -> None:
    """Not two, and another only when that one must be dead."""
    state = opened()
    assert admissions(state, after_s(29)) == [Admission.OPEN] * 2
    assert admissions(state, after_s(31), times=3) == [Admission.PROBE, Admission.OPEN, Admission.OPEN]
    probing = reserve(state, FREE, tokens=1, now=after_s(31), patience_s=60).state
    assert admissions(probing, after_s(100), times=1) == [Admission.OPEN]
    assert admissions(probing, after_s(102), times=1) == [Admission.PROBE]
    assert admissions(state, after_s(1), at_once=True) == [Admission.PROBE, Admission.OPEN]


def test_only_the_probe_closes_a_breaker() -> None:
    """What was under way when it opened does not."""
    state = opened()
    assert report(state, FREE, OK, is_probe=False, now=NOW).state.is_open
    found = report(state, FREE, OK, is_probe=True, now=NOW)
    assert (found.state.is_open, found.transition) == (False, Transition.CLOSED)
    assert admissions(found.state, NOW) == [Admission.GRANTED] * 2


def test_a_probe_that_fails_opens_it_for_longer() -> None:
    """Twice as long each time, up to ten times."""
    state, lengths = opened(), []
    for _ in range(6):
        state = report(state, FREE, BAD, is_probe=True, now=NOW).state
        assert state.open_until is not None
        lengths.append((state.open_until - NOW).total_seconds())
    assert lengths == [60, 120, 240, 300, 300, 300]


def test_retry_after_holds_everybody() -> None:
    """And whoever may not wait so long reserves nothing."""
    held = report(ProviderState(), LIMITS, LIMITED, is_probe=False, now=NOW, retry_after_s=20).state
    assert waits(LIMITS, [1, 1], held) == [20, 21]
    impatient = reserve(held, LIMITS, tokens=1, now=NOW, patience_s=5)
    assert impatient.grant.is_held
    assert impatient.state == held


def given(purse: Purse) -> int:
    """How many batches are given before it says no (or a hundred)."""
    n = 0
    while purse.can_afford and n < 100:
        purse.give()
        n += 1
    return n


def test_a_purse_reckons_with_what_is_under_way() -> None:
    """At a guess first, then at the mean price; nothing is given where that would be too much."""
    purse = Purse(limit=1.0, guess=0.4)
    assert given(purse) == 2
    purse.pay(0.1)
    assert given(purse) == 8
    for _ in range(9):
        purse.pay(0.1)
    assert given(purse) == 0
    assert purse.spent == pytest.approx(1.0)


@pytest.mark.parametrize(("limit", "expected"), [(None, 100), (0.0, 0), (0.1, 1)])
def test_something_is_done_where_anything_may_be_spent(limit: float | None, expected: int) -> None:
    """One batch, even where it is dearer than the limit."""
    assert given(Purse(limit=limit, guess=0.4)) == expected


def test_money_is_tokens_times_price() -> None:
    """A million tokens at a time; what has no price costs nothing."""
    usage = {"a": Usage(tokens=2_000_000), "b": Usage(tokens=5)}
    assert cost(usage, {"a": 0.13}) == pytest.approx(0.26)


def test_a_window_slides() -> None:
    """Old calls weigh less and less."""
    state, _ = outcomes(ProviderState(), *[OK] * 1000)
    assert 50 <= state.calls <= 100
    assert replace(state, failures=0).failures == 0
