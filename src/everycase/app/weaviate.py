"""The connection to Weaviate. Its client is imported only where it is used."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from everycase.settings import WeaviateSettings
from everycase.store.fence import ObjectFence

if TYPE_CHECKING:
    from everycase.indexes.weaviate.wiring import WeaviateWiring


def connect_weaviate(s: WeaviateSettings, fence: ObjectFence) -> WeaviateWiring:
    """The index and its collections; nothing is connected until they are first used.

    The client takes a second to import, which no other index should cost. It also turns on every library's
    warnings for the whole process, which is undone.
    """
    with warnings.catch_warnings():
        from everycase.indexes.weaviate import wiring

    connection = wiring.connect(
        s.url,
        grpc_host=s.grpc_host,
        grpc_port=s.grpc_port,
        api_key=s.api_key.get_secret_value() if s.api_key else None,
        deadlines=wiring.Deadlines(connect=s.connect_timeout, query=s.query_timeout, insert=s.insert_timeout),
    )
    shape = wiring.Shape(
        quantise=s.quantise, replicas=s.replicas, consistency=wiring.Consistency(s.consistency)
    )
    return wiring.wire(connection, s.collection, shape=shape, fence=fence)
