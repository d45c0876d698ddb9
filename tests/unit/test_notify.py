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
    assert AppriseNotifier([receiver.url]).send("a title", body, severity=severity)
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
    assert AppriseNotifier([]).send("t", "b", severity=Severity.HIGH)


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
    assert not notifier.send("t", "b", severity=Severity.HIGH)
    assert receiver.refused == 1
    out = capsys.readouterr()
    assert SECRET not in f"{caplog.text} {out.out} {out.err}"


def test_a_channel_that_nobody_listens_on_is_not_delivered() -> None:
    """And nothing is raised."""
    with receiving() as gone:
        url = gone.url
    assert not AppriseNotifier([url]).send("t", "b", severity=None)


def test_one_channel_that_takes_it_is_enough(receiver: Receiver) -> None:
    """Or a broken second channel would make the first one repeat itself with every run."""
    with receiving() as broken:
        broken.status = 500
        assert AppriseNotifier([broken.url, receiver.url]).send("t", "b", severity=None)
        assert (broken.refused, len(receiver.posts)) == (1, 1)


def test_requests_wait_for_seconds_only(receiver: Receiver) -> None:
    """What the class promises of Apprise's defaults."""
    (channel,) = AppriseNotifier([receiver.url])._channels
    assert [(p.socket_connect_timeout, p.socket_read_timeout) for p in channel] == [(4.0, 4.0)]


def test_apprise_is_imported_for_a_url_only() -> None:
    """It takes half a second, which no other command has to wait for."""
    look = "import sys, everycase.notify as n; n.AppriseNotifier([]); sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
