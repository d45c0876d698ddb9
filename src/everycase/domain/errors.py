"""What can go wrong, as types: the base, its two kinds, and what the whole program stops for.

A message names what, where and what to do; it never holds a field's value.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from signal import SIGTERM


class ExitCode(IntEnum):
    """Contract §15."""

    CLEAN = 0
    UNRESOLVED = 1
    WRONG_USE = 2
    STOPPED = 3
    UNREACHABLE = 4
    BUSY = 5
    INTERRUPTED = 130
    """Ended by Ctrl-C, before its work was done."""
    TERMINATED = 143
    """Ended by SIGTERM, before its work was done."""


class FailOn(StrEnum):
    """Which open failures and gaps make a command exit with 1."""

    ANY = "any"
    NEW = "new"
    """Only failures that were opened since the last sync began."""
    NONE = "none"

    def judge(self, code: ExitCode, *, is_old_news: bool) -> ExitCode:
        """The exit code to use for `code`. `is_old_news`: all open failures are from before the last sync."""
        if code is not ExitCode.UNRESOLVED or self is FailOn.ANY:
            return code
        return ExitCode.CLEAN if self is FailOn.NONE or is_old_news else code


class EverycaseError(Exception):
    """Something went wrong in everycase."""

    exit_code = ExitCode.UNRESOLVED

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class WrongUse(EverycaseError):
    """A setting, argument or input cannot be used as it is."""

    exit_code = ExitCode.WRONG_USE


class NotFound(WrongUse):
    """There is no such case, run or order."""


class PipelineStopped(EverycaseError):
    """The pipeline was stopped; `everycase resume` lets it go on."""

    exit_code = ExitCode.STOPPED


class DependencyUnreachable(EverycaseError):
    """A server that everycase needs does not answer."""

    exit_code = ExitCode.UNREACHABLE


class AnotherRunAtWork(EverycaseError):
    """Another everycase run is at work on this database."""

    exit_code = ExitCode.BUSY


class DatabaseFault(DependencyUnreachable):
    """PostgreSQL cannot do what it is asked, for a reason that is about no single row."""


class DatabaseUnreachable(DatabaseFault):
    """PostgreSQL does not answer, or the connection to it was lost."""


class DatabaseFull(DatabaseFault):
    """PostgreSQL has no disk or no memory left, or cannot use its disk."""


class DatabaseReadOnly(DatabaseFault):
    """PostgreSQL takes no writes: it is a standby, or was told to be read-only."""


class DatabaseTimeout(DatabaseFault):
    """A statement was cancelled, or it waited too long for an answer or for a lock."""


class DatabaseConflict(DatabaseFault):
    """Two transactions blocked each other and this one was ended: tried again, it goes through."""


class DatabaseLacks(DatabaseFault):
    """PostgreSQL lacks an extension that is needed, or the role lacks a privilege."""


class DatabaseDamaged(DatabaseFault):
    """PostgreSQL has found its own files damaged."""


class RowRefused(EverycaseError):
    """PostgreSQL refuses one value: too long, not text of its encoding, or against a rule of its table."""


class RunInterrupted(EverycaseError):
    """The run was told to end before its work was done: nothing is lost, the next run finishes it."""

    exit_code = ExitCode.INTERRUPTED

    @classmethod
    def by(cls, signal_number: int | None) -> RunInterrupted:
        """The error for a run that this signal has ended; None: it was no signal."""
        error = cls()
        error.exit_code = interrupted_by(signal_number)
        return error


def interrupted_by(signal_number: int | None) -> ExitCode:
    """The exit code of a run that this signal has ended: 128 + its number. None: it was no signal."""
    return ExitCode.TERMINATED if signal_number == SIGTERM else ExitCode.INTERRUPTED


class SourceCutShort(EverycaseError):
    """The rows of an object end before their end: what was read counts, nothing is deleted by absence."""
