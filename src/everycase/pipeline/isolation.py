"""What nobody foresaw takes one case, not its batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
import structlog

from everycase.domain.errors import EverycaseError
from everycase.domain.runs import BatchResult

log = structlog.get_logger()


def one_by_one(
    work: Callable[[Sequence[str]], BatchResult],
    ids: Sequence[str],
    give_up: Callable[[Sequence[str], Exception], BatchResult],
) -> BatchResult:
    """`work` on all of them; where it raises, on each, until the one that it raises for stands alone.

    Raises only what is about no case: that PostgreSQL or another dependency cannot be used.
    """
    try:
        return work(ids)
    except (psycopg.OperationalError, EverycaseError):
        raise
    except Exception as e:
        log.debug("batch_split", cases=len(ids), error=type(e).__name__, exc_info=True)
        if len(ids) == 1:
            return give_up(ids, e)
    result = BatchResult()
    for case_id in ids:
        result.add(one_by_one(work, [case_id], give_up))
    return result
