"""The organisation's daily calls, as answers tell them, and the share at which everycase stops."""

from __future__ import annotations

import re
from dataclasses import dataclass
from threading import Lock

from everycase.sources.salesforce.errors import QuotaSpent

_USAGE = re.compile(r"(?<![\w-])api-usage=([0-9]{1,15})/([0-9]{1,15})(?![0-9])")
_ASK_EVERY = 100
"""Calls of ours after which `/limits` is asked for a figure, where answers bring none."""
_ASK_EVERY_WHEN_SPENT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUsage:
    """Calls of the last 24 hours, whoever made them."""

    used: int
    limit: int

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)


class Quota:
    """Safe to use from several threads.

    Every answer should tell a figure. Where none does, or the same one stands still, our own calls are added
    to the last one that is known, and `/limits` is asked now and then.
    """

    def __init__(self, share: float) -> None:
        """`share`: of the organisation's daily calls; beyond it nothing is asked."""
        self._share = share
        self._lock = Lock()
        self._told: QuotaUsage | None = None
        self._header = ""
        self._since = 0
        """Calls of ours since that figure."""
        self._unasked = 0
        """Of these, those since `/limits` was asked."""
        self._has_asked = False
        self.calls = 0
        """Requests that this process has made."""

    @property
    def usage(self) -> QuotaUsage | None:
        """None where no figure was ever told."""
        with self._lock:
            told = self._told
            return told and QuotaUsage(used=told.used + self._since, limit=told.limit)

    def note(self, header: str | None) -> None:
        """Take in `Sforce-Limit-Info: api-usage=18/100000; api-bursts=1/750` of one answer."""
        found = _USAGE.search(header or "")
        with self._lock:
            self.calls += 1
            self._since += 1
            self._unasked += 1
            if found and found[0] != self._header:  # one that stands still says nothing of our last call
                self._header = found[0]
                self._tell(int(found[1]), int(found[2]))

    def note_limits(self, *, most: int, left: int) -> None:
        """Take in the `DailyApiRequests` of `/limits`."""
        with self._lock:
            self._tell(most - left, most)

    def _tell(self, used: int, limit: int) -> None:
        if not limit:  # no organisation has a limit of no calls
            return
        self._told, self._since, self._unasked = QuotaUsage(used=used, limit=limit), 0, 0

    def shall_ask(self) -> bool:
        """Whether `/limits` is to be asked now: answers tell no figure. Whoever hears True asks."""
        every = _ASK_EVERY_WHEN_SPENT if self.is_spent else _ASK_EVERY
        with self._lock:
            is_first = self._told is None and not self._has_asked
            is_due = is_first or self._unasked >= every
            if is_due:
                self._has_asked, self._unasked = True, 0
            return is_due

    @property
    def is_spent(self) -> bool:
        usage = self.usage
        return usage is not None and usage.used >= self._share * usage.limit

    def check(self) -> None:
        """Raises `QuotaSpent` where one more request would take from the organisation's own users."""
        if self.is_spent:
            raise self.spent()

    def spent(self) -> QuotaSpent:
        usage = self.usage
        figures = f"{usage.used:,} of {usage.limit:,}" if usage else "all"
        return QuotaSpent(
            f"{figures} of the organisation's daily calls are used, and everycase stops at "
            f"{self._share:.0%} (EVERYCASE_SALESFORCE__QUOTA_SHARE); the next sync after they are renewed "
            "goes on where this one stopped"
        )
