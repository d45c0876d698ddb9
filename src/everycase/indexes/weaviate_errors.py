"""Weaviate's errors in our words. What the server says is never repeated: it may quote the object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import httpx
from weaviate.exceptions import (
    AuthenticationFailedError,
    InsufficientPermissionsError,
    UnexpectedStatusCodeError,
    WeaviateBaseError,
    WeaviateConnectionError,
    WeaviateStartUpError,
    WeaviateTimeoutError,
)

from everycase.domain.errors import DependencyUnreachable, EverycaseError
from everycase.domain.failures import ErrorType, LoadFailure

_SIGNS: tuple[tuple[tuple[str, ...], ErrorType, str], ...] = (
    (
        ("read-only", "read only", "readonly"),
        ErrorType.WEAVIATE_READ_ONLY,
        "Weaviate takes no writes: a shard is read-only, mostly because its disk is nearly full",
    ),
    (
        ("no space left", "disk usage"),
        ErrorType.WEAVIATE_READ_ONLY,
        "Weaviate takes no writes: its disk is full",
    ),
    (
        ("not enough memory", "memory pressure", "out of memory"),
        ErrorType.WEAVIATE_UNAVAILABLE,
        "Weaviate has not enough memory for this write",
    ),
    (
        ("deadline", "timeout", "timed out", "context canceled"),
        ErrorType.WEAVIATE_TIMEOUT,
        "Weaviate gave no answer in time",
    ),
    (
        ("unavailable", "connection refused", "connection reset", "failed to connect", "shutting down",
         "eof", "no route", "leader not found", "cannot achieve consistency level", "not ready"),
        ErrorType.WEAVIATE_UNAVAILABLE,
        "Weaviate cannot be reached",
    ),
    (
        ("vector dimensions", "vector lengths", "vector with length"),
        ErrorType.INVALID_EMBEDDING,
        "Weaviate refuses the vector: its space holds vectors of another length",
    ),
    (
        ("does not have configuration for vector", "does not have named vector"),
        ErrorType.WEAVIATE_REJECTED,
        "Weaviate refuses the object: the collection has no such space",
    ),
    (
        ("not present in schema", "could not find class"),
        ErrorType.WEAVIATE_UNAVAILABLE,
        "the collection is not in Weaviate: `everycase sync` or `reconcile` makes it",
    ),
    (
        ("no such prop", "unknown property"),
        ErrorType.WEAVIATE_REJECTED,
        "Weaviate refuses the object: the collection lacks a property; build it anew with "
        "`everycase index build`",
    ),
    (
        ("larger than max", "message too large", "resource_exhausted", "resource exhausted"),
        ErrorType.WEAVIATE_REJECTED,
        "Weaviate refuses the object: it is too large for one message",
    ),
)  # fmt: skip
"""What the server's words hold, and what that means; the first that fits."""


def meaning(message: str) -> tuple[ErrorType, str]:
    """The type and our sentence for what the server says of an object or a request."""
    said = message.lower()
    for signs, error_type, sentence in _SIGNS:
        if any(sign in said for sign in signs):
            return error_type, sentence
    return (
        ErrorType.WEAVIATE_REJECTED,
        "Weaviate refuses it, in words that are not repeated here, for they may quote it",
    )


class CollectionGone(LoadFailure):
    """The collection is not there, or is not any more."""


def lost(error: grpc.RpcError, address: str) -> EverycaseError | None:
    """A call that came to no answer: refused, broken or late; None for what is an answer of the server."""
    code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNAVAILABLE
    match code:
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return _late(address)
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED | grpc.StatusCode.ABORTED:
            return LoadFailure(
                ErrorType.WEAVIATE_UNAVAILABLE, f"the connection to Weaviate at {address} was lost"
            )
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            return _refused(address)
        case grpc.StatusCode.UNIMPLEMENTED:
            return LoadFailure(
                ErrorType.WEAVIATE_UNAVAILABLE,
                f"what answers as gRPC of Weaviate at {address} is none: check EVERYCASE_WEAVIATE__GRPC_PORT",
            )
    return None


@contextmanager
def translated(address: str) -> Iterator[None]:
    """What the client raises, as `LoadFailure`; a wrong key as `DependencyUnreachable`."""
    try:
        yield
    except (LoadFailure, DependencyUnreachable):
        raise
    except (WeaviateTimeoutError, httpx.TimeoutException, TimeoutError):
        raise _late(address) from None
    except (WeaviateConnectionError, WeaviateStartUpError, httpx.HTTPError, OSError):
        raise _unreachable(address) from None
    except (AuthenticationFailedError, InsufficientPermissionsError):
        raise _refused(address) from None
    except UnexpectedStatusCodeError as e:
        if e.status_code in (401, 403):
            raise _refused(address) from None
        if e.status_code >= 500:
            raise _unreachable(address) from None
        raise _told(str(e)) from None
    except grpc.RpcError as e:
        raise lost(e, address) or _told(str(e)) from None
    except WeaviateBaseError as e:
        raise _told(str(e)) from None


def _told(said: str) -> LoadFailure:
    error_type, sentence = meaning(said)
    is_gone = any(sign in said.lower() for sign in ("not present in schema", "could not find class"))
    return CollectionGone(error_type, sentence) if is_gone else LoadFailure(error_type, sentence)


def _late(address: str) -> LoadFailure:
    return LoadFailure(ErrorType.WEAVIATE_TIMEOUT, f"Weaviate at {address} gave no answer in time")


def _unreachable(address: str) -> LoadFailure:
    return LoadFailure(
        ErrorType.WEAVIATE_UNAVAILABLE,
        f"Weaviate at {address} cannot be reached: check EVERYCASE_WEAVIATE__URL and that the server is up",
    )


def _refused(address: str) -> DependencyUnreachable:
    return DependencyUnreachable(
        f"Weaviate at {address} refuses the key, or what it may do: check EVERYCASE_WEAVIATE__API_KEY"
    )
