"""What can go wrong, as types: the base, its two kinds, and what the whole program stops for.

A message names what, where and what to do; it never holds a field's value (style §9).
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Contract §15."""

    CLEAN = 0
    UNRESOLVED = 1
    WRONG_USE = 2
    STOPPED = 3
    UNREACHABLE = 4


class EverycaseError(Exception):
    """Something went wrong in everycase."""

    exit_code = ExitCode.UNRESOLVED

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class WrongUse(EverycaseError):
    """A setting, argument or input cannot be used as it is."""

    exit_code = ExitCode.WRONG_USE


class PipelineStopped(EverycaseError):
    """The pipeline was stopped; `everycase resume` lets it go on."""

    exit_code = ExitCode.STOPPED


class DependencyUnreachable(EverycaseError):
    """A server that everycase needs does not answer."""

    exit_code = ExitCode.UNREACHABLE


class SourceCutShort(EverycaseError):
    """The rows of an object end before their end: what was read counts, nothing is deleted by absence."""
