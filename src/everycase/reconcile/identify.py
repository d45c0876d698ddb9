"""Step 3: decide what to do about the gaps and failures. Pure: values in, a plan out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from everycase.domain.failures import LONG_WAIT, Disposition, ErrorType, FailureStage
from everycase.domain.gaps import AT_SOURCE, EXTRA, REPAIRABLE, GapKind
from everycase.domain.thresholds import DeletionGuard

ACTIONS: Mapping[ErrorType, str] = {
    ErrorType.SOURCE_UNAVAILABLE: "everycase failures says why; the next sync reads it again",
    ErrorType.SOURCE_RATE_LIMITED: "the source is read again at the next run",
    ErrorType.SOURCE_AUTH_ERROR: "check the credentials of the source",
    ErrorType.MALFORMED_RECORD: "put the row right at the source; it is looked at again when it changes",
    ErrorType.MISSING_REQUIRED_FIELD: "complete the case at the source; looked at again when it changes",
    ErrorType.MISSING_CHILD_DATA: "joined again until the parent comes",
    ErrorType.MISSING_RESOLUTION_FIELD: "none: indexed with what there is",
    ErrorType.ENCODING_ERROR: "look at the text in Salesforce, then everycase retry",
    ErrorType.PII_REMOVAL_FAILURE: "review what redaction cannot cope with, then everycase retry",
    ErrorType.PII_RESIDUAL: "review what redaction leaves in the text, then everycase retry",
    ErrorType.EMBEDDING_API_TIMEOUT: "tried again with growing waits, then by the fallback",
    ErrorType.EMBEDDING_RATE_LIMITED: "tried again when the provider allows it",
    ErrorType.EMBEDDING_UNAVAILABLE: "tried again when the provider is back",
    ErrorType.EMBEDDING_REJECTED: "review why the provider refuses the text, then everycase retry",
    ErrorType.EMBEDDING_TOO_LONG: "review the length of the text, then everycase retry",
    ErrorType.INVALID_EMBEDDING: "tried again with growing waits",
    ErrorType.WEAVIATE_TIMEOUT: "deleted and inserted again at the next run",
    ErrorType.WEAVIATE_UNAVAILABLE: "loaded when the index is back",
    ErrorType.WEAVIATE_READ_ONLY: "free the index's disk; loaded when it takes writes again",
    ErrorType.WEAVIATE_REJECTED: "review why the index refuses the object, then everycase retry",
    ErrorType.UNEXPECTED_ERROR: "everycase sync --debug shows where, then everycase retry",
}
"""What recovers each error type, or who must (contract §11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Failures of one type at one stage."""

    stage: FailureStage
    error_type: ErrorType
    disposition: Disposition
    open: int
    first_seen: datetime
    last_seen: datetime
    mttr_s: float | None
    """Mean seconds from the failure to its recovery, of those that recovered."""

    def action(self, now: datetime) -> str:
        """What happens, or what a person is to do."""
        if self.error_type is ErrorType.MISSING_CHILD_DATA and now - self.first_seen > LONG_WAIT:
            return "waiting for more than 24 h: check whether the parent exists in Salesforce"
        if self.disposition is Disposition.MANUAL_REVIEW and ACTIONS[self.error_type].startswith("tried"):
            return "tried often enough: find out why, then everycase retry"
        return ACTIONS[self.error_type]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPlan:
    """The least work that repairs everything; a step that is False or empty is not taken."""

    restage: bool
    delete_gone: bool
    remove: frozenset[GapKind] = field(default_factory=frozenset)
    """Kinds of objects to take out of the index."""
    withhold: frozenset[GapKind] = field(default_factory=frozenset)
    """So much is gone or foreign that a person must approve it first."""
    repair: bool = False
    upgrade: bool = False
    process: bool = False
    """Cases are due: changed, stuck, untracked, under repair, or failures whose time has come."""

    @property
    def is_nothing(self) -> bool:
        return not (self.restage or self.delete_gone or self.remove or self.process)


def identify(
    gaps: Mapping[GapKind, int],
    due: int,
    *,
    objects: int,
    cases: int,
    gone_cases: int,
    guard: DeletionGuard,
    can_upgrade: bool,
) -> RecoveryPlan:
    """Decide. `due`: failures whose time has come; `objects`, `cases`: how many index and lineage hold.

    Vanished rows of the source are judged again where they are staged.
    """
    orphans = gaps.get(GapKind.ORPHAN, 0)
    is_flood = guard.withholds(gone=orphans, live=objects, left=objects - orphans)
    is_exodus = guard.withholds(gone=gone_cases, live=cases, left=cases - gone_cases)
    withheld = {k for k, much in ((GapKind.ORPHAN, is_flood), (GapKind.GONE_AT_SOURCE, is_exodus)) if much}
    kinds = {k for k, n in gaps.items() if n}
    upgrade = can_upgrade and GapKind.DEBT in kinds
    return RecoveryPlan(
        restage=bool(kinds & AT_SOURCE),
        delete_gone=GapKind.GONE_AT_SOURCE in kinds,
        remove=frozenset(kinds & EXTRA - withheld),
        withhold=frozenset(withheld),
        repair=bool(kinds & REPAIRABLE),
        upgrade=upgrade,
        process=bool(due or upgrade or kinds - EXTRA - {GapKind.DEBT, GapKind.COUNT_MISMATCH}),
    )
