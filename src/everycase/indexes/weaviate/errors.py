"""What Weaviate and its client say when something goes wrong, in our words and types (contract §11).

The server's own messages quote field values, so none of them is passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
import httpx
from weaviate.exceptions import (
    InsufficientPermissionsError,
    ResponseCannotBeDecodedError,
    UnexpectedStatusCodeError,
    WeaviateBaseError,
    WeaviateClosedClientError,
    WeaviateConnectionError,
    WeaviateGRPCUnavailableError,
    WeaviateStartUpError,
    WeaviateTimeoutError,
)

from everycase.domain.errors import DependencyUnreachable, EverycaseError, ExitCode
from everycase.domain.failures import POLICIES, ErrorType, LoadFailure


class WeaviateUnreachable(LoadFailure):
    """Weaviate does not answer."""

    exit_code = ExitCode.UNREACHABLE

    def __init__(self, message: str) -> None:
        super().__init__(ErrorType.WEAVIATE_UNAVAILABLE, message)


class CollectionGone(WeaviateUnreachable):
    """The collection is not there, or is not any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why the server did not do what it was asked."""

    error_type: ErrorType
    sentence: str

    @property
    def is_passing(self) -> bool:
        """Whether the fault is the server's state rather than the object's."""
        return self.error_type is ErrorType.WEAVIATE_TIMEOUT or POLICIES[self.error_type].is_outage

    @property
    def is_unknown(self) -> bool:
        """The server said something that nobody has seen before."""
        return self.sentence == _UNKNOWN

    def as_failure(self) -> LoadFailure:
        if self.sentence == _GONE:
            return CollectionGone(self.sentence)
        if self.error_type is ErrorType.WEAVIATE_UNAVAILABLE:
            return WeaviateUnreachable(self.sentence)
        return LoadFailure(self.error_type, self.sentence)


_DOWN, _LATE = ErrorType.WEAVIATE_UNAVAILABLE, ErrorType.WEAVIATE_TIMEOUT
_READ_ONLY, _REFUSED = ErrorType.WEAVIATE_READ_ONLY, ErrorType.WEAVIATE_REJECTED

_UNKNOWN = "Weaviate refuses it: its log says why"
_GONE = "the collection is not in Weaviate: everycase sync creates it"

_SIGNS: tuple[tuple[str, ErrorType, str], ...] = (
    ("read-only", _READ_ONLY, "Weaviate takes no writes: it is read-only, or its disk is full"),
    ("read only", _READ_ONLY, "Weaviate takes no writes: it is read-only, or its disk is full"),
    ("no space left", _READ_ONLY, "Weaviate takes no writes: its disk is full"),
    ("disk usage", _READ_ONLY, "Weaviate takes no writes: its disk is full"),
    ("memory", _DOWN, "Weaviate takes no writes: it is short of memory"),
    ("deadline exceeded", _LATE, "Weaviate did not answer in time"),
    ("timed out", _LATE, "Weaviate did not answer in time"),
    ("not present in schema", _DOWN, _GONE),
    ("could not find class", _DOWN, _GONE),
    ("no such prop", _REFUSED, "a property of the object is not in the collection"),
    (
        "does not have configuration for vector",
        _REFUSED,
        "the collection has no vector for the object's space",
    ),
    ("does not have named vector", _REFUSED, "the collection has no vector for the object's space"),
    ("larger than max", _REFUSED, "the object is larger than Weaviate takes"),
    ("vector lengths", ErrorType.INVALID_EMBEDDING, "the vector has another width than its space"),
    ("dimension", ErrorType.INVALID_EMBEDDING, "the vector has another width than its space"),
    ("property '", _REFUSED, "a property of the object has a type that the collection does not take"),
    ("consistency level", _DOWN, "too few of Weaviate's replicas answer"),
    ("replica", _DOWN, "too few of Weaviate's replicas answer"),
    ("leader", _DOWN, "Weaviate's cluster has no leader"),
    ("shutdown", _DOWN, "Weaviate is shutting down"),
    ("shutting down", _DOWN, "Weaviate is shutting down"),
    ("unavailable", _DOWN, "Weaviate does not answer"),
    ("not loaded", _DOWN, "Weaviate is still starting"),
    ("initializ", _DOWN, "Weaviate is still starting"),
    ("closed", _DOWN, "Weaviate is shutting down"),
    ("connection re", _DOWN, "a node of Weaviate does not answer"),
    ("broken pipe", _DOWN, "a node of Weaviate does not answer"),
)

_RPC = {
    grpc.StatusCode.UNAVAILABLE: _DOWN,
    grpc.StatusCode.CANCELLED: _DOWN,
    grpc.StatusCode.ABORTED: _DOWN,
    grpc.StatusCode.INTERNAL: _DOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED: _LATE,
}

_KEY_REFUSED = (401, 403)


def reason(message: str) -> Reason:
    """The reason that a server's message gives, by the signs of those that are known."""
    said = message.lower()
    for sign, error_type, sentence in _SIGNS:
        if sign in said:
            return Reason(error_type=error_type, sentence=sentence)
    return Reason(error_type=_REFUSED, sentence=_UNKNOWN)


def of_rpc(error: grpc.RpcError, address: str) -> EverycaseError | None:
    """A call that the server did not answer as a server should; None where it did, with an error."""
    code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNAVAILABLE
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return key_refused(address)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return WeaviateUnreachable(
            f"what answers as gRPC of Weaviate at {address} is none: check EVERYCASE_WEAVIATE__GRPC_PORT"
        )
    if code not in _RPC:
        return None
    return late(address) if _RPC[code] is _LATE else lost(address)


@contextmanager
def asking(address: str) -> Iterator[None]:
    """Raise what the client raises as `LoadFailure` or `DependencyUnreachable`, in one sentence."""
    try:
        yield
    except (InsufficientPermissionsError, UnexpectedStatusCodeError) as e:
        raise _of_status(e, address) from None
    except (WeaviateTimeoutError, httpx.TimeoutException):
        raise late(address) from None
    except (WeaviateConnectionError, WeaviateStartUpError, WeaviateClosedClientError, httpx.TransportError):
        raise lost(address) from None
    except WeaviateGRPCUnavailableError:
        raise WeaviateUnreachable(
            f"Weaviate at {address} answers, but not on its gRPC port: check EVERYCASE_WEAVIATE__GRPC_PORT"
        ) from None
    except ResponseCannotBeDecodedError:
        raise _stranger(address) from None
    except WeaviateBaseError as e:
        raise reason(e.message).as_failure() from None


def _of_status(error: UnexpectedStatusCodeError, address: str) -> EverycaseError:
    if error.status_code in _KEY_REFUSED:
        return key_refused(address)
    if error.status_code == 404:
        return _stranger(address)
    if error.status_code >= 500:
        return lost(address)
    return reason(error.message).as_failure()


def _stranger(address: str) -> EverycaseError:
    return WeaviateUnreachable(
        f"what answers at {address} is no Weaviate, or lacks the collection: check EVERYCASE_WEAVIATE__URL"
    )


def key_refused(address: str) -> DependencyUnreachable:
    return DependencyUnreachable(
        f"Weaviate at {address} refuses the key, or what it may do: check EVERYCASE_WEAVIATE__API_KEY"
    )


def lost(address: str) -> LoadFailure:
    return WeaviateUnreachable(
        f"Weaviate at {address} does not answer: check EVERYCASE_WEAVIATE__URL and that the server is up"
    )


def late(address: str) -> LoadFailure:
    return LoadFailure(_LATE, f"Weaviate at {address} did not answer in time")
