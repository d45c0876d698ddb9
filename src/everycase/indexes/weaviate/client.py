"""A connection to Weaviate: made when it is first used, outliving the server's deaths, and silent.

The client's own behaviour is put right in three places: it calls no package index, it sends nothing
twice by itself (an object sent again unchanged is confirmed and never indexed, docs/facts.md 2 and
3), and its log, which prints whole objects, is silent (5).
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import grpc
from weaviate import WeaviateClient
from weaviate.auth import AuthApiKey
from weaviate.config import AdditionalConfig, GrpcConfig, Timeout
from weaviate.connect import executor
from weaviate.connect.base import ConnectionParams

from everycase.domain.errors import WrongUse
from everycase.indexes.weaviate import errors as errors

LEAST_VERSION = (1, 32)
"""The first with collection aliases."""

_CHANNEL = [("grpc.initial_reconnect_backoff_ms", 500), ("grpc.max_reconnect_backoff_ms", 2000)]
"""A server that is back is found within the waits of a load (2, 4, 8 s); the default is up to 2 minutes."""

logging.getLogger("weaviate-client").addFilter(lambda _record: False)
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long the server may take to answer."""

    connect: timedelta = timedelta(seconds=10)
    query: timedelta = timedelta(seconds=30)
    insert: timedelta = timedelta(seconds=60)

    def as_timeout(self) -> Timeout:
        """As the client takes them."""
        return Timeout(
            init=self.connect.total_seconds(),
            query=self.query.total_seconds(),
            insert=self.insert.total_seconds(),
        )


class WeaviateConnection:
    """One client for all threads of a process. Hand it to no other process."""

    def __init__(self, address: str, make: Callable[[], WeaviateClient]) -> None:
        self.address = address
        self._make = make
        self._lock = threading.Lock()
        self._client: WeaviateClient | None = None
        self._at_end: Callable[[], object] | None = None

    @property
    def client(self) -> WeaviateClient:
        """The open client. Raises `WeaviateUnreachable` and `DependencyUnreachable` until there is one."""
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = self._open()
        return self._client

    def close(self) -> None:
        """The next use opens it again. A process that ends without this closes it at its end."""
        with self._lock:
            if self._at_end is not None:
                self._at_end()
            self._client = self._at_end = None

    def _open(self) -> WeaviateClient:
        client = self._make()
        try:
            with errors.asking(self.address):
                client.connect()
                opened = client._connection
                opened._grpc_stub = _Stub(opened._grpc_stub, self.address)  # type: ignore[assignment]
                self._check(client)
        except BaseException:
            client.close()
            raise
        self._at_end = weakref.finalize(self, client.close)
        return client

    def _check(self, client: WeaviateClient) -> None:
        version = str(client.get_meta().get("version", ""))
        numbers = tuple(int(n) for n in version.split("-")[0].split(".") if n.isdigit())
        if numbers < LEAST_VERSION:
            raise WrongUse(
                f"Weaviate at {self.address} is version {version or 'unknown'}: everycase needs "
                f"{'.'.join(map(str, LEAST_VERSION))} or newer, which has collection aliases"
            )
        if not client.is_ready():
            raise errors.WeaviateUnreachable(
                f"Weaviate at {self.address} is up and not ready yet: try again in a minute"
            )
        executor.result(client._connection._ping_grpc("sync"))


def connect(
    url: str,
    *,
    grpc_port: int = 50051,
    grpc_host: str = "",
    api_key: str | None = None,
    deadlines: Deadlines | None = None,
) -> WeaviateConnection:
    """A connection to the server at `http(s)://host[:port]`, not opened yet; TLS on both ports by the scheme.

    `grpc_host`: empty where it is the URL's. Raises `WrongUse` for an address that is none.
    """
    host, port, is_secure = _parts(url)
    params = ConnectionParams.from_params(
        http_host=host,
        http_port=port,
        http_secure=is_secure,
        grpc_host=grpc_host or host,
        grpc_port=grpc_port,
        grpc_secure=is_secure,
    )
    timeout = (deadlines or Deadlines()).as_timeout()
    config = AdditionalConfig(timeout=timeout, grpc_config=GrpcConfig(channel_options=_CHANNEL))
    address = f"{host}:{port}"

    def make() -> WeaviateClient:
        return WeaviateClient(
            connection_params=params,
            auth_client_secret=AuthApiKey(api_key) if api_key else None,
            additional_config=config,
            skip_init_checks=True,
        )

    return WeaviateConnection(address, make)


def _parts(url: str) -> tuple[str, int, bool]:
    try:
        found = urlsplit(url)
        host, port = found.hostname, found.port
    except ValueError:
        host = port = None
        found = urlsplit("")
    if found.scheme not in ("http", "https") or not host or found.username or found.path.strip("/"):
        raise WrongUse("EVERYCASE_WEAVIATE__URL is not the address of a server: http://host:8080")
    is_secure = found.scheme == "https"
    return host, port or (443 if is_secure else 8080), is_secure


class _Stub:
    """The server's gRPC methods. An error that the client would meet by sending again ends here."""

    def __init__(self, stub: Any, address: str) -> None:
        self._stub, self._address = stub, address

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._stub, name)

        def asked(*args: Any, **given: Any) -> Any:
            try:
                return call(*args, **given)
            except grpc.RpcError as e:
                if (failure := errors.of_rpc(e, self._address)) is not None:
                    raise failure from None
                raise

        return asked
