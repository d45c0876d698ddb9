"""What no index is given: vectors that would poison a space, text that no server can hold."""

from __future__ import annotations

import numpy as np

from everycase.domain.cases import IndexObject
from everycase.domain.failures import ErrorType
from everycase.ports import UpsertOutcome, UpsertStatus


def refusal(o: IndexObject) -> UpsertOutcome | None:
    """Why an object must not even be tried; None where it may."""
    width = o.stamps.space.rpartition("@")[2]
    if not width.isdigit() or o.vector.shape != (int(width),):
        return _refused(o, ErrorType.INVALID_EMBEDDING, f"the vector is not one of {o.stamps.space}")
    if not np.isfinite(o.vector).all() or not o.vector.any():
        return _refused(o, ErrorType.INVALID_EMBEDDING, "the vector is zero or not finite")
    texts = [o.composite, *(t for p in o.properties.values() for t in ([p] if isinstance(p, str) else p))]
    if any("\x00" in t for t in texts):
        return _refused(o, ErrorType.WEAVIATE_REJECTED, "a text of the object has a NUL byte")
    if not all(_is_encodable(t) for t in texts):
        return _refused(o, ErrorType.WEAVIATE_REJECTED, "a text of the object has half a character")
    return None


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refused(o: IndexObject, error_type: ErrorType, message: str) -> UpsertOutcome:
    return UpsertOutcome(
        object_id=o.stamps.object_id, status=UpsertStatus.FAILED, error_type=error_type, message=message
    )
