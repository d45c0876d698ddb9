"""Fixtures of the web tests: a loaded service to read, and one to change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Databases
from tests.support.service import Service, service, write_export
from tests.support.world import World


@pytest.fixture(scope="module")
def shown(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service over 30 loaded cases and 4 failures; tests of a module share it and only read."""
    folder = tmp_path_factory.mktemp("shown")
    with databases.fresh() as dsn:
        world = World(dsn, folder)
        source = write_export(folder / "export")
        world.sync(source, embedders=("local-small",))
        with service(world, source, embedders=("local-small",)) as running:
            yield running


@pytest.fixture
def changing(world: World, tmp_path: Path) -> Iterator[Service]:
    """A service of the test's own, over 30 loaded cases and 4 failures."""
    source = write_export(tmp_path / "export")
    world.sync(source)
    with service(world, source) as running:
        yield running
