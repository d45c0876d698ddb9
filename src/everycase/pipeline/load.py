"""Stage 5: objects into the index, and every one of them confirmed (contract §8, §11)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import stamina

from everycase.domain import fingerprint
from everycase.domain.cases import EmbeddedCase, IndexObject, JoinedCase, Stamps
from everycase.domain.catalogue import Catalogue
from everycase.domain.failures import POLICIES, ErrorType, LoadFailure
from everycase.ports import UpsertOutcome, UpsertStatus, VectorIndex

ATTEMPTS = 4
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 8.0
"""2, 4 and 8 s between the attempts (contract §11); then the next run."""


def index_object(
    embedded: EmbeddedCase, joined: JoinedCase, catalogue: Catalogue, *, recipe: str, now: datetime
) -> IndexObject:
    """A case as the index is to hold it, with the stamps that say what it was made of."""
    case = embedded.case
    properties = case.properties(catalogue)
    return IndexObject(
        stamps=Stamps(
            object_id=fingerprint.object_id(case.case_number),
            case_id=case.record_id,
            case_number=case.case_number,
            checksum=fingerprint.checksum(joined.case),
            children_checksum=fingerprint.of_children(joined),
            text_hash=embedded.text_hash,
            space=embedded.space,
            recipe=recipe,
            vector_hash=fingerprint.vector_hash(embedded.vector),
            object_hash=fingerprint.object_hash(properties, embedded.composite.text),
            generation=case.generation,
            loaded_at=now,
        ),
        properties=properties,
        composite=embedded.composite.text,
        vector=embedded.vector,
    )


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
