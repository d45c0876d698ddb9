"""A stand-in on the client's own gRPC service, in front of a real server: what that will not do on demand.

Every call is passed on as it came, unless a fault is ordered for the next calls of its method. REST is not
in the way: the adapter asks the real server there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeAlias
from uuid import UUID

import grpc
from weaviate.proto.v1 import aggregate_pb2, batch_pb2, search_get_pb2

Forward: TypeAlias = Callable[[bytes], bytes]
Fault: TypeAlias = Callable[[bytes, Forward, grpc.ServicerContext], bytes]
"""Answers a request instead of the server, which `forward` may yet be asked with."""


class FaultyWeaviate:
    """Passes calls on, and counts them by method in `calls`."""

    def __init__(self, grpc_port: int) -> None:
        self.calls: list[str] = []
        self._faults: dict[str, deque[Fault]] = {}
        self._rules: dict[str, Fault] = {}
        self._lock = threading.Lock()
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}", options=options)
        self._server = grpc.server(ThreadPoolExecutor(8), options=options)
        self._server.add_generic_rpc_handlers((_Everything(self),))
        self.grpc_port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def order(self, method: str, *faults: Fault) -> None:
        """What becomes of the next calls of `BatchObjects`, `Search`, `Aggregate` or `BatchDelete`."""
        with self._lock:
            self._faults.setdefault(method, deque()).extend(faults)

    def rule(self, method: str, fault: Fault) -> None:
        """What becomes of every call of a method that no other fault is ordered for."""
        self._rules[method] = fault

    def count(self, method: str) -> int:
        return self.calls.count(method)

    def stop(self) -> None:
        self._server.stop(0)
        self._channel.close()

    def answer(self, path: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        method = path.rpartition("/")[2]
        with self._lock:
            self.calls.append(method)
            waiting = self._faults.get(method)
            fault = waiting.popleft() if waiting else self._rules.get(method)
        metadata = context.invocation_metadata()

        def forward(asked: bytes) -> bytes:
            call = self._channel.unary_unary(path)
            try:
                found: bytes = call(asked, metadata=metadata, timeout=60)
            except grpc.RpcError as e:
                context.abort(e.code(), e.details())
                raise
            return found

        return fault(request, forward, context) if fault else forward(request)


class _Everything(grpc.GenericRpcHandler):
    def __init__(self, proxy: FaultyWeaviate) -> None:
        self._proxy = proxy

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._proxy.answer(details.method, request, context)
        )


@contextmanager
def in_front_of(grpc_port: int) -> Iterator[FaultyWeaviate]:
    proxy = FaultyWeaviate(grpc_port)
    try:
        yield proxy
    finally:
        proxy.stop()


# ── faults ───────────────────────────────────────────────────────────────────────────────────────


def cut(request: bytes, _forward: Forward, context: grpc.ServicerContext) -> bytes:
    """The connection breaks before the server has seen anything."""
    context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")
    raise AssertionError("abort raises")


def late(request: bytes, forward: Forward, context: grpc.ServicerContext) -> bytes:
    """The server does as it is asked, and the answer does not come in time."""
    forward(request)
    context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    raise AssertionError("abort raises")


def half(request: bytes, forward: Forward, context: grpc.ServicerContext) -> bytes:
    """The first half of a batch is written; then the stream is cut."""
    asked = batch_pb2.BatchObjectsRequest.FromString(request)
    del asked.objects[len(asked.objects) // 2 :]
    forward(asked.SerializeToString())
    return cut(request, forward, context)


def ghosts(request: bytes, _forward: Forward, _context: grpc.ServicerContext) -> bytes:
    """All of a batch is confirmed, and nothing is written."""
    return batch_pb2.BatchObjectsReply().SerializeToString()


def refusing(said: str, *places: int) -> Fault:
    """The objects at these places (all, where none is named) are refused so, the others written."""

    def fault(request: bytes, forward: Forward, _context: grpc.ServicerContext) -> bytes:
        asked = batch_pb2.BatchObjectsRequest.FromString(request)
        refused = places or range(len(asked.objects))
        kept = [o for i, o in enumerate(asked.objects) if i not in refused]
        if kept:
            passed = batch_pb2.BatchObjectsRequest(consistency_level=asked.consistency_level, objects=kept)
            forward(passed.SerializeToString())
        errors = [batch_pb2.BatchObjectsReply.BatchError(index=i, error=said) for i in refused]
        return batch_pb2.BatchObjectsReply(errors=errors).SerializeToString()

    return fault


def forgetting(n: int) -> Fault:
    """A stale replica: a listing lacks its first `n` objects."""

    def fault(request: bytes, forward: Forward, _context: grpc.ServicerContext) -> bytes:
        found = search_get_pb2.SearchReply.FromString(forward(request))
        del found.results[:n]
        return found.SerializeToString()

    return fault


def counting(more: int) -> Fault:
    """A count that is not that of the listing."""

    def fault(request: bytes, forward: Forward, _context: grpc.ServicerContext) -> bytes:
        found = aggregate_pb2.AggregateReply.FromString(forward(request))
        found.single_result.objects_count += more
        return found.SerializeToString()

    return fault


class DamagedGraph:
    """A vector index that a crash has left without some objects: there by id, and no vector finds them.

    What is inserted anew is found again, but for `stubborn` ones, which no link leads to. `dominoes`: which
    object an insertion puts out of reach. A search with a filter that few objects match needs no graph.
    """

    def __init__(
        self,
        proxy: FaultyWeaviate,
        hidden: set[UUID],
        dominoes: dict[UUID, UUID],
        *,
        stubborn: frozenset[UUID] = frozenset(),
    ) -> None:
        self.hidden, self._dominoes, self._stubborn = hidden | stubborn, dominoes, stubborn
        proxy.rule("Search", self._search)
        proxy.rule("BatchObjects", self._insert)

    def _search(self, request: bytes, forward: Forward, _context: grpc.ServicerContext) -> bytes:
        found = search_get_pb2.SearchReply.FromString(forward(request))
        asked = search_get_pb2.SearchRequest.FromString(request)
        if asked.HasField("near_vector") and not asked.HasField("filters"):
            seen = [r for r in found.results if UUID(bytes=r.metadata.id_as_bytes) not in self.hidden]
            del found.results[:]
            found.results.extend(seen)
        return found.SerializeToString()

    def _insert(self, request: bytes, forward: Forward, _context: grpc.ServicerContext) -> bytes:
        for o in batch_pb2.BatchObjectsRequest.FromString(request).objects:
            self.hidden -= {UUID(o.uuid)} - self._stubborn
            if fallen := self._dominoes.get(UUID(o.uuid)):
                self.hidden.add(fallen)
        return forward(request)
