"""Fixtures of all tests: one PostgreSQL server a session, a database of its own for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from everycase import telemetry
from tests.support import weaviate_server
from tests.support.databases import Databases, serving
from tests.support.providers import StandIn, standing_in
from tests.support.weaviate_server import GivenServer, WeaviateServer
from tests.support.world import World

hypothesis_settings.register_profile("everycase", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("everycase")
"""No example has a time limit: how long one takes says more of the machine than of the code."""

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Logs go where they go in a command: warnings, to stderr."""
    telemetry.configure(debug=False)


@pytest.fixture(scope="session", autouse=True)
def _no_waits_between_tries() -> Iterator[None]:
    """Within this process a call is tried as often as ever, and nobody waits between the tries."""
    with stamina.set_testing(True, attempts=1000, cap=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """Tests start from the defaults, whatever the shell says, and embed with the small model."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("EVERYCASE_") and not name.startswith("EVERYCASE_TEST_"):
                patch.delenv(name)
        patch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it in its workers
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # each command would compile everycase anew
        patch.setenv("EVERYCASE_EMBEDDERS", "local-small")
        patch.setenv("EVERYCASE_SERVE__PORT", "0")
        yield


@pytest.fixture(scope="module")
def stand_ins(request: pytest.FixtureRequest) -> Iterator[tuple[StandIn, StandIn]]:
    """A primary and a fallback provider, as wide as the module's `WIDTHS` says."""
    first, second = request.module.WIDTHS
    with standing_in("openai", first) as primary, standing_in("nomic", second) as fallback:
        yield primary, fallback


@pytest.fixture
def primary(stand_ins: tuple[StandIn, StandIn]) -> StandIn:
    """Well, and without memory."""
    return _well(stand_ins[0])


@pytest.fixture
def fallback(stand_ins: tuple[StandIn, StandIn]) -> StandIn:
    """Well, and without memory."""
    return _well(stand_ins[1])


def _well(provider: StandIn) -> StandIn:
    provider.tell()
    provider.forget()
    return provider


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The DSN of an embedded server that lives as long as the session (one for each xdist worker)."""
    with serving() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def databases(postgres: str) -> Databases:
    """Databases on the session's server; the schema is migrated once, and cloned for each test."""
    return Databases(postgres)


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A database of the test's own whose schema is up to date."""
    with databases.fresh() as dsn:
        yield dsn


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A database of the test's own that everycase has never seen."""
    with databases.empty() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def weaviate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GivenServer | WeaviateServer]:
    """A real Weaviate: the one that EVERYCASE_TEST_WEAVIATE_URL names, or one for each xdist worker."""
    if given := weaviate_server.given():
        yield given
        return
    with weaviate_server.running(tmp_path_factory.mktemp("weaviate")) as server:
        yield server


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
