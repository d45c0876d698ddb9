"""The organisation's daily calls, as every answer tells them, and the share at which everycase stops."""

from __future__ import annotations

import re
from dataclasses import dataclass
from threading import Lock

from everycase.sources.salesforce.errors import QuotaSpent

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Calls of the last 24 hours, whoever made them."""

    used: int
    limit: int

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)


class Quota:
    """Safe to use from several threads."""

    def __init__(self, share: float) -> None:
        """`share`: of the organisation's daily calls; beyond it nothing is asked."""
        self._share = share
        self._lock = Lock()
        self._usage: Usage | None = None
        self.calls = 0
        """Requests that this process has made."""

    @property
    def usage(self) -> Usage | None:
        return self._usage

    def note(self, header: str | None) -> None:
        """Take in `Sforce-Limit-Info: api-usage=18/100000; api-bursts=1/750`."""
        found = _USAGE.search(header or "")
        with self._lock:
            self.calls += 1
            if found:
                self._usage = Usage(used=int(found[1]), limit=int(found[2]))

    @property
    def is_spent(self) -> bool:
        usage = self._usage
        return usage is not None and usage.used >= self._share * usage.limit

    def check(self) -> None:
        """Raises `QuotaSpent` where one more request would take from the organisation's own users."""
        if self.is_spent:
            raise self.spent()

    def spent(self) -> QuotaSpent:
        usage = self._usage
        figures = f"{usage.used:,} of {usage.limit:,}" if usage else "all"
        return QuotaSpent(
            f"{figures} of the organisation's daily calls are used, and everycase stops at "
            f"{self._share:.0%} (EVERYCASE_SALESFORCE__QUOTA_SHARE); the next sync after they are renewed "
            "goes on where this one stopped"
        )
