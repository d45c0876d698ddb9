"""Alerts out: mail, Slack, Teams, PagerDuty, webhooks, by Apprise URL (contract §13)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from everycase.domain.errors import WrongUse
from everycase.domain.thresholds import Severity

if TYPE_CHECKING:
    from apprise import Apprise, NotifyType

log = structlog.get_logger()


NOBODY = ""
"""The key of the one channel where no URL is set: it takes everything."""


class AppriseNotifier:
    """Sends to channels by their URLs, each for itself: one that refuses is tried again by the next run.

    URLs hold secrets: a channel's key is a digest of its URL, and logs name its position, from 1. A request
    waits at most 4 s to connect and 4 s for an answer, unless its URL says otherwise (`?cto=` and `?rto=`,
    seconds), and is not tried twice here.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        """Raises `WrongUse` for a URL that Apprise does not know. Apprise is imported only for one (1 s)."""
        self._channels = {_key(url): _channel(url, n) for n, url in enumerate(urls, start=1)}

    @property
    def channels(self) -> Sequence[str]:
        return list(self._channels) or [NOBODY]

    def send(self, channel: str, title: str, body: str, *, severity: Severity | None) -> bool:
        """Whether the channel took the message. `severity` None is good news. Never raises."""
        if channel == NOBODY:
            return True
        is_taken = _deliver(self._channels[channel], title, body, severity)
        if not is_taken:
            position = list(self._channels).index(channel) + 1
            log.warning("alert_not_delivered", channel=position, channels=len(self._channels))
        return is_taken


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _channel(url: str, position: int) -> Apprise:
    _silence()
    import apprise

    asset = apprise.AppriseAsset(app_id="everycase", app_desc="everycase", image_url_mask=None)
    channel = apprise.Apprise(asset=asset)
    if not channel.add(url):
        raise WrongUse(
            f"URL {position} of EVERYCASE_ALERTS cannot be used: Apprise does not know its kind, or a part "
            "of it is missing"
        )
    return channel


def _deliver(channel: Apprise, title: str, body: str, severity: Severity | None) -> bool:
    from apprise import NotifyFormat

    return bool(
        channel.notify(title=title, body=body, notify_type=_type(severity), body_format=NotifyFormat.TEXT)
    )


def _type(severity: Severity | None) -> NotifyType:
    from apprise import NotifyType

    if severity is None:
        return NotifyType.SUCCESS
    is_grave = severity in (Severity.CRITICAL, Severity.HIGH)
    return NotifyType.FAILURE if is_grave else NotifyType.WARNING


def _silence() -> None:
    """Apprise logs URLs and answers, and urllib3 paths, all of which may hold a secret."""
    logging.getLogger("apprise").disabled = True
    logging.getLogger("urllib3").setLevel(logging.ERROR)
