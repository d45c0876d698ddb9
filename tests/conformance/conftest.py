"""Every implementation of the index port; the suite beside this file runs on each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg_pool import ConnectionPool

from everycase.indexes.embedded import EmbeddedIndex
from everycase.ports import VectorIndex

SPACES = {"one/model@8": 8, "two/model@4": 4}


@pytest.fixture(params=["embedded"])
def index(request: pytest.FixtureRequest, database_url: str) -> Iterator[VectorIndex]:
    """An empty index that is prepared for two spaces."""
    with ConnectionPool(database_url, min_size=1, max_size=6, kwargs={"autocommit": True}) as pool:
        found = EmbeddedIndex(pool)
        found.prepare(SPACES)
        yield found
