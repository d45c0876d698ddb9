"""A real PostgreSQL server for tests, and databases on it that are cloned from a migrated template."""

from __future__ import annotations

import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict

from everycase.indexes.embedded.index import EmbeddedIndex
from everycase.store import db, embedded, migrate

NOT_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
"""Switched off: a test server is thrown away, and a killed client loses nothing without them."""


@contextmanager
def serving(prefix: str = "ec-") -> Iterator[str]:
    """The DSN of a server of its own, which is gone after the block."""
    home = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))  # a socket's path must be short
    home.chmod(0o755)
    try:
        dsn = embedded.start(home)
        _set(dsn, dict.fromkeys(NOT_DURABLE, "off"))
        yield dsn
    finally:
        _end(home / "pg" / "postmaster.pid")
        shutil.rmtree(home, ignore_errors=True)


def _end(pid_file: Path) -> None:
    """End the server at once, without the checkpoint of an orderly shutdown."""
    if pid_file.exists():
        server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        server.send_signal(signal.SIGQUIT)
        psutil.wait_procs([server])


def _set(dsn: str, settings: Mapping[str, str]) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        for name, value in settings.items():
            conn.execute(f"alter system set {name} = {value}")  # type: ignore[arg-type]
        conn.execute("select pg_reload_conf()")


class Databases:
    """Databases on the server at `server`, an address that ends with the name of its first database.

    `spaces`: embedding spaces that the embedded index of the template is prepared for.
    """

    def __init__(self, server: str, spaces: Mapping[str, int] | None = None) -> None:
        self._server = server
        self._spaces = spaces

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The DSN of a database that everycase has never seen. It is dropped after the block."""
        with self._created(f"empty_{uuid.uuid4().hex[:12]}", "template1") as dsn:
            yield dsn

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The DSN of a database whose schema is up to date. It is dropped after the block."""
        with self._created(f"fresh_{uuid.uuid4().hex[:12]}", self._template) as dsn:
            yield dsn

    @contextmanager
    def copy(self, dsn: str) -> Iterator[str]:
        """The DSN of a copy of another of these databases, to which nobody may be connected."""
        name = str(conninfo_to_dict(dsn)["dbname"])
        with self._created(f"copy_{uuid.uuid4().hex[:12]}", name) as copied:
            yield copied

    @cached_property
    def _template(self) -> str:
        name = f"template_{uuid.uuid4().hex[:12]}"
        self._do(f"create database {name}")
        migrate.upgrade(self._dsn(name))
        if self._spaces is not None:
            pool = db.open_pool(self._dsn(name), size=2)
            EmbeddedIndex(pool).prepare(self._spaces)
            pool.close()
        return name

    @contextmanager
    def _created(self, name: str, template: str) -> Iterator[str]:
        self._do(f"create database {name} template {template} strategy file_copy")
        try:
            yield self._dsn(name)
        finally:
            self._do(f"drop database if exists {name} with (force)")

    def _do(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as conn:
            conn.execute(statement)  # type: ignore[arg-type]

    def _dsn(self, name: str) -> str:
        return self._server.replace("/everycase?", f"/{name}?")
