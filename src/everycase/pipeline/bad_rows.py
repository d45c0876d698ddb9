"""The failures of extraction: rows and objects that could not be read, children without a parent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from everycase.domain.catalogue import SourceObject
from everycase.domain.failures import ErrorType, Failure, FailureStage
from everycase.domain.rows import BadRow
from everycase.store.merging import Double
from everycase.store.staging import Orphans

FEW = 20
"""Rows that are bad for one cause and are recorded one by one; more of them are one failure."""

_EXAMPLES = 5


def of_rows(bad: Sequence[BadRow], staged: AbstractSet[str]) -> Iterator[Failure]:
    """A failure for each row, or one for a cause that many rows share.

    `staged`: ids of those rows that are staged as they were read before.
    """
    causes: dict[str, list[BadRow]] = {}
    for row in bad:
        causes.setdefault(row.reason, []).append(row)
    for reason, rows in causes.items():
        if len(rows) > FEW:
            yield _of_cause(reason, rows, sum(r.record_id in staged for r in rows))
        else:
            yield from map(_of_row, rows)


def _of_row(bad: BadRow) -> Failure:
    return _failure(
        bad.object,
        bad.record_id or bad.place,
        ErrorType.MALFORMED_RECORD,
        f"{bad.place}: {bad.reason}",
        {"place": bad.place, "row_digest": bad.digest},
    )


def _of_cause(reason: str, rows: Sequence[BadRow], staged: int) -> Failure:
    """One sentence for all of them, with the first places. What the rows say stands in their digest alone.

    `staged`: how many of them are staged as they were read before.
    """
    name = rows[0].object
    digest = hashlib.sha256("".join(r.digest for r in rows).encode()).hexdigest()
    places = ", ".join(r.place for r in rows[:_EXAMPLES])
    return _failure(
        name,
        f"{name} {hashlib.sha256(reason.encode()).hexdigest()[:12]}",
        ErrorType.MALFORMED_RECORD,
        f"{len(rows):,} rows of {name} cannot be read, each for one reason, {reason}; the first are {places}",
        {
            "rows": len(rows),
            "staged": staged,
            "places": [r.place for r in rows[:_EXAMPLES]],
            "row_digest": digest,
        },
    )


def of_doubles(obj: SourceObject, place: str, doubles: Iterable[Double]) -> Iterator[Failure]:
    """A failure for each id that came with two contents."""
    for d in doubles:
        yield _failure(
            obj.name,
            d.record_id,
            ErrorType.MALFORMED_RECORD,
            f"{place} {d.first_line} and {d.last_line}: two different rows of one id; the newer was taken",
            {"lines": [d.first_line, d.last_line]},
        )


def of_object(name: str, problem: str, error_type: ErrorType = ErrorType.SOURCE_UNAVAILABLE) -> Failure:
    """An object could not be read, or not to its end."""
    return _failure(name, name, error_type, problem, {})


def _failure(
    name: str, record_id: str, error_type: ErrorType, message: str, payload: Mapping[str, object]
) -> Failure:
    return Failure(
        record_id=record_id,
        case_number=None,
        stage=FailureStage.EXTRACTION,
        error_type=error_type,
        message=message,
        source_object=name,
        payload=payload,
    )


def of_waiting(orphans: Orphans) -> Failure:
    """Children wait for a parent that is expected, as one failure of that parent (contract §11)."""
    children = ", ".join(f"{n} {name}" for name, n in sorted(orphans.waiting.items()))
    return Failure(
        record_id=orphans.parent_id,
        case_number=None,
        stage=FailureStage.JOIN,
        error_type=ErrorType.MISSING_CHILD_DATA,
        message=f"{children} waiting for {_parents(orphans)}",
        source_object=orphans.parent_object,
        payload={"waiting": dict(orphans.waiting)},
    )


def _parents(orphans: Orphans) -> str:
    if orphans.parents == 1:
        return f"a {orphans.parent_object} that is not staged; joined as soon as it comes"
    name = orphans.parent_object
    return f"{orphans.parents:,} more {name} rows that are not staged; joined as soon as they come"
