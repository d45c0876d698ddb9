"""Every implementation of the index port; the suite beside this file runs on each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from psycopg_pool import ConnectionPool

from everycase.indexes.embedded import EmbeddedIndex
from everycase.indexes.weaviate import WeaviateIndex
from everycase.indexes.weaviate_schema import Shape
from everycase.indexes.weaviate_server import ServerAddress, WeaviateServer
from everycase.ports import VectorIndex
from tests.support.weaviate_server import GivenServer
from tests.support.weaviate_server import WeaviateServer as TestServer

SPACES = {"one/model@8": 8, "two/model@4": 4}


@pytest.fixture(params=["embedded", "weaviate"])
def index(request: pytest.FixtureRequest) -> VectorIndex:
    """An empty index that is prepared for two spaces."""
    found: VectorIndex = request.getfixturevalue(f"{request.param}_index")
    found.prepare(SPACES)
    return found


@pytest.fixture
def embedded_index(database_url: str) -> Iterator[EmbeddedIndex]:
    with ConnectionPool(database_url, min_size=1, max_size=6, kwargs={"autocommit": True}) as pool:
        yield EmbeddedIndex(pool)


@pytest.fixture
def server(weaviate_server: TestServer | GivenServer) -> Iterator[WeaviateServer]:
    """The adapter's end of the connection."""
    address = ServerAddress(url=weaviate_server.url, grpc_port=weaviate_server.grpc_port)
    found = WeaviateServer(address)
    yield found
    found.close()


@pytest.fixture
def weaviate_index(server: WeaviateServer) -> Iterator[WeaviateIndex]:
    """Behind an alias of its own, which goes with its collections."""
    alias = f"T{uuid.uuid4().hex[:12]}"
    yield WeaviateIndex(server, alias, Shape())
    with server.reached() as client:
        client.alias.delete(alias_name=alias)
        for name in client.collections.list_all(simple=True):
            if name.startswith(alias):
                client.collections.delete(name)
