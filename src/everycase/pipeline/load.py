"""Stage 5: objects into the index, and every one of them confirmed (contract §8, §11)."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
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

    `repairs`: objects that are replaced, whatever the index has of them. So are all of them after a time-out
    or a lost connection to an index that may have written half (docs/facts.md 2, 3).
    """
    if not objects:
        return []
    doubtful = set(repairs)
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
                try:
                    return _write(index, objects, doubtful)
                except LoadFailure as e:
                    if is_doubtful(index, e.error_type):
                        doubtful |= {o.stamps.object_id for o in objects}
                    raise
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


def is_doubtful(index: VectorIndex, error_type: ErrorType) -> bool:
    """Whether an object may have been written in part when the index reports this error."""
    return not index.writes_whole and error_type in (
        ErrorType.WEAVIATE_TIMEOUT,
        ErrorType.WEAVIATE_UNAVAILABLE,
    )


def _write(
    index: VectorIndex, objects: Sequence[IndexObject], doubtful: AbstractSet[UUID]
) -> list[UpsertOutcome]:
    anew = [o for o in objects if o.stamps.object_id in doubtful]
    fresh = [o for o in objects if o.stamps.object_id not in doubtful]
    written = index.replace(anew) if anew else []
    written += index.upsert(fresh) if fresh else []
    outcomes = dict(zip([o.stamps.case_id for o in (*anew, *fresh)], written, strict=True))
    return [outcomes[o.stamps.case_id] for o in objects]


def _is_passing(error: Exception) -> bool:
    return isinstance(error, LoadFailure) and POLICIES[error.error_type].is_outage
