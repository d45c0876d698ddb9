"""One real PostgreSQL for all tests of a session, a fresh database for each test that asks for one."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from everycase import telemetry
from everycase.store import embedded
from tests.support import weaviate_server as weaviate_server_support
from tests.support.weaviate_server import GivenServer, WeaviateServer
from tests.support.world import World

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Logs go where they go in a command: warnings, to stderr."""
    telemetry.configure(debug=False)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests start from the defaults, whatever the shell says."""
    for name in list(os.environ):
        if name.startswith("EVERYCASE_") and not name.startswith("EVERYCASE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The DSN of an embedded server that lives as long as the session (one for each xdist worker)."""
    home = Path(tempfile.mkdtemp(prefix="ec-", dir="/tmp"))
    home.chmod(0o755)
    try:
        yield embedded.start(home)
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def weaviate_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeaviateServer | GivenServer]:
    """A real Weaviate that lives as long as the session (one for each xdist worker), or the one given."""
    if url := os.environ.get("EVERYCASE_TEST_WEAVIATE_URL"):
        yield GivenServer(url, int(os.environ.get("EVERYCASE_TEST_WEAVIATE_GRPC_PORT", "50051")))
        return
    with own_weaviate(tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def mortal_weaviate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeaviateServer]:
    """A real Weaviate that a test may kill."""
    with own_weaviate(tmp_path_factory) as server:
        yield server


@contextmanager
def own_weaviate(places: pytest.TempPathFactory) -> Iterator[WeaviateServer]:
    program = weaviate_server_support.binary()
    if program is None:
        pytest.skip("needs a Weaviate server: make weaviate (with Go), or EVERYCASE_TEST_WEAVIATE_URL")
    server = WeaviateServer(program, places.mktemp("weaviate"))
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(server.home, ignore_errors=True)


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """A fresh, empty database."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name)))
    yield postgres.replace("/everycase?", f"/{name}?")
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(psycopg.sql.SQL("drop database {} with (force)").format(psycopg.sql.Identifier(name)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the project; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real data in ../shared/data, which is not on this machine")
    return SHARED_DATA


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> World:
    """An everycase on a fresh database."""
    return World(database_url, tmp_path)
