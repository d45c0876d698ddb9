"""What is said of the schedule is what the settings say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from everycase.operations.jobs import describe, say_period
from everycase.settings import Settings


@pytest.mark.parametrize(
    ("every", "said"),
    [
        (timedelta(hours=1), "every hour"),
        (timedelta(hours=6), "every 6 hours"),
        (timedelta(minutes=90), "every 90 minutes"),
        (timedelta(days=1), "every day"),
        (timedelta(days=14), "every 14 days"),
        (timedelta(seconds=1.5), "every 1.5 seconds"),
    ],
)
def test_a_period_is_said_in_its_largest_whole_unit(every: timedelta, said: str) -> None:
    """As people say it, not as 1:30:00."""
    assert say_period(every) == said


def test_only_jobs_that_are_switched_on_are_said() -> None:
    """A period of 0 switches a job off."""
    nothing = timedelta(0)
    some = Settings(sync_every=timedelta(minutes=5), reconcile_every=nothing, deep_every=nothing)
    none = Settings(sync_every=nothing, reconcile_every=nothing, deep_every=nothing)
    assert describe(some) == "syncs every 5 minutes"
    assert describe(none) == "does nothing by itself: every job is switched off"
