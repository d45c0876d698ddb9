"""What every index does before it writes: refuse harmful objects, and keep the newest of each id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import numpy as np

from everycase.domain.cases import IndexObject
from everycase.domain.errors import WrongUse
from everycase.domain.failures import ErrorType
from everycase.ports import MARK, UpsertOutcome, UpsertStatus


def admit(
    objects: Sequence[IndexObject],
    write: Callable[[Sequence[IndexObject]], Mapping[UUID, UpsertOutcome]],
    *,
    refuse: Callable[[IndexObject], UpsertOutcome | None] = lambda _: None,
) -> list[UpsertOutcome]:
    """An outcome for each object, in their order; `write` gets each id once, in the order of the ids.

    `refuse`: what this index refuses beside what every index does. Of two objects of one id the newest is
    written, and the later one of the same generation; the other is superseded.
    """
    bad = {i: why for i, o in enumerate(objects) if (why := refusal(o) or refuse(o))}
    newest: dict[UUID, int] = {}
    for i, o in enumerate(objects):
        if i in bad:
            continue
        first = newest.get(o.stamps.object_id)
        if first is None or objects[first].stamps.generation <= o.stamps.generation:
            newest[o.stamps.object_id] = i
    in_order = sorted(newest.values(), key=lambda i: objects[i].stamps.object_id)  # so writers never cross
    written = write([objects[i] for i in in_order])
    outcomes = []
    for i, o in enumerate(objects):
        if i in bad:
            outcomes.append(bad[i])
        elif newest[o.stamps.object_id] == i:
            outcomes.append(written[o.stamps.object_id])
        else:
            outcomes.append(outcome(o, UpsertStatus.SUPERSEDED))
    return outcomes


def refusal(o: IndexObject) -> UpsertOutcome | None:
    """What must not even be tried: vectors that would poison a space, text that no server can hold."""
    width = o.stamps.space.rpartition("@")[2]
    if not width.isdigit() or o.vector.shape != (int(width),):
        return failed(o, ErrorType.INVALID_EMBEDDING, f"the vector is not one of {o.stamps.space}")
    if not np.isfinite(o.vector).all() or not o.vector.any():
        return failed(o, ErrorType.INVALID_EMBEDDING, "the vector is zero or not finite")
    if not all(map(_can_be_held, texts(o))):
        return failed(o, ErrorType.WEAVIATE_REJECTED, "a text of the object has a NUL byte or is not Unicode")
    return None


def texts(o: IndexObject) -> list[str]:
    """All texts of the object."""
    return [o.composite, *(t for p in o.properties.values() for t in ([p] if isinstance(p, str) else p))]


def _can_be_held(text: str) -> bool:
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_widths(spaces: Mapping[str, int], *, most: int, index: str) -> None:
    """Raises `WrongUse` for a space whose vectors this index could not search."""
    for space, width in spaces.items():
        if width > most:
            raise WrongUse(
                f"{space} has {width:,} dimensions, and the {index} index takes {most:,} at most: set fewer "
                "dimensions for that provider, or EVERYCASE_INDEX to another index"
            )


def marked(token: str) -> str:
    """The mark of an index's place, with a token."""
    return f"{MARK}; life {token}" if token else MARK


def is_marked(description: str | None) -> bool:
    return bool(description) and str(description).startswith(MARK)


def token_of(description: str | None) -> str:
    """The token in a mark; empty where there is none."""
    return str(description).partition("; life ")[2] if is_marked(description) else ""


def outcome(
    o: IndexObject, status: UpsertStatus, error_type: ErrorType | None = None, message: str = ""
) -> UpsertOutcome:
    return UpsertOutcome(object_id=o.stamps.object_id, status=status, error_type=error_type, message=message)


def failed(o: IndexObject, error_type: ErrorType, message: str) -> UpsertOutcome:
    return outcome(o, UpsertStatus.FAILED, error_type, message)
