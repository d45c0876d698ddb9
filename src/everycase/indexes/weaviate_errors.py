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

from everycase.domain.errors import DependencyUnreachable
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


def lost(error: grpc.RpcError) -> LoadFailure | None:
    """A connection that broke or an answer that did not come in time; None for what is an answer."""
    code = error.code() if isinstance(error, grpc.Call) else None
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return LoadFailure(ErrorType.WEAVIATE_TIMEOUT, "Weaviate gave no answer in time")
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return LoadFailure(ErrorType.WEAVIATE_UNAVAILABLE, "the connection to Weaviate was lost")
    return None


@contextmanager
def translated(address: str) -> Iterator[None]:
    """What the client raises, as `LoadFailure`; a wrong key as `DependencyUnreachable`."""
    try:
        yield
    except (LoadFailure, DependencyUnreachable):
        raise
    except (WeaviateTimeoutError, httpx.TimeoutException, TimeoutError):
        raise LoadFailure(
            ErrorType.WEAVIATE_TIMEOUT, f"Weaviate at {address} gave no answer in time"
        ) from None
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
        raise lost(e) or _told(str(e)) from None
    except WeaviateBaseError as e:
        said = str(e)
        if "unauthenticated" in said.lower() or "anonymous access not enabled" in said.lower():
            raise _refused(address) from None
        raise _told(said) from None


def _told(said: str) -> LoadFailure:
    return LoadFailure(*meaning(said))


def _unreachable(address: str) -> LoadFailure:
    return LoadFailure(
        ErrorType.WEAVIATE_UNAVAILABLE,
        f"Weaviate at {address} cannot be reached: check EVERYCASE_WEAVIATE__URL and that the server is up",
    )


def _refused(address: str) -> DependencyUnreachable:
    return DependencyUnreachable(
        f"Weaviate at {address} refuses the key, or what it may do: check EVERYCASE_WEAVIATE__API_KEY"
    )
