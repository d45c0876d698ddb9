"""What can go wrong at Salesforce, planned for one request or drawn by a seed for any."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


class Ask(StrEnum):
    """What a request asks for."""

    TOKEN = "token"
    VERSIONS = "versions"
    DESCRIBE = "describe"
    GLOBAL = "global"
    LIMITS = "limits"
    QUERY = "query"
    MORE = "more"
    DELETED = "deleted"
    JOB_NEW = "job_new"
    JOB = "job"
    JOBS = "jobs"
    RESULTS = "results"
    JOB_ABORT = "job_abort"
    JOB_DELETE = "job_delete"


class Fault(StrEnum):
    SESSION_EXPIRES = "session_expires"
    LIMIT_403 = "limit_403"
    TOO_MANY_429 = "too_many_429"
    BUSY_503 = "busy_503"
    BUSY_420 = "busy_420"
    BODYLESS_406 = "bodyless_406"
    NOT_JSON = "not_json"
    GARBLED = "garbled"
    """The request is obeyed, and the answer is no JSON."""
    BROKEN_BODY = "broken_body"
    HANGS_UP = "hangs_up"
    JOB_FAILS = "job_fails"
    JOB_FAILS_SILENTLY = "job_fails_silently"
    PAGE_LACKS_A_ROW = "page_lacks_a_row"
    PAGE_ANNOUNCES_MORE = "page_announces_more"
    LOCATOR_LOST = "locator_lost"
    SHORT_PAGE = "short_page"
    QUERY_TIMEOUT = "query_timeout"
    BULK_REFUSED = "bulk_refused"
    WRONG_FORM = "wrong_form"
    """A key of the answer is missing, or holds something else than it should."""


_READS = frozenset(Ask) - {Ask.TOKEN, Ask.VERSIONS}
_QUERIES = frozenset({Ask.QUERY, Ask.MORE})
_PAGES = _QUERIES | {Ask.RESULTS}
APPLIES: dict[Fault, frozenset[Ask]] = {
    Fault.SESSION_EXPIRES: _READS,
    Fault.LIMIT_403: _READS,
    Fault.TOO_MANY_429: _READS,
    Fault.BUSY_503: frozenset(Ask),
    Fault.BUSY_420: _READS,
    Fault.BODYLESS_406: _READS,
    Fault.NOT_JSON: _READS - {Ask.RESULTS, Ask.JOB_DELETE},
    Fault.GARBLED: frozenset(Ask) - {Ask.VERSIONS, Ask.RESULTS, Ask.JOB_DELETE},
    Fault.BROKEN_BODY: _PAGES,
    Fault.HANGS_UP: _READS,
    Fault.JOB_FAILS: frozenset({Ask.JOB}),
    Fault.JOB_FAILS_SILENTLY: frozenset({Ask.JOB}),
    Fault.PAGE_LACKS_A_ROW: _PAGES,
    Fault.PAGE_ANNOUNCES_MORE: _PAGES,
    Fault.LOCATOR_LOST: frozenset({Ask.MORE, Ask.RESULTS}),
    Fault.SHORT_PAGE: _PAGES,
    Fault.QUERY_TIMEOUT: frozenset({Ask.QUERY}),
    Fault.BULK_REFUSED: frozenset({Ask.JOB_NEW}),
    Fault.WRONG_FORM: frozenset(Ask) - {Ask.VERSIONS, Ask.GLOBAL, Ask.JOB_ABORT, Ask.JOB_DELETE},
}


@dataclass(slots=True)
class _Planned:
    fault: Fault
    ask: Ask
    skip: int
    times: int


@dataclass(slots=True)
class Faults:
    """Faults to come: planned ones first, then `share` of the requests meet one of `kinds`, by `seed`."""

    seed: int = 0
    share: float = 0.0
    kinds: tuple[Fault, ...] = tuple(Fault)
    at_most: int = 1_000_000
    met: list[tuple[Fault, Ask]] = field(default_factory=list)
    _planned: list[_Planned] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def plan(self, fault: Fault, ask: Ask, *, skip: int = 0, times: int = 1) -> None:
        """`fault` on `ask`, after `skip` requests of that kind, so many times."""
        with self._lock:
            self._planned.append(_Planned(fault, ask, skip, times))

    def clear(self) -> None:
        """From now on everything is well."""
        with self._lock:
            self._planned.clear()
            self.share = 0.0

    def draw(self, ask: Ask) -> Fault | None:
        """What this request meets."""
        with self._lock:
            found = self._draw_planned(ask) or self._draw_by_seed(ask)
            if found is not None:
                self.met.append((found, ask))
            return found

    def choose(self, things: Sequence[T]) -> T:
        """One of several, by the seed."""
        with self._lock:
            return self._dice.choice(things)

    def _draw_planned(self, ask: Ask) -> Fault | None:
        for planned in self._planned:
            if planned.ask is not ask:
                continue
            if planned.skip:
                planned.skip -= 1
                continue
            planned.times -= 1
            if not planned.times:
                self._planned.remove(planned)
            return planned.fault
        return None

    def _draw_by_seed(self, ask: Ask) -> Fault | None:
        if not self.share or len(self.met) >= self.at_most or self._dice.random() >= self.share:
            return None
        possible = [f for f in self.kinds if ask in APPLIES[f]]
        return self._dice.choice(possible) if possible else None
