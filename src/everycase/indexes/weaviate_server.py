"""The connection to a Weaviate server: made when it is first needed, and again after the server was away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import grpc
import weaviate
from weaviate.classes.config import ConsistencyLevel
from weaviate.classes.init import AdditionalConfig, Auth, Timeout
from weaviate.config import GrpcConfig
from weaviate.connect import ConnectionParams

from everycase.domain.errors import WrongUse
from everycase.indexes.weaviate_errors import lost, translated

OLDEST = (1, 32)
"""Collection aliases came with this version."""

_CHANNEL = [("grpc.initial_reconnect_backoff_ms", 500), ("grpc.max_reconnect_backoff_ms", 2000)]
"""A server that is back is found within the waits of a load (2, 4, 8 s); the default is up to two minutes."""

logging.getLogger("weaviate-client").setLevel(logging.CRITICAL)  # it logs whole objects (py: insert_many)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """Where a server is, and how it is spoken to. Times in seconds."""

    url: str
    grpc_host: str = ""
    """Empty: the host of `url`."""
    grpc_port: int = 50051
    api_key: str | None = field(default=None, repr=False)
    consistency: str = "QUORUM"
    """How many replicas must agree: `ONE`, `QUORUM` or `ALL`; with one node it makes no difference."""
    timeout_s: float = 60.0
    connect_timeout_s: float = 10.0

    @property
    def shown(self) -> str:
        """Host and port, for messages."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{self._port}"

    @property
    def _port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    def client(self) -> weaviate.WeaviateClient:
        parts = urlsplit(self.url)
        is_secure = parts.scheme == "https"
        params = ConnectionParams.from_params(
            http_host=parts.hostname or "",
            http_port=self._port,
            http_secure=is_secure,
            grpc_host=self.grpc_host or parts.hostname or "",
            grpc_port=self.grpc_port,
            grpc_secure=is_secure,
        )
        return weaviate.WeaviateClient(
            connection_params=params,
            auth_client_secret=Auth.api_key(self.api_key) if self.api_key else None,
            additional_config=AdditionalConfig(
                timeout=Timeout(init=self.connect_timeout_s, query=self.timeout_s, insert=self.timeout_s),
                grpc_config=GrpcConfig(channel_options=_CHANNEL),
            ),
            skip_init_checks=True,  # they ask a package index for the client's latest version
        )


class WeaviateServer:
    """One server, used by any number of threads. Each process makes its own."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self._client: weaviate.WeaviateClient | None = None
        self._making = threading.Lock()

    @contextmanager
    def reached(self) -> Iterator[weaviate.WeaviateClient]:
        """The client, and its errors in our words: `LoadFailure`, `DependencyUnreachable`, `WrongUse`."""
        with translated(self.address.shown):
            yield self._connected()

    def collection(self, client: weaviate.WeaviateClient, name: str) -> Any:
        level = ConsistencyLevel[self.address.consistency]
        return client.collections.use(name).with_consistency_level(level)

    def close(self) -> None:
        with self._making:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connected(self) -> weaviate.WeaviateClient:
        with self._making:
            if self._client is None:
                client = self.address.client()
                try:
                    client.connect()
                    self._check_version(client)
                except BaseException:
                    client.close()
                    raise
                _let_losses_through(client, self.address.shown)
                self._client = client
            return self._client

    def _check_version(self, client: weaviate.WeaviateClient) -> None:
        found = str(client.get_meta().get("version", "0"))
        version = tuple(int(p) for p in found.split(".")[:2] if p.isdigit())
        if version < OLDEST:
            raise WrongUse(
                f"Weaviate at {self.address.shown} is version {found}: everycase needs "
                f"{'.'.join(map(str, OLDEST))} or newer, for collection aliases"
            )


def _let_losses_through(client: weaviate.WeaviateClient, address: str) -> None:
    """Stop the client from sending a request again by itself when the connection breaks.

    It sends the same batch again: answered with success, and an object that the crash kept from the
    vector index is never found by it (facts/weaviate.md 3). And a search would wait a minute for a server
    that is down. The client has no setting for it, so the calls are wrapped where they are made.
    """
    stub = client._connection.grpc_stub
    for call in ("BatchObjects", "BatchDelete", "Search", "Aggregate"):
        setattr(stub, call, _once(getattr(stub, call), address))


def _once(call: Callable[..., Any], address: str) -> Callable[..., Any]:
    def made(*args: Any, **given: Any) -> Any:
        try:
            return call(*args, **given)
        except grpc.RpcError as e:
            if (failure := lost(e, address)) is not None:
                raise failure from None
            raise

    return made
