"""Writing objects into a collection, each of them confirmed (docs/facts.md 1, 2, 6, 8).

The server's answer is not taken at its word. Where it names an error at all, the others of the batch are
read back: a shard that takes no writes answers with one error for a hundred objects, and confirms the
other ninety-nine (measured, 1.39.0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias
from uuid import UUID

from weaviate.exceptions import WeaviateBatchError, WeaviateInsertManyAllFailedError

from everycase.domain.cases import IndexObject, Stamps
from everycase.domain.failures import ErrorType
from everycase.indexes.admission import failed, outcome, texts
from everycase.indexes.weaviate import schema as schema
from everycase.indexes.weaviate.errors import Reason, WeaviateUnreachable, reason
from everycase.ports import UpsertOutcome, UpsertStatus

Fence: TypeAlias = Callable[[Sequence[UUID]], AbstractContextManager[None]]
"""Nobody else, anywhere, is inside with one of these ids."""

MOST_OBJECTS = 100
MOST_BYTES = 16_000_000
"""Of one request: far below the server's 104,858,000, and done well within its deadline."""

_NOT_THERE = Reason(
    error_type=ErrorType.WEAVIATE_UNAVAILABLE, sentence="Weaviate confirmed the object and does not have it"
)


Clear: TypeAlias = Callable[[Any, Sequence[UUID]], None]
"""Delete these ids from a collection."""


def write(
    collection: Any, objects: Sequence[IndexObject], fence: Fence, *, clear: Clear | None = None
) -> dict[UUID, UpsertOutcome]:
    """Write objects, each id once, and say what became of each. Older content never replaces newer.

    Weaviate has no conditional write: the stored generation is read, and the object written, inside the
    fence. `clear` deletes what is written next, in the same fence. Raises `LoadFailure` where the server
    takes nothing for now; an error that every object meets is the server's, one that some meet is theirs.
    """
    outcomes: dict[UUID, UpsertOutcome] = {}
    for batch in batches(objects):
        ids = [o.stamps.object_id for o in batch]
        with fence(ids):
            held = _generations(collection, ids)
            fresh = [o for o in batch if held.get(o.stamps.object_id, 0) <= o.stamps.generation]
            outcomes |= {o.stamps.object_id: outcome(o, UpsertStatus.SUPERSEDED) for o in batch}
            if clear and fresh:
                clear(collection, [o.stamps.object_id for o in fresh])
            outcomes |= _insert(collection, fresh)
    return outcomes


def batches(objects: Sequence[IndexObject]) -> Iterator[list[IndexObject]]:
    """In their order, at most `MOST_OBJECTS` and about `MOST_BYTES` each; a bigger object goes alone."""
    batch: list[IndexObject] = []
    filled = 0
    for o in objects:
        size = 4 * o.vector.size + 2 * sum(len(t.encode()) for t in texts(o))
        if batch and (len(batch) == MOST_OBJECTS or filled + size > MOST_BYTES):
            yield batch
            batch, filled = [], 0
        batch.append(o)
        filled += size
    if batch:
        yield batch


def read_stamps(collection: Any, ids: Sequence[UUID]) -> dict[UUID, Stamps]:
    """The stamps of those of these that are there. At most as many ids as one answer may have."""
    answer = collection.query.fetch_objects_by_ids(ids, limit=len(ids), return_properties=list(schema.STAMPS))
    found = (schema.stamps_of(o.uuid, o.properties) for o in answer.objects)
    return {s.object_id: s for s in found}


def mark_unreached(collection: Any, ids: Sequence[UUID]) -> None:
    """Mark objects as out of the graph's reach, passing over ids that are not there. Nothing else changes."""
    there = collection.query.fetch_objects_by_ids(ids, limit=len(ids), return_properties=[]).objects
    for o in there:
        collection.data.update(o.uuid, properties={schema.UNREACHED: True})


def _generations(collection: Any, ids: Sequence[UUID]) -> Mapping[UUID, int]:
    answer = collection.query.fetch_objects_by_ids(ids, limit=len(ids), return_properties=[schema.GENERATION])
    return {
        UUID(int=o.uuid.int): int(n) for o in answer.objects if (n := o.properties.get(schema.GENERATION))
    }


def _insert(collection: Any, objects: Sequence[IndexObject]) -> dict[UUID, UpsertOutcome]:
    reasons = _send(collection, objects)
    if any(reasons):
        reasons = _hold_against_what_is_there(collection, objects, reasons)
        if all(r and r.is_passing for r in reasons):
            raise next(r for r in reasons if r).as_failure()
        if len(objects) > 1 and all(r and r.is_unknown for r in reasons):
            return _insert_apart(collection, objects)
    return {
        o.stamps.object_id: failed(o, why.error_type, why.sentence)
        if why
        else outcome(o, UpsertStatus.STORED)
        for o, why in zip(objects, reasons, strict=True)
    }


def _insert_apart(collection: Any, objects: Sequence[IndexObject]) -> dict[UUID, UpsertOutcome]:
    """One object may spoil a whole request: where the first or the last goes in alone, the batch is halved.

    Raises `WeaviateUnreachable` where neither does: then the server is at fault, not the objects.
    """
    ends = [_insert(collection, [o]) for o in (objects[0], objects[-1])]
    found = {**ends[0], **ends[1]}
    if all(o.status is UpsertStatus.FAILED for o in found.values()):
        raise WeaviateUnreachable("Weaviate takes nothing for now, for a reason that is in its log")
    rest, half = objects[1:-1], len(objects[1:-1]) // 2
    for part in (rest[:half], rest[half:]):
        found |= _insert(collection, part) if part else {}
    return found


def _send(collection: Any, objects: Sequence[IndexObject]) -> list[Reason | None]:
    """Why each object was refused, or None, in their order."""
    if not objects:
        return []
    try:
        answer = collection.data.insert_many([schema.to_weaviate(o) for o in objects])
    except (WeaviateInsertManyAllFailedError, WeaviateBatchError) as e:
        if len(said := _reasons(e)) == 1:
            return [said[0]] * len(objects)
        if len(objects) == 1:
            return [said[0]]
        half = len(objects) // 2  # all are refused for several reasons, and nobody says which for which
        return [*_send(collection, objects[:half]), *_send(collection, objects[half:])]
    refused = {i: reason(e.message) for i, e in answer.errors.items()}
    confirmed = {UUID(str(u)) for u in answer.uuids.values()}
    return [
        refused.get(i) or (None if o.stamps.object_id in confirmed else _NOT_THERE)
        for i, o in enumerate(objects)
    ]


def _reasons(error: WeaviateInsertManyAllFailedError | WeaviateBatchError) -> list[Reason]:
    """The reasons for which all were refused, each once."""
    if isinstance(error, WeaviateBatchError):
        return [reason(error.message)]
    return list(dict.fromkeys(map(reason, error.message.partition("errors: ")[2].split("\n"))))


def _hold_against_what_is_there(
    collection: Any, objects: Sequence[IndexObject], reasons: Sequence[Reason | None]
) -> list[Reason | None]:
    """The same, where a confirmed object that is not there as it was written is not confirmed.

    It most likely shares the fate of the others: the first passing reason among theirs is its own.
    """
    believed = [o.stamps.object_id for o, why in zip(objects, reasons, strict=True) if why is None]
    there = read_stamps(collection, believed) if believed else {}
    shared = next((r for r in reasons if r and r.is_passing), _NOT_THERE)
    return [
        why or (None if there.get(o.stamps.object_id) == o.stamps else shared)
        for o, why in zip(objects, reasons, strict=True)
    ]
