"""Connections to PostgreSQL that raise our errors (store/errors.py), never the driver's."""

from __future__ import annotations

import random
import select
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg.abc import Params, PQGen, Query
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from everycase.domain.errors import DatabaseConflict, WrongUse
from everycase.store import errors

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10
_CHECK_S = 0.1
ATTEMPTS = 4
"""How often work that lost a deadlock is tried in all."""
_PAUSE_S = 0.05

_SESSION = """
select set_config('TimeZone', 'UTC', false), set_config('search_path', concat_ws(', ',
    current_setting('search_path'),
    (select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'vector' and not n.nspname = any (current_schemas(true)))), false)
"""
"""Times come as UTC whatever PGTZ says; the types of pgvector are found in whichever schema they are."""


class Connection(psycopg.Connection[Any]):
    """A connection whose driver errors are translated wherever they are raised: statement, COPY or commit."""

    def wait(self, gen: PQGen[T], interval: float = _CHECK_S, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.Error as e:
            raise errors.translate(e, _where(self)) from None

    def execute(
        self, query: Query, params: Params | None = None, *, prepare: bool | None = None, binary: bool = False
    ) -> psycopg.Cursor[Any]:
        """Outside of a transaction, a statement that loses a deadlock is tried again."""
        statement: Any = query  # the driver's overloads tell template strings from the rest

        def once() -> psycopg.Cursor[Any]:
            try:
                return super(Connection, self).execute(statement, params, prepare=prepare, binary=binary)
            except psycopg.Error as e:  # of a connection that is closed the driver says so itself
                raise errors.translate(e, _where(self)) from None

        is_alone = self.pgconn.transaction_status == TransactionStatus.IDLE and self.autocommit
        return again(once) if is_alone else once()


class Pool(ConnectionPool[Connection]):
    """Connections that are checked before they are lent, so that a restart of the server causes no error."""

    def __init__(self, dsn: str, *, size: int) -> None:
        super().__init__(
            dsn,
            connection_class=Connection,
            min_size=0,
            max_size=size,
            timeout=60,
            kwargs=_options(),
            configure=_prepare,
            check=_check,
            open=True,
        )

    def getconn(self, timeout: float | None = None) -> Connection:
        try:
            return super().getconn(timeout)
        except PoolTimeout as e:
            raise errors.cannot_connect(e, address(str(self.conninfo))) from None


def _check(conn: Connection) -> None:
    """Raise if the server has closed the connection. It is asked only where it has said something unasked."""
    said = select.poll()
    said.register(conn.fileno(), select.POLLIN)
    if said.poll(0):
        ConnectionPool.check_connection(conn)


def open_pool(dsn: str, *, size: int) -> Pool:
    """A pool of at most `size` connections in autocommit mode. Raises `DatabaseUnreachable`."""
    connect(dsn).close()
    return Pool(dsn, size=size)


def connect(dsn: str) -> Connection:
    """One connection of its own, for locks and streams.

    Raises `DatabaseFault`, or `WrongUse` for a database whose encoding is not UTF8.
    """
    try:
        conn = Connection.connect(dsn, **_options())
    except psycopg.Error as e:
        raise errors.cannot_connect(e, address(dsn)) from None
    try:
        _prepare(conn)
    except BaseException:
        conn.close()
        raise
    return conn


def _prepare(conn: Connection) -> None:
    """Give a new connection the session that all of everycase expects."""
    encoding = conn.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise WrongUse(
            f"the database at {_where(conn)} has the encoding {encoding}, which cannot hold every text: "
            "create one with ENCODING 'UTF8' TEMPLATE template0"
        )
    conn.execute(_SESSION)


def again(work: Callable[[], T]) -> T:
    """Call `work`, again if it loses a deadlock; it must open its transaction itself."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return work()
        except DatabaseConflict:
            time.sleep(_PAUSE_S * 2**attempt * (1 + random.random()))
    return work()


def scalar(conn: Connection, statement: Query, given: Params | None = None) -> Any:
    """The single value of the single row that a statement returns."""
    row = conn.execute(statement, given).fetchone()
    assert row is not None
    return row[0]


def address(dsn: str) -> str:
    """`host:port/database` of a DSN, without user and password."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return urlsplit(dsn).hostname or "(unreadable address)"
    return _place(parts.get("host", "localhost"), parts.get("port", 5432), parts.get("dbname", ""))


def _where(conn: Connection) -> str:
    """The address of a connection; "PostgreSQL" for a lost one, of which the driver no longer knows it."""
    if conn.closed:
        return "the address of EVERYCASE_DATABASE_URL"
    return _place(conn.info.host, conn.info.port, conn.info.dbname)


def _place(host: object, port: object, database: object) -> str:
    return f"{host}:{port}/{database}"


def _options() -> dict[str, Any]:
    return {
        "autocommit": True,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": "everycase",
        "client_encoding": "UTF8",
    }
