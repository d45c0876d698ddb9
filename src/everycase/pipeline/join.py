"""Stage 2: a case with its children, checked for what it must have (contract §4, §11)."""

from __future__ import annotations

from dataclasses import dataclass

from everycase.domain import fingerprint
from everycase.domain.cases import FieldCounts, JoinedCase, count_fields
from everycase.domain.catalogue import RESOLUTION_TEXTS, Catalogue
from everycase.domain.failures import NO_TEXT, ErrorType, Failure, FailureStage
from everycase.store.lineage import Known
from everycase.store.staging import Joined


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinResult:
    """A joined case, what it holds, and what it lacks.

    `blocker`: why it can go no further; `lack`: what is reported and does not keep it.
    """

    case: JoinedCase
    fields: FieldCounts
    blocker: Failure | None
    lack: Failure | None

    @property
    def children(self) -> dict[str, int]:
        return {name: len(rows) for name, rows in self.case.children.items()}


def check(joined: Joined, catalogue: Catalogue) -> JoinResult:
    case = joined.case
    return JoinResult(
        case=case,
        fields=count_fields(catalogue, case),
        blocker=_blocker(joined),
        lack=_lack(case),
    )


def is_unchanged(join: JoinResult, known: Known | None, *, recipe: str, space: str) -> bool:
    """Whether the case is in the index just as it is now joined. `known`: what was loaded of it."""
    return (
        known is not None
        and known.is_loaded
        and known.recipe == recipe
        and known.space == space
        and known.row_hash == join.case.case.row_hash
        and known.checksum == fingerprint.checksum(join.case.case)
        and known.children_checksum == fingerprint.of_children(join.case)
    )


def _blocker(joined: Joined) -> Failure | None:
    values = joined.case.case.values
    if not joined.case.case_number:
        return _failure(joined.case, ErrorType.MISSING_REQUIRED_FIELD, "the case has no case number")
    if not values.get("Subject") and not values.get("Description"):
        return _failure(joined.case, ErrorType.MISSING_REQUIRED_FIELD, NO_TEXT)
    if joined.elder:
        return _failure(
            joined.case,
            ErrorType.MISSING_REQUIRED_FIELD,
            f"the case has no number of its own: case record {joined.elder} has the same one",
        )
    return None


def _lack(case: JoinedCase) -> Failure | None:
    """A closed case that says nowhere how it was resolved is indexed with what there is (contract §11)."""
    values = case.case.values
    is_closed = "ClosedDate" in values or values.get("Status", "").lower().startswith("closed")
    if not is_closed or any(f in values for f in RESOLUTION_TEXTS):
        return None
    return _failure(
        case, ErrorType.MISSING_RESOLUTION_FIELD, "the case is closed and every resolution text is blank"
    )


def _failure(case: JoinedCase, error_type: ErrorType, message: str) -> Failure:
    return Failure(
        record_id=case.record_id,
        case_number=case.case_number,
        stage=FailureStage.JOIN,
        error_type=error_type,
        message=message,
        payload={"children": {name: len(rows) for name, rows in case.children.items()}},
    )
