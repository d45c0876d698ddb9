"""The error inbox: list failures, and try them again."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from everycase.app import App
from everycase.domain.completeness import unresolved
from everycase.domain.errors import ExitCode, WrongUse
from everycase.domain.failures import Disposition, ErrorType, FailureStage
from everycase.operations.overview import keep_census
from everycase.operations.progress import recorded
from everycase.operations.trace import case_keys
from everycase.operations.wording import STAGES
from everycase.operations.work import Progress
from everycase.pipeline.ending import Ending
from everycase.pipeline.retry import Choice, Retried
from everycase.store import census, failures, runs
from everycase.store.failures import FailureFilter
from everycase.store.orders import FailureSelection as Selection

T = TypeVar("T")

__all__ = ["FailureFilter", "Inbox", "Retried"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """Failures that a filter lets through, and how many are open in all."""

    open: Mapping[str, int]
    """All open failures by disposition, whatever the filter."""
    groups: Sequence[dict[str, Any]]
    failures: Sequence[dict[str, Any]]

    new: int
    """Of those that wait, the ones that were opened since the last sync began."""
    unfinished: Sequence[str] = ()
    """Sentences on the last sync and the last reconciliation, if they failed or were interrupted."""

    @property
    def exit_code(self) -> ExitCode:
        is_clean = not unresolved(self.open) and not self.unfinished
        return ExitCode.CLEAN if is_clean else ExitCode.UNRESOLVED

    @property
    def is_old_news(self) -> bool:
        return not self.new and not self.unfinished


def read_filter(
    *,
    stage: FailureStage | None = None,
    error_type: str | None = None,
    disposition: Disposition | None = None,
    case: str | None = None,
    include_resolved: bool = False,
) -> FailureFilter:
    """What a person asks for, as a filter. `case`: a record id of 15 or 18 characters, or a case number.

    Raises `WrongUse` for an error type that there is not.
    """
    return FailureFilter(
        stage=stage,
        error_type=read_error_type(error_type) if error_type else None,
        disposition=disposition,
        cases=case_keys(case) if case else None,
        include_resolved=include_resolved,
    )


def read_stage(name: str) -> FailureStage:
    """The stage of this name, as people or the tables call it. Raises `WrongUse` with the nearest one."""
    return _named(name, "stage", {**STAGES, **{str(s): s for s in FailureStage}}, list(STAGES))


def read_disposition(name: str) -> Disposition:
    """The disposition of this name. Raises `WrongUse` with the nearest one."""
    return _named(name, "disposition", {str(d): d for d in Disposition}, list(Disposition))


def _named(name: str, what: str, by_name: Mapping[str, T], said: Sequence[str]) -> T:
    if found := by_name.get(name.lower().replace(" ", "_")):
        return found
    near = difflib.get_close_matches(name.lower(), list(by_name), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(said)}"
    raise WrongUse(f"there is no {what} {name!r}: {hint}")


def read_error_type(name: str) -> ErrorType:
    """The error type of this name, in whatever case. Raises `WrongUse` with the nearest one."""
    by_name = {t.lower(): t for t in ErrorType}
    if found := by_name.get(name.lower()):
        return found
    near = difflib.get_close_matches(name.lower(), list(by_name), n=1, cutoff=0.5)
    hint = f"did you mean {by_name[near[0]]}?" if near else f"there are {', '.join(ErrorType)}"
    raise WrongUse(f"there is no error type {name!r}: {hint}")


def list_failures(app: App, wanted: FailureFilter, *, limit: int = 100) -> Inbox:
    """The failures that the filter lets through, the newest first, and their groups."""
    with app.pool.connection() as conn:
        return Inbox(
            open=failures.tally(conn),
            groups=failures.group_failures(conn, wanted),
            failures=failures.list_failures(conn, wanted, limit=limit),
            new=failures.tally_new(conn),
            unfinished=runs.unfinished(conn),
        )


def page(
    app: App,
    chosen: Selection,
    *,
    before: datetime | None = None,
    before_id: UUID | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Open failures that a selection shows, newest first; `before` and `before_id`: of the page before."""
    with app.pool.connection() as conn:
        return census.failure_page(conn, chosen, before=before, before_id=before_id, limit=limit)


def groups(app: App, chosen: Selection) -> list[dict[str, Any]]:
    """Open failures that a selection shows, by stage and type, most first."""
    with app.pool.connection() as conn:
        return census.failure_groups(conn, chosen)


def count_waiting(app: App) -> int:
    """Open failures that wait for a retry or a person."""
    with app.pool.connection() as conn:
        return unresolved(failures.tally(conn))


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
    return _retry(app, progress, choice, uuid4())


def retry_these(app: App, progress: Progress, chosen: Sequence[UUID], *, run_id: UUID) -> Retried:
    """Try exactly these failures again now; those that are closed meanwhile are passed over."""
    return _retry(app, progress, Choice(failures=tuple(chosen)), run_id)


def _retry(app: App, progress: Progress, choice: Choice, run_id: UUID) -> Retried:
    ending = Ending()
    with recorded(app, run_id, "retry", progress, ending) as watched:
        retried = app.new_retry(watched, ending).run(run_id, choice)
    keep_census(app, run_id=run_id)
    return retried
