"""An unforeseen error fails one case, not its batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from everycase.domain.errors import EverycaseError, RowRefused
from everycase.domain.runs import BatchResult
from everycase.store import db

log = structlog.get_logger()


def one_by_one(
    work: Callable[[Sequence[str]], BatchResult],
    ids: Sequence[str],
    give_up: Callable[[Sequence[str], Exception], BatchResult],
) -> BatchResult:
    """Call `work` with all ids; if it raises, with each alone, and `give_up` the ids that it raises for.

    Raises only errors that concern no single case: that PostgreSQL or another dependency cannot be used.
    """
    try:
        return db.again(lambda: work(ids))
    except Exception as e:
        if isinstance(e, EverycaseError) and not isinstance(e, RowRefused):
            raise
        log.debug("batch_split", cases=len(ids), error=type(e).__name__, exc_info=True)
        if len(ids) == 1:
            return give_up(ids, e)
    result = BatchResult()
    for case_id in ids:
        result.add(one_by_one(work, [case_id], give_up))
    return result
