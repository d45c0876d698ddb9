"""Providers that have limits and go down: the budget and the breaker. Pure: values and `now` in.

The budget spaces requests and tokens evenly (GCRA): a reservation moves a mark in time, and whoever
reserves waits until the mark that he found. The breaker closes off a provider that fails (contract §7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

FAILURES_IN_A_ROW = 5
LEAST_CALLS = 50
TIMEOUT_SHARE = 0.05
LONGEST_COOL_DOWN = 10
"""A breaker that opens again stays open twice as long each time; the doubling ends after so many times."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class CallOutcome(StrEnum):
    """How one request ended, as far as it shows the provider's health."""

    ANSWERED = "answered"
    """Also when it refuses a text: it is there."""
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    """Unreachable, reset, an error of its own, or an answer that is none."""
    LIMITED = "limited"
    """The provider refused: too many requests."""


class Admission(StrEnum):
    GRANTED = "granted"
    PROBE = "probe"
    """Granted as the one call that finds out whether the provider is back."""
    OPEN = "open"
    """The breaker is open: do not call, do not wait."""


class Trouble(StrEnum):
    """Why a breaker opened."""

    TIMEOUTS = "timeouts"
    FAILURES = "failures"


class Transition(StrEnum):
    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a provider: requests and tokens a minute, and the breaker's times. 0: no limit."""

    requests_per_minute: float = 0
    tokens_per_minute: float = 0
    cool_down: timedelta = timedelta(seconds=30)
    """How long a breaker that has just opened stays so."""
    probe_for: timedelta = timedelta(seconds=70)
    """A probe without an outcome after so long is given up, and another may be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderState:
    """The state of a provider that all processes share: a row in PostgreSQL."""

    requests_at: datetime = _LONG_AGO
    """When the next request may be made, as far as requests go."""
    tokens_at: datetime = _LONG_AGO
    held_until: datetime = _LONG_AGO
    """The provider has asked everybody to wait until then (`Retry-After`)."""
    failures: int = 0
    """In a row."""
    calls: int = 0
    """Of the window in which time-outs are counted."""
    timeouts: int = 0
    openings: int = 0
    """How often the breaker has opened since it was last closed."""
    open_until: datetime | None = None
    """None: the breaker is closed. In the past: a probe may be made."""
    probe_until: datetime | None = None
    trouble: Trouble | None = None

    @property
    def is_open(self) -> bool:
        return self.open_until is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The answer to a reservation. `wait_s`: how long to wait before the call."""

    admission: Admission
    wait_s: float = 0.0
    is_held: bool = False
    """The provider itself asked for this wait (`Retry-After`)."""
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    state: ProviderState
    grant: Grant


def reserve(
    state: ProviderState,
    limits: Limits,
    *,
    tokens: int,
    now: datetime,
    patience_s: float,
    at_once: bool = False,
) -> Reserved:
    """A place in the queue of requests, or the word that the breaker is open.

    While the breaker is open there is one probe at a time, and none before its time but `at_once`.
    A wait that the provider asked for and that is longer than `patience_s` reserves nothing.
    """
    if not state.is_open:
        return _place(state, limits, tokens, now, patience_s, Admission.GRANTED)
    assert state.open_until is not None
    is_early = now < state.open_until and not at_once
    is_probed = state.probe_until is not None and now < state.probe_until
    if is_early or is_probed:
        return Reserved(state=state, grant=Grant(admission=Admission.OPEN, trouble=state.trouble))
    found = _place(state, limits, tokens, now, patience_s, Admission.PROBE)
    if found.grant.is_held and found.grant.wait_s > patience_s:
        return found
    wait = timedelta(seconds=found.grant.wait_s)
    return replace(found, state=replace(found.state, probe_until=now + wait + limits.probe_for))


def _place(
    state: ProviderState, limits: Limits, tokens: int, now: datetime, patience_s: float, admission: Admission
) -> Reserved:
    held_s = (state.held_until - now).total_seconds()
    if held_s > patience_s:
        return Reserved(state=state, grant=Grant(admission=admission, wait_s=held_s, is_held=True))
    begin = max(now, state.held_until)
    requests_at, tokens_at = max(state.requests_at, begin), max(state.tokens_at, begin)
    moved = replace(
        state,
        requests_at=requests_at + _cost(1, limits.requests_per_minute),
        tokens_at=tokens_at + _cost(tokens, limits.tokens_per_minute),
    )
    wait_s = (max(requests_at, tokens_at) - now).total_seconds()
    return Reserved(state=moved, grant=Grant(admission=admission, wait_s=wait_s, is_held=held_s > 0))


def _cost(amount: float, per_minute: float) -> timedelta:
    return timedelta(minutes=amount / per_minute) if per_minute else timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    state: ProviderState
    transition: Transition | None = None


def report(
    state: ProviderState,
    limits: Limits,
    outcome: CallOutcome,
    *,
    is_probe: bool,
    now: datetime,
    retry_after_s: float = 0.0,
) -> Reported:
    """The state after a call's outcome. Only a probe closes a breaker, not a call that was under way."""
    if outcome is CallOutcome.LIMITED:
        state = _held(state, now + timedelta(seconds=retry_after_s))
    if is_probe and state.is_open:
        if outcome is CallOutcome.ANSWERED:
            return Reported(state=_closed(state), transition=Transition.CLOSED)
        return Reported(state=_opened(state, limits, state.trouble or Trouble.FAILURES, now))
    if state.is_open:
        return Reported(state=state)
    counted = _counted(state, outcome)
    trouble = _trouble(counted)
    if trouble is None:
        return Reported(state=counted)
    return Reported(state=_opened(counted, limits, trouble, now), transition=Transition.OPENED)


def _held(state: ProviderState, until: datetime) -> ProviderState:
    return replace(
        state,
        held_until=max(state.held_until, until),
        requests_at=max(state.requests_at, until),
        tokens_at=max(state.tokens_at, until),
    )


def _counted(state: ProviderState, outcome: CallOutcome) -> ProviderState:
    calls, timeouts = state.calls, state.timeouts
    if calls >= 2 * LEAST_CALLS:
        calls, timeouts = calls // 2, timeouts // 2  # the window slides: older calls weigh half
    failures = {CallOutcome.ANSWERED: 0, CallOutcome.LIMITED: state.failures}.get(outcome, state.failures + 1)
    return replace(
        state, failures=failures, calls=calls + 1, timeouts=timeouts + (outcome is CallOutcome.TIMED_OUT)
    )


def _trouble(state: ProviderState) -> Trouble | None:
    is_slow = state.timeouts > TIMEOUT_SHARE * state.calls
    if state.calls >= LEAST_CALLS and is_slow:
        return Trouble.TIMEOUTS
    if state.failures >= FAILURES_IN_A_ROW:
        return Trouble.TIMEOUTS if is_slow and state.timeouts >= FAILURES_IN_A_ROW else Trouble.FAILURES
    return None


def _opened(state: ProviderState, limits: Limits, trouble: Trouble, now: datetime) -> ProviderState:
    cool_down = limits.cool_down * min(2**state.openings, LONGEST_COOL_DOWN)
    return replace(
        state,
        openings=min(state.openings + 1, 10),
        open_until=max(now + cool_down, state.held_until),
        probe_until=None,
        trouble=trouble,
        failures=0,
        calls=0,
        timeouts=0,
    )


def _closed(state: ProviderState) -> ProviderState:
    return replace(
        state, openings=0, open_until=None, probe_until=None, trouble=None, failures=0, calls=0, timeouts=0
    )
