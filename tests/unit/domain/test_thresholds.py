"""When so much vanishes that a person must say so, and when so much fails that the pipeline stops."""

import pytest

from everycase.domain.thresholds import DeletionGuard, Thresholds, must_stop


@pytest.mark.parametrize(
    ("left", "live", "gone", "allowed", "withheld"),
    [
        (100, 100, 0, 0, False),
        (90, 100, 10, 0, False),
        (89, 100, 11, 0, True),
        (89, 100, 11, 11, False),
        (89, 100, 11, 10, True),
        (980, 1000, 20, 0, False),
        (0, 3, 3, 0, True),
        (0, 3, 3, 3, False),
        (None, 3, 3, 0, False),
        (2, 5, 3, 0, False),
        (0, 0, 0, 0, False),
        (99_500, 100_000, 500, 0, False),
        (99_499, 100_000, 501, 0, True),
        (99_499, 100_000, 501, 501, False),
        (None, 100_000, 501, 0, True),
    ],
)
def test_many_deletions_wait_for_a_person(
    left: int | None, live: int, gone: int, allowed: int, withheld: bool
) -> None:
    """More than 10 and more than 10 %, more than 500, or everything by a read that names nothing."""
    assert DeletionGuard(allowed=allowed).withholds(gone=gone, live=live, left=left) is withheld


@pytest.mark.parametrize(
    ("done", "failed", "planned", "stops"),
    [
        (0, 0, 0, False),
        (49, 49, 49, False),
        (50, 5, 50, False),
        (50, 6, 50, True),
        (50, 50, 1000, False),
        (200, 100, 1000, False),
        (200, 101, 1000, True),
        (1000, 100, 1000, False),
        (1000, 101, 1000, True),
        (50, 50, 1_000_000, False),
        (150, 101, 1_000_000, True),
        (5000, 500, 1_000_000, False),
        (5000, 501, 1_000_000, True),
    ],
)
def test_the_pipeline_stops_above_ten_percent_of_at_least_fifty(
    done: int, failed: int, planned: int, stops: bool
) -> None:
    """Up to 1,000 planned cases count as done, so that the order they come in does not matter."""
    assert must_stop(done=done, failed=failed, planned=planned, thresholds=Thresholds()) is stops


@pytest.mark.parametrize("percent", range(1, 100))
def test_the_limit_itself_is_not_above_the_limit(percent: int) -> None:
    """Whatever binary fractions make of it: 29 of 100 are not more than 0.29."""
    limits = Thresholds(failure_rate=percent / 100)
    assert not must_stop(done=100, failed=percent, planned=100, thresholds=limits)
    assert must_stop(done=100, failed=percent + 1, planned=100, thresholds=limits)


def test_without_cases_nothing_stops() -> None:
    """Even where one case would be evidence."""
    assert not must_stop(done=0, failed=0, planned=0, thresholds=Thresholds(least_cases=0))
