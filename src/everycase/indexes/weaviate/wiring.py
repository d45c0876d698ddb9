"""One connection, the served index over it, and the collections beside it. Imports Weaviate's client."""

from __future__ import annotations

from dataclasses import dataclass

from everycase.indexes.weaviate.client import Deadlines, WeaviateConnection, connect
from everycase.indexes.weaviate.collections import WeaviateCollections
from everycase.indexes.weaviate.index import Consistency, Shape, WeaviateIndex
from everycase.indexes.weaviate.write import Fence

__all__ = ["Consistency", "Deadlines", "Shape", "WeaviateConnection", "connect"]


@dataclass(frozen=True, kw_only=True)
class WeaviateWiring:
    """A connection, the index that is served over it, and the collections beside that."""

    connection: WeaviateConnection
    index: WeaviateIndex
    collections: WeaviateCollections


def wire(connection: WeaviateConnection, collection: str, *, shape: Shape, fence: Fence) -> WeaviateWiring:
    """The parts that share a connection. `collection` is the alias that searches are answered from."""

    def at(name: str) -> WeaviateIndex:
        return WeaviateIndex(connection, name, is_alias=False, shape=shape, fence=fence)

    return WeaviateWiring(
        connection=connection,
        index=WeaviateIndex(connection, collection, shape=shape, fence=fence),
        collections=WeaviateCollections(connection, collection, at),
    )
