"""Every implementation of the index port; the suite beside this file runs on each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from everycase.indexes.embedded.index import EmbeddedIndex
from everycase.indexes.weaviate.client import WeaviateConnection, connect
from everycase.indexes.weaviate.index import WeaviateIndex
from everycase.ports import VectorIndex
from everycase.store.db import Pool, open_pool
from everycase.store.fence import ObjectFence
from tests.support.weaviate_server import GivenServer, WeaviateServer

SPACES = {"one/model@8": 8, "two/model@4": 4}


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    with open_pool(database_url, size=6) as found:
        yield found


@pytest.fixture(params=["embedded", "weaviate"])
def index(request: pytest.FixtureRequest, pool: Pool) -> Iterator[VectorIndex]:
    """An empty index that is prepared for two spaces."""
    if request.param == "embedded":
        found = EmbeddedIndex(pool)
        found.prepare(SPACES)
        yield found
    else:
        yield request.getfixturevalue("weaviate_index")


@pytest.fixture
def weaviate_index(weaviate: GivenServer | WeaviateServer, pool: Pool) -> Iterator[WeaviateIndex]:
    """An alias of its own on the real server, fenced by PostgreSQL as in the program."""
    with connected(weaviate) as connection:
        found = WeaviateIndex(connection, f"Test{uuid4().hex[:12]}", fence=ObjectFence(pool))
        found.prepare(SPACES)
        yield found
        remove(connection, found.collection)


@contextmanager
def connected(server: GivenServer | WeaviateServer, **given: object) -> Iterator[WeaviateConnection]:
    connection = connect(server.url, grpc_port=server.grpc_port, **given)
    try:
        yield connection
    finally:
        connection.close()


def remove(connection: WeaviateConnection, alias: str) -> None:
    """The alias and every collection of its name."""
    connection.client.alias.delete(alias_name=alias)
    for name in connection.client.collections.list_all(simple=True):
        if name.partition("_v")[0] == alias:
            connection.client.collections.delete(name)
