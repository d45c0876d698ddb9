"""How people are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from everycase.domain.thresholds import Severity


class Notifier(Protocol):
    """How people are told."""

    @property
    def channels(self) -> Sequence[str]:
        """The keys of the channels, which say nothing of their addresses. At least one."""

    def send(self, channel: str, title: str, body: str, *, severity: Severity | None) -> bool:
        """Send to one channel; whether it took the message. `severity` None is good news. Never raises."""
