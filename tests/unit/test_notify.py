"""Alerts through Apprise, to a real HTTP server."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from everycase.domain.errors import WrongUse
from everycase.domain.thresholds import Severity
from everycase.notify import AppriseNotifier
from tests.support.receiver import Receiver, receiving

SECRET = "hunter2"


def send(notifier: AppriseNotifier, title: str, body: str, *, severity: Severity | None) -> list[bool]:
    """To every channel; which of them took it."""
    return [notifier.send(channel, title, body, severity=severity) for channel in notifier.channels]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.mark.parametrize(
    ("severity", "type_"),
    [
        (Severity.CRITICAL, "failure"),
        (Severity.HIGH, "failure"),
        (Severity.MEDIUM, "warning"),
        (Severity.WARNING, "warning"),
        (None, "success"),
    ],
)
def test_a_message_arrives_as_it_is_with_its_severity(
    receiver: Receiver, severity: Severity | None, type_: str
) -> None:
    """Title, text and Apprise's type; nothing is read as markup."""
    body = "12 % < 70 %, & \\n more.\nWhat to do: look."
    assert send(AppriseNotifier([receiver.url]), "a title", body, severity=severity) == [True]
    (post,) = receiver.take()
    assert (post["title"], post["message"], post["type"]) == ("a title", body, type_)


@pytest.mark.parametrize("url", [f"nonsense://{SECRET}", f"slack://{SECRET}", SECRET, ""])
def test_a_url_that_apprise_does_not_know_is_named_by_its_position(
    url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may hold a secret, so it is said nowhere: neither in the error nor in a log."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(WrongUse, match=r"URL 2 of EVERYCASE_ALERTS") as caught:
        AppriseNotifier(["json://127.0.0.1/x", url])
    out = capsys.readouterr()
    assert SECRET not in f"{caught.value} {caught.value.__cause__} {caplog.text} {out.out} {out.err}"


def test_no_channels_no_messages() -> None:
    """Nobody wants to be told, so nothing stays undelivered."""
    assert send(AppriseNotifier([]), "t", "b", severity=Severity.HIGH) == [True]


@pytest.mark.parametrize("status", [500, 403, 302])
def test_what_is_refused_is_not_delivered_and_no_log_has_the_url(
    receiver: Receiver,
    status: int,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The channel is named by its position."""
    caplog.set_level(logging.DEBUG)
    receiver.status = status
    notifier = AppriseNotifier([receiver.url.replace("/x", f"/{SECRET}")])
    assert send(notifier, "t", "b", severity=Severity.HIGH) == [False]
    assert receiver.refused == 1
    out = capsys.readouterr()
    assert SECRET not in f"{caplog.text} {out.out} {out.err}"


def test_a_channel_that_nobody_listens_on_is_not_delivered() -> None:
    """And nothing is raised."""
    with receiving() as gone:
        url = gone.url
    assert send(AppriseNotifier([url]), "t", "b", severity=None) == [False]


def test_each_channel_is_asked_for_itself(receiver: Receiver) -> None:
    """One that refuses says nothing of the other; its key does not tell its address."""
    with receiving() as broken:
        broken.status = 500
        notifier = AppriseNotifier([broken.url, receiver.url])
        assert send(notifier, "t", "b", severity=None) == [False, True]
        assert (broken.refused, len(receiver.posts)) == (1, 1)
        assert not any("127.0.0.1" in key or "json" in key for key in notifier.channels)


def test_requests_wait_for_seconds_only(receiver: Receiver) -> None:
    """What the class promises of Apprise's defaults."""
    (channel,) = AppriseNotifier([receiver.url])._channels.values()
    assert [(p.socket_connect_timeout, p.socket_read_timeout) for p in channel] == [(4.0, 4.0)]


def test_apprise_is_imported_for_a_url_only() -> None:
    """It takes half a second, which no other command has to wait for."""
    look = "import sys, everycase.notify as n; n.AppriseNotifier([]); sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
