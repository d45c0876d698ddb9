"""The part of the composition root that needs Weaviate's client: only loaded where it is used."""

from __future__ import annotations

from dataclasses import dataclass

from everycase.indexes.weaviate.client import Connection, Deadlines, connect
from everycase.indexes.weaviate.collections import WeaviateCollections
from everycase.indexes.weaviate.index import Consistency, Shape, WeaviateIndex
from everycase.settings import WeaviateSettings
from everycase.store.db import Pool
from everycase.store.fence import ObjectFence


@dataclass(frozen=True, kw_only=True)
class WeaviateWiring:
    """A connection, the index that is served over it, and the collections beside that."""

    connection: Connection
    index: WeaviateIndex
    collections: WeaviateCollections


def wire(s: WeaviateSettings, pool: Pool) -> WeaviateWiring:
    """Nothing is connected until the index is first used; a worker process makes its own connection."""
    connection = connect(
        s.url,
        grpc_host=s.grpc_host,
        grpc_port=s.grpc_port,
        api_key=s.api_key.get_secret_value() if s.api_key else None,
        deadlines=Deadlines(connect=s.connect_timeout, query=s.query_timeout, insert=s.insert_timeout),
    )
    shape = Shape(quantise=s.quantise, replicas=s.replicas, consistency=Consistency(s.consistency))
    fence = ObjectFence(pool)

    def at(name: str) -> WeaviateIndex:
        return WeaviateIndex(connection, name, is_alias=False, shape=shape, fence=fence)

    return WeaviateWiring(
        connection=connection,
        index=WeaviateIndex(connection, s.collection, shape=shape, fence=fence),
        collections=WeaviateCollections(connection, s.collection, at),
    )
