"""The error inbox: list failures, and try them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from everycase.app import App
from everycase.domain.completeness import unresolved
from everycase.domain.errors import ExitCode, WrongUse
from everycase.domain.failures import Disposition, ErrorType, FailureStage
from everycase.operations.trace import case_keys
from everycase.operations.work import Progress
from everycase.pipeline.ending import Ending
from everycase.pipeline.retry import Choice, Retried
from everycase.store import failures

__all__ = ["FailureFilter", "Inbox", "Retried"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureFilter:
    """Which failures are wanted; None: any."""

    stage: FailureStage | None = None
    error_type: str | None = None
    disposition: Disposition | None = None
    case: str | None = None
    include_resolved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """Failures that a filter lets through, and how many are open in all."""

    open: Mapping[str, int]
    """All open failures by disposition, whatever the filter."""
    groups: Sequence[dict[str, Any]]
    failures: Sequence[dict[str, Any]]

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.UNRESOLVED if unresolved(self.open) else ExitCode.CLEAN


def list_failures(app: App, wanted: FailureFilter, *, limit: int = 100) -> Inbox:
    with app.pool.connection() as conn:
        return Inbox(
            open=failures.tally(conn),
            groups=failures.grouped(conn, include_resolved=wanted.include_resolved),
            failures=failures.listed(
                conn,
                stage=wanted.stage,
                error_type=wanted.error_type,
                disposition=wanted.disposition,
                record=wanted.case,
                include_resolved=wanted.include_resolved,
                limit=limit,
            ),
        )


def retry(
    app: App,
    progress: Progress,
    which: str | None = None,
    *,
    error_type: ErrorType | None = None,
    stage: FailureStage | None = None,
    everything: bool = False,
) -> Retried:
    """Try open failures again now, with the cases' current content.

    `which`: a failure's id, or a case's record id or number. Raises `WrongUse` where nothing is chosen.
    """
    if not (which or error_type or stage or everything):
        raise WrongUse("say what to retry: a failure or case, --type, --stage, or --all")
    records = tuple(case_keys(which)) if which else ()
    choice = Choice(key=which, records=records, error_type=error_type, stage=stage)
    return app.new_retry(progress, Ending()).run(uuid4(), choice)
