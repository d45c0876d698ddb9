"""The error types, and what recovers each (contract §11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from everycase.domain.errors import EverycaseError, ExitCode


class FailureStage(StrEnum):
    EXTRACTION = "extraction"
    JOIN = "join"
    PII_REMOVAL = "pii_removal"
    EMBEDDING_GENERATION = "embedding_generation"
    WEAVIATE_LOAD = "weaviate_load"


class Disposition(StrEnum):
    """What is to be done about an open failure."""

    RETRY = "retry"
    SKIP = "skip"
    """Nothing: the case is indexed with what there is, and reported."""
    MANUAL_REVIEW = "manual_review"


class ErrorType(StrEnum):
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    SOURCE_RATE_LIMITED = "SourceRateLimited"
    SOURCE_AUTH_ERROR = "SourceAuthError"
    MALFORMED_RECORD = "MalformedRecord"
    MISSING_REQUIRED_FIELD = "MissingRequiredField"
    MISSING_CHILD_DATA = "MissingChildData"
    MISSING_RESOLUTION_FIELD = "MissingResolutionField"
    ENCODING_ERROR = "EncodingError"
    PII_REMOVAL_FAILURE = "PIIRemovalFailure"
    PII_RESIDUAL = "PIIResidual"
    EMBEDDING_API_TIMEOUT = "EmbeddingAPITimeout"
    EMBEDDING_RATE_LIMITED = "EmbeddingRateLimited"
    EMBEDDING_UNAVAILABLE = "EmbeddingUnavailable"
    EMBEDDING_REJECTED = "EmbeddingRejected"
    EMBEDDING_TOO_LONG = "EmbeddingTooLong"
    INVALID_EMBEDDING = "InvalidEmbedding"
    WEAVIATE_TIMEOUT = "WeaviateTimeout"
    WEAVIATE_UNAVAILABLE = "WeaviateUnavailable"
    WEAVIATE_READ_ONLY = "WeaviateReadOnly"
    WEAVIATE_REJECTED = "WeaviateRejected"
    UNEXPECTED_ERROR = "UnexpectedError"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one error type is treated between runs.

    `attempts`: durable tries before a person is asked; 0 asks at once.
    `is_outage`: a dependency is down: a try that meets that is not an attempt (contract §11).
    """

    disposition: Disposition
    attempts: int = 6
    is_outage: bool = False
    at_once: bool = False
    """The next run tries again whatever the clock says."""
    is_waiting: bool = False
    """It waits for something other than time (a parent record), so there is no time of a next try."""


_RETRY = Policy(disposition=Disposition.RETRY)
_OUTAGE = Policy(disposition=Disposition.RETRY, is_outage=True, at_once=True)
_REVIEW = Policy(disposition=Disposition.MANUAL_REVIEW, attempts=0)
_SKIP = Policy(disposition=Disposition.SKIP, attempts=0)

POLICIES: Mapping[ErrorType, Policy] = {
    ErrorType.SOURCE_UNAVAILABLE: _OUTAGE,
    ErrorType.SOURCE_RATE_LIMITED: _OUTAGE,
    ErrorType.SOURCE_AUTH_ERROR: _REVIEW,
    ErrorType.MALFORMED_RECORD: _REVIEW,
    ErrorType.MISSING_REQUIRED_FIELD: _REVIEW,
    ErrorType.MISSING_CHILD_DATA: Policy(disposition=Disposition.RETRY, is_outage=True, is_waiting=True),
    ErrorType.MISSING_RESOLUTION_FIELD: _SKIP,
    ErrorType.ENCODING_ERROR: _REVIEW,
    ErrorType.PII_REMOVAL_FAILURE: _REVIEW,
    ErrorType.PII_RESIDUAL: _REVIEW,
    ErrorType.EMBEDDING_API_TIMEOUT: _RETRY,
    ErrorType.EMBEDDING_RATE_LIMITED: _OUTAGE,
    ErrorType.EMBEDDING_UNAVAILABLE: _OUTAGE,
    ErrorType.EMBEDDING_REJECTED: _REVIEW,
    ErrorType.EMBEDDING_TOO_LONG: _REVIEW,
    ErrorType.INVALID_EMBEDDING: _RETRY,
    ErrorType.WEAVIATE_TIMEOUT: _OUTAGE,
    ErrorType.WEAVIATE_UNAVAILABLE: _OUTAGE,
    ErrorType.WEAVIATE_READ_ONLY: _OUTAGE,
    ErrorType.WEAVIATE_REJECTED: _REVIEW,
    ErrorType.UNEXPECTED_ERROR: Policy(disposition=Disposition.RETRY, attempts=2, at_once=True),
}

UNITS: Mapping[str, str] = {
    ErrorType.SOURCE_UNAVAILABLE: "table",
    ErrorType.SOURCE_RATE_LIMITED: "table",
    ErrorType.SOURCE_AUTH_ERROR: "table",
    ErrorType.MALFORMED_RECORD: "row",
    ErrorType.MISSING_CHILD_DATA: "missing parent",
}
"""The unit in which failures of a type are counted, where it is not cases."""


def count_of(error_type: str, n: int) -> str:
    """A number of failures of one type, with their unit: `5 tables`, `1 row`, `3 cases`."""
    return _count(UNITS.get(error_type, "case"), n)


def add_up(by_type: Iterable[tuple[str, int]], *, cases: int = 0) -> str:
    """Failures of several types added up by their units, and `cases` more: `3 cases, 5 tables`."""
    sums = Counter({"case": cases})
    for error_type, n in by_type:
        sums[UNITS.get(error_type, "case")] += n
    return ", ".join(_count(unit, n) for unit, n in sums.items() if n) or _count("case", 0)


def _count(unit: str, n: int) -> str:
    return f"{n:,} {unit}" if n == 1 else f"{n:,} {unit}s"


NO_TEXT = "the case has neither subject nor description"

REMOVES_OBJECT = frozenset({ErrorType.PII_RESIDUAL})
"""Failures after which the case's older object may not be served either: the same rules let it through."""

LONG_WAIT = timedelta(hours=24)
"""A child whose parent has not come for so long is merely noted (contract §11)."""

FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What happens next to a failure that was just seen (again): its disposition and next try."""

    disposition: Disposition
    retry_count: int
    next_retry_time: datetime | None


def verdict(error_type: ErrorType, *, retry_count: int, now: datetime, jitter: float) -> Verdict:
    """Decide the next step for a failure seen `retry_count` times before (contract §11).

    Waits double from 5 minutes to 6 hours; `jitter` in [0, 1) stretches a wait by up to a quarter.
    An outage of a dependency is never counted, so it never ends in manual review, and the next run finds
    out whether it is over.
    """
    policy = POLICIES[error_type]
    if policy.disposition is not Disposition.RETRY:
        return Verdict(disposition=policy.disposition, retry_count=retry_count, next_retry_time=None)
    count = retry_count if policy.is_outage else retry_count + 1
    if not policy.is_outage and count > policy.attempts:
        return Verdict(disposition=Disposition.MANUAL_REVIEW, retry_count=count, next_retry_time=None)
    if policy.is_waiting:
        return Verdict(disposition=Disposition.RETRY, retry_count=count, next_retry_time=None)
    if policy.at_once:
        return Verdict(disposition=Disposition.RETRY, retry_count=count, next_retry_time=now)
    wait = min(FIRST_WAIT * 2 ** min(max(count - 1, 0), 10), LONGEST_WAIT)
    return Verdict(
        disposition=Disposition.RETRY, retry_count=count, next_retry_time=now + wait * (1 + jitter / 4)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One case or record that could not pass a stage. `payload`: ids, counts and redacted text only."""

    record_id: str
    case_number: str | None
    stage: FailureStage
    error_type: ErrorType
    message: str
    source_object: str = "Case"
    payload: Mapping[str, object] = field(default_factory=dict)
    content: str | None = None
    """What the case was made of, by `fingerprint.content_hash`: other content has its own budget of tries."""


class CaseFailure(EverycaseError):
    """A stage could not pass this case on; names the error type of contract §11 that it is."""

    stage: FailureStage
    error_type: ErrorType

    def __init__(self, error_type: ErrorType, message: str, *, stage: FailureStage) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.stage = stage


class RedactionFailure(CaseFailure):
    """This case's text could not be made free of personal data, so it goes no further."""

    def __init__(self, error_type: ErrorType, message: str) -> None:
        super().__init__(error_type, message, stage=FailureStage.PII_REMOVAL)


class EmbeddingFailure(CaseFailure):
    """This text could not be turned into a vector."""

    def __init__(self, error_type: ErrorType, message: str) -> None:
        super().__init__(error_type, message, stage=FailureStage.EMBEDDING_GENERATION)


class LoadFailure(CaseFailure):
    """This object could not be written to the index, or the index does not answer."""

    exit_code = ExitCode.UNREACHABLE

    def __init__(self, error_type: ErrorType, message: str) -> None:
        super().__init__(error_type, message, stage=FailureStage.WEAVIATE_LOAD)
