"""Stage 5: objects into the index, and every one of them confirmed (contract §8, §11)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import stamina

from everycase.domain.cases import IndexObject
from everycase.domain.failures import POLICIES, ErrorType, LoadFailure
from everycase.ports import UpsertOutcome, UpsertStatus, VectorIndex

ATTEMPTS = 4
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 8.0
"""2, 4 and 8 s between the attempts (contract §11); then the next run."""


def load(
    index: VectorIndex, objects: Sequence[IndexObject], *, repairs: Sequence[UUID] = ()
) -> list[UpsertOutcome]:
    """An outcome for each object, in order; never raises for what the index answers.

    After a time-out or a lost connection nobody knows what was stored and searchable: what was under
    way is deleted before it is written again, and so are the `repairs` at once (facts/weaviate.md 2, 3).
    """
    if not objects:
        return []
    try:
        for attempt in stamina.retry_context(
            on=_is_passing,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=FIRST_WAIT_S,
            wait_max=LONGEST_WAIT_S,
            wait_jitter=FIRST_WAIT_S / 4,
        ):
            with attempt:
                doubtful = repairs if attempt.num == 1 else [o.stamps.object_id for o in objects]
                if doubtful:
                    index.delete(doubtful)
                return index.upsert(objects)
    except LoadFailure as e:
        return [
            UpsertOutcome(
                object_id=o.stamps.object_id,
                status=UpsertStatus.FAILED,
                error_type=e.error_type,
                message=str(e),
            )
            for o in objects
        ]
    raise AssertionError("unreachable: the last attempt returns or raises")


def _is_passing(error: Exception) -> bool:
    return isinstance(error, LoadFailure) and (
        error.error_type is ErrorType.WEAVIATE_TIMEOUT or POLICIES[error.error_type].is_outage
    )
