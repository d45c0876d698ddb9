"""What happens to a failure, by its type (contract §11)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.failures import FIRST_WAIT, LONGEST_WAIT, POLICIES, Disposition, ErrorType, verdict

NOW = datetime(2024, 11, 4, 6, 0, tzinfo=UTC)


def test_every_error_type_has_a_policy() -> None:
    """None is treated by accident."""
    assert set(POLICIES) == set(ErrorType)


@pytest.mark.parametrize(
    ("error_type", "seen", "disposition", "count", "wait"),
    [
        (ErrorType.EMBEDDING_API_TIMEOUT, 0, Disposition.RETRY, 1, timedelta(minutes=5)),
        (ErrorType.EMBEDDING_API_TIMEOUT, 1, Disposition.RETRY, 2, timedelta(minutes=10)),
        (ErrorType.EMBEDDING_API_TIMEOUT, 5, Disposition.RETRY, 6, timedelta(minutes=160)),
        (ErrorType.EMBEDDING_API_TIMEOUT, 6, Disposition.MANUAL_REVIEW, 7, None),
        (ErrorType.WEAVIATE_UNAVAILABLE, 0, Disposition.RETRY, 0, timedelta(0)),
        (ErrorType.EMBEDDING_UNAVAILABLE, 50, Disposition.RETRY, 50, timedelta(0)),
        (ErrorType.WEAVIATE_TIMEOUT, 3, Disposition.RETRY, 3, timedelta(0)),
        (ErrorType.MISSING_CHILD_DATA, 0, Disposition.RETRY, 0, None),
        (ErrorType.MISSING_CHILD_DATA, 50, Disposition.RETRY, 50, None),
        (ErrorType.UNEXPECTED_ERROR, 0, Disposition.RETRY, 1, timedelta(0)),
        (ErrorType.UNEXPECTED_ERROR, 1, Disposition.RETRY, 2, timedelta(0)),
        (ErrorType.UNEXPECTED_ERROR, 2, Disposition.MANUAL_REVIEW, 3, None),
        (ErrorType.PII_RESIDUAL, 0, Disposition.MANUAL_REVIEW, 0, None),
        (ErrorType.MALFORMED_RECORD, 0, Disposition.MANUAL_REVIEW, 0, None),
        (ErrorType.MISSING_RESOLUTION_FIELD, 0, Disposition.SKIP, 0, None),
    ],
)
def test_the_next_step(
    error_type: ErrorType, seen: int, disposition: Disposition, count: int, wait: timedelta | None
) -> None:
    """Waits double from five minutes; outages are not attempts; six attempts, then a person."""
    found = verdict(error_type, retry_count=seen, now=NOW, jitter=0.0)
    assert (found.disposition, found.retry_count) == (disposition, count)
    assert found.next_retry_time == (NOW + wait if wait is not None else None)


@given(
    error_type=st.sampled_from(ErrorType),
    seen=st.integers(0, 10_000),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_a_wait_is_never_shorter_than_the_first_nor_longer_than_the_longest_with_jitter(
    error_type: ErrorType, seen: int, jitter: float
) -> None:
    """And only what a clock brings has a time."""
    found = verdict(error_type, retry_count=seen, now=NOW, jitter=jitter)
    is_timed = found.disposition is Disposition.RETRY and not POLICIES[error_type].is_waiting
    assert (found.next_retry_time is not None) is is_timed
    if found.next_retry_time and not POLICIES[error_type].at_once:
        assert FIRST_WAIT <= found.next_retry_time - NOW <= LONGEST_WAIT * 1.25
