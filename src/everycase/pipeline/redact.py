"""Stage 3: remove personal data, case by case; a case that cannot be cleaned fails (contract §6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from everycase.domain.cases import Composite, JoinedCase, RedactedCase
from everycase.domain.composite import compose
from everycase.domain.failures import CaseFailure, ErrorType, Failure, FailureStage
from everycase.ports import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A redacted case and its composite text."""

    case: RedactedCase
    composite: Composite


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactResult:
    """What redaction made of a batch."""

    clean: Sequence[Redacted]
    failures: Sequence[Failure]


def redact_all(redactor: Redactor, cases: Sequence[JoinedCase]) -> RedactResult:
    outcomes = [redact(redactor, case) for case in cases]
    return RedactResult(
        clean=[o for o in outcomes if isinstance(o, Redacted)],
        failures=[o for o in outcomes if isinstance(o, Failure)],
    )


def redact(redactor: Redactor, case: JoinedCase) -> Redacted | Failure:
    """Fails closed: any doubt or error is a failure, and no word of the case is in its message."""
    try:
        redacted = redactor.redact(case)
        return Redacted(case=redacted, composite=compose(redacted))
    except CaseFailure as e:
        error_type, message = e.error_type, str(e)
    except Exception as e:
        error_type = ErrorType.UNEXPECTED_ERROR
        message = f"{type(e).__name__} while redacting; everycase sync --debug shows where"
    return Failure(
        record_id=case.record_id,
        case_number=case.case_number,
        stage=FailureStage.PII_REMOVAL,
        error_type=error_type,
        message=message,
        payload={
            "children": {name: len(rows) for name, rows in case.children.items()},
            "characters": sum(len(v) for r in case.records() for v in r.values.values()),
        },
    )
