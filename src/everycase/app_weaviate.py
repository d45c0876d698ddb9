"""The part of the composition root that needs Weaviate's client: only loaded where it is used."""

from __future__ import annotations

from dataclasses import dataclass

from everycase.indexes.weaviate import WeaviateIndex
from everycase.indexes.weaviate_collections import WeaviateCollections
from everycase.indexes.weaviate_schema import Shape
from everycase.indexes.weaviate_server import ServerAddress, WeaviateServer
from everycase.settings import WeaviateSettings


@dataclass(frozen=True, kw_only=True)
class WeaviateWiring:
    """A server, the index that is served from it, and the collections beside that."""

    server: WeaviateServer
    index: WeaviateIndex
    collections: WeaviateCollections


def wire(s: WeaviateSettings) -> WeaviateWiring:
    address = ServerAddress(
        url=s.url,
        grpc_host=s.grpc_host,
        grpc_port=s.grpc_port,
        api_key=s.api_key.get_secret_value() if s.api_key else None,
        consistency=s.consistency,
        timeout_s=s.timeout.total_seconds(),
    )
    server, shape = WeaviateServer(address), Shape(quantise=s.quantise, replicas=s.replicas)
    return WeaviateWiring(
        server=server,
        index=WeaviateIndex(server, s.collection, shape),
        collections=WeaviateCollections(server, s.collection, shape),
    )
