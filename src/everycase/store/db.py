"""Connections to PostgreSQL, and its errors in our words. Values never appear in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

from everycase.domain.errors import DependencyUnreachable

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Connection]

CONNECT_TIMEOUT_S = 10


def open_pool(dsn: str, *, size: int) -> Pool:
    """A pool of at most `size` connections in autocommit mode. Raises `DependencyUnreachable`."""
    with reaching(dsn):
        connect(dsn).close()
    return ConnectionPool(
        dsn,
        min_size=0,
        max_size=size,
        timeout=60,
        kwargs={"autocommit": True, "connect_timeout": CONNECT_TIMEOUT_S, "application_name": "everycase"},
        open=True,
    )


def connect(dsn: str) -> Connection:
    """One connection of its own, for locks and streams."""
    with reaching(dsn):
        return psycopg.connect(
            dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name="everycase"
        )


@contextmanager
def reaching(dsn: str) -> Iterator[None]:
    """Translate "cannot connect" into one sentence that names the server and never a password."""
    try:
        yield
    except (psycopg.OperationalError, PoolTimeout) as e:
        reason = _reason(e)
        raise DependencyUnreachable(
            f"PostgreSQL at {address(dsn)} cannot be used ({reason}): check EVERYCASE_DATABASE_URL "
            "and that the server is up"
        ) from None
    except psycopg.ProgrammingError:
        raise DependencyUnreachable(
            "EVERYCASE_DATABASE_URL is not a PostgreSQL address: postgresql://user:password@host:5432/database"
        ) from None


def address(dsn: str) -> str:
    """`host:port/database` of a DSN, without user and password."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return urlsplit(dsn).hostname or "(unreadable address)"
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def _reason(error: Exception) -> str:
    text = str(error).lower()
    known = {
        "password authentication failed": "the password was refused",
        "no password supplied": "it wants a password",
        "does not exist": "the database or role does not exist",
        "could not translate host": "the host name is not known",
        "failed to resolve": "the host name is not known",
        "connection refused": "connection refused",
        "timeout": "no answer in time",
        "too many": "too many connections",
    }
    return next((said for sign, said in known.items() if sign in text), type(error).__name__)
