"""What PostgreSQL and its driver report, as our errors: the only place that looks at driver errors.

The server's own messages may quote field values, so none of them is passed on; the code (SQLSTATE) is.
"""

from __future__ import annotations

import psycopg
from psycopg_pool import PoolTimeout

from everycase.domain.errors import (
    DatabaseConflict,
    DatabaseDamaged,
    DatabaseFault,
    DatabaseFull,
    DatabaseLacks,
    DatabaseReadOnly,
    DatabaseTimeout,
    DatabaseUnreachable,
    EverycaseError,
    RowRefused,
)

_GOES_ON = "nothing is lost, the next run finishes the work"
_LOST = f"the connection to PostgreSQL at {{where}} was lost: {_GOES_ON}"
_FULL = f"the disk of PostgreSQL at {{where}} is full: free space there and run again; {_GOES_ON}"

_NO_TABLE = "a table or column of everycase is not in PostgreSQL at {where}: `everycase migrate`, then sync"


class StatementCancelled(DatabaseTimeout, psycopg.errors.QueryCanceled):
    """A statement was cancelled. Also the driver's own type: its COPY expects that when it is broken off."""


_BY_STATE: tuple[tuple[str, type[EverycaseError], str], ...] = (
    ("08", DatabaseUnreachable, _LOST),
    ("28", DatabaseUnreachable, "PostgreSQL at {where} refuses the user or password"),
    ("3D", DatabaseUnreachable, "PostgreSQL at {where} has no such database"),
    ("57014", StatementCancelled, f"PostgreSQL at {{where}} cancelled a statement: {_GOES_ON}"),
    ("57P", DatabaseUnreachable, f"PostgreSQL at {{where}} is stopping or starting: {_GOES_ON}"),
    ("53300", DatabaseUnreachable, "PostgreSQL at {where} has too many connections: raise max_connections"),
    ("53100", DatabaseFull, _FULL),
    ("53", DatabaseFull, f"PostgreSQL at {{where}} is out of memory: {_GOES_ON}"),
    ("58030", DatabaseFull, "PostgreSQL at {where} cannot read or write its disk: its log says why"),
    (
        "25006",
        DatabaseReadOnly,
        "PostgreSQL at {where} is read-only: give EVERYCASE_DATABASE_URL the primary",
    ),
    ("40", DatabaseConflict, f"PostgreSQL at {{where}} ended a transaction in a deadlock: {_GOES_ON}"),
    ("55", DatabaseTimeout, f"another session holds a lock in PostgreSQL at {{where}} too long: {_GOES_ON}"),
    ("42501", DatabaseLacks, "the role of EVERYCASE_DATABASE_URL lacks a privilege in PostgreSQL at {where}"),
    ("0A000", DatabaseLacks, "PostgreSQL at {where} is too old or lacks pgvector: install that"),
    ("58P01", DatabaseLacks, "PostgreSQL at {where} lacks the files of an extension: install pgvector there"),
    ("42704", DatabaseLacks, "PostgreSQL at {where} lacks a type that everycase needs: is pgvector there?"),
    ("42P01", DatabaseLacks, _NO_TABLE),
    ("42703", DatabaseLacks, _NO_TABLE),
    ("3F000", DatabaseLacks, _NO_TABLE),
    ("XX001", DatabaseDamaged, "PostgreSQL at {where} finds its files damaged: restore it, then reconcile"),
    ("XX002", DatabaseDamaged, "PostgreSQL at {where} finds an index damaged: REINDEX it, then reconcile"),
    ("22021", RowRefused, "a text does not fit the encoding of the database"),
    ("22P05", RowRefused, "a text does not fit the encoding of the database"),
    ("22", RowRefused, "a value does not fit its column"),
    ("23", RowRefused, "a value breaks a rule of its table"),
    ("54", RowRefused, "a value is larger than PostgreSQL takes"),
)
"""By the beginning of the SQLSTATE, the first that fits."""

_CONNECTING: tuple[tuple[str, str], ...] = (
    ("password authentication failed", "the password was refused"),
    ("no password supplied", "it wants a password"),
    ("does not exist", "the database or role does not exist"),
    ("could not translate host", "the host name is not known"),
    ("failed to resolve", "the host name is not known"),
    ("connection refused", "connection refused"),
    ("timeout", "no answer in time"),
    ("too many", "too many connections"),
    ("starting up", "it is starting up"),
    ("shutting down", "it is shutting down"),
    ("recovery", "it is recovering"),
)
"""Why a connection could not be made: the driver has no code for it, so its words decide."""


def translate(error: psycopg.Error, where: str) -> EverycaseError | psycopg.Error:
    """Our error for what the driver raised at `where`; the driver's own where our statement is wrong."""
    if error.sqlstate is None:
        return _of_driver(error, where)
    for state, kind, sentence in _BY_STATE:
        if error.sqlstate.startswith(state):
            return kind(f"{sentence.format(where=where)} (SQLSTATE {error.sqlstate})")
    return error


def _of_driver(error: psycopg.Error, where: str) -> EverycaseError | psycopg.Error:
    """What the driver says without having asked the server."""
    if isinstance(error, psycopg.DataError):
        return RowRefused("a text has a NUL byte or is not Unicode, which PostgreSQL does not take")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return DatabaseUnreachable(_LOST.format(where=where))
    return error


def cannot_connect(error: Exception, where: str) -> DatabaseFault:
    """Why no connection could be made to `where`."""
    if isinstance(error, psycopg.ProgrammingError):
        return DatabaseUnreachable(
            "EVERYCASE_DATABASE_URL is not a PostgreSQL address: postgresql://user:password@host:5432/database"
        )
    said = "timeout" if isinstance(error, PoolTimeout) else str(error).lower()
    if "no space left" in said:
        return DatabaseFull(_FULL.format(where=where))
    reason = next((why for sign, why in _CONNECTING if sign in said), type(error).__name__)
    return DatabaseUnreachable(
        f"PostgreSQL at {where} cannot be used ({reason}): check EVERYCASE_DATABASE_URL "
        "and that the server is up"
    )
