"""Stage 1: the source's rows into staging, object by object (contract §3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import SourceCutShort
from everycase.domain.failures import ErrorType, Failure, FailureStage
from everycase.domain.rows import BadRow
from everycase.domain.runs import ObjectResult
from everycase.domain.thresholds import is_mass_vanishing
from everycase.ports import Source
from everycase.store import failures, staging
from everycase.store.db import Connection

MOST_BAD_ROWS = 10_000
"""A file with more of them is not what it should be; reading it stops there."""

OnRows = Callable[[str, int], None]
_TELL_EVERY = 1000


@dataclass(slots=True)
class _Reading:
    """One object's rows on their way into COPY; what cannot be copied is put aside."""

    source: Source
    object: SourceObject
    on_rows: OnRows
    rows: int = 0
    bad: list[BadRow] = field(default_factory=list)
    cut_short: str = ""

    def records(self) -> Iterator[Record]:
        try:
            for row in self.source.read(self.object):
                if isinstance(row, BadRow):
                    self._put_aside(row)
                    continue
                self.rows += 1
                if self.rows % _TELL_EVERY == 0:
                    self.on_rows(self.object.name, self.rows)
                yield row
        except SourceCutShort as e:
            self.cut_short = str(e)
        self.on_rows(self.object.name, self.rows)

    def _put_aside(self, row: BadRow) -> None:
        self.bad.append(row)
        if len(self.bad) >= MOST_BAD_ROWS:
            raise SourceCutShort(
                f"{row.place}: {MOST_BAD_ROWS} rows of {row.object} cannot be read: is this the right file?"
            )

    @property
    def is_whole(self) -> bool:
        """Whether every row there is has been named, so that absence means deletion."""
        return self.source.is_complete and not self.cut_short and all(b.record_id for b in self.bad)

    @property
    def spared(self) -> list[str]:
        return [b.record_id for b in self.bad if b.record_id]


def extract(
    conn: Connection,
    source: Source,
    catalogue: Catalogue,
    *,
    allow_deletes: int,
    now: datetime,
    on_rows: OnRows,
) -> list[ObjectResult]:
    """Bring staging up to date with the source; every row that could not be read is a failure.

    An object whose version is the one that was read last is not read again. Case comes first.
    """
    results = [
        _extract_object(conn, source, obj, allow_deletes=allow_deletes, now=now, on_rows=on_rows)
        for obj in catalogue.objects
    ]
    if any(r.was_read for r in results):
        _note_waiting(conn, now)
    return results


def _extract_object(
    conn: Connection,
    source: Source,
    obj: SourceObject,
    *,
    allow_deletes: int,
    now: datetime,
    on_rows: OnRows,
) -> ObjectResult:
    state = source.state(obj)
    if not state.is_present:
        with conn.transaction():
            _note_unreadable(conn, obj, state.problem, now)
        return ObjectResult(object=obj.name, was_read=False, problem=state.problem)
    if state.version and staging.read_version(conn, obj, source.name) == state.version:
        failures.resolve_unreadable(conn, obj.name, now=now)
        return ObjectResult(object=obj.name, was_read=False, problem=state.problem)
    with conn.transaction():
        reading = _Reading(source, obj, on_rows)
        merge = staging.Merge(conn, obj)
        merge.copy(reading.records())
        doubles = merge.doubles()
        vanished, withheld = _find_vanished(merge, reading, allow_deletes)
        changed = merge.apply()
        staging.set_version(
            conn, obj, source.name, state.version if reading.is_whole and not withheld else ""
        )
        _note_bad_rows(conn, reading, doubles, state.place, now)
    return ObjectResult(
        object=obj.name,
        was_read=True,
        rows=reading.rows,
        changed=changed - vanished,
        vanished=vanished,
        malformed=len(reading.bad) + len(doubles),
        withheld=withheld,
        problem=reading.cut_short or _withheld_sentence(obj, reading, withheld) or state.problem,
    )


def _find_vanished(merge: staging.Merge, reading: _Reading, allow_deletes: int) -> tuple[int, int]:
    """How many rows are gone, and how many of them may not go without a person's word."""
    found = merge.find_vanished(reading.spared)
    withheld = is_mass_vanishing(
        read=found.read, live=found.live, vanished=found.vanished, allowed=allow_deletes
    )
    if not reading.is_whole or withheld:
        merge.forget_vanished()
        return 0, found.vanished if withheld and reading.is_whole else 0
    return found.vanished, 0


def _withheld_sentence(obj: SourceObject, reading: _Reading, withheld: int) -> str:
    if not withheld:
        return ""
    return (
        f"{withheld} {obj.name} rows are gone from the source ({reading.rows} are there): nothing was "
        f"deleted; if that is right, approve it once with --allow-deletes {withheld}"
    )


def _note_bad_rows(
    conn: Connection, reading: _Reading, doubles: list[staging.Double], place: str, now: datetime
) -> None:
    """Open a failure for each bad row and for a file that ends early; close those that are over."""
    name = reading.object.name
    found = [
        _extraction_failure(
            name,
            b.record_id or b.place,
            ErrorType.MALFORMED_RECORD,
            f"{b.place}: {b.reason}",
            {"place": b.place, "row_digest": b.digest},
        )
        for b in reading.bad
    ]
    found += [
        _extraction_failure(
            name,
            d.record_id,
            ErrorType.MALFORMED_RECORD,
            f"{place} {d.first_line} and {d.last_line}: two different rows of one id; the newer was taken",
            {"lines": [d.first_line, d.last_line]},
        )
        for d in doubles
    ]
    if reading.cut_short:
        found.append(_unreadable(name, reading.cut_short))
    failures.record(conn, found, now=now)
    if reading.is_whole or reading.cut_short == "":
        failures.resolve_object(conn, name, keep=[f.record_id for f in found], now=now)


def _note_unreadable(conn: Connection, obj: SourceObject, problem: str, now: datetime) -> None:
    failures.record(conn, [_unreadable(obj.name, problem)], now=now)


def _unreadable(name: str, problem: str) -> Failure:
    return _extraction_failure(name, name, ErrorType.SOURCE_UNAVAILABLE, problem, {})


def _extraction_failure(
    name: str, record_id: str, error_type: ErrorType, message: str, payload: dict[str, object]
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


def _note_waiting(conn: Connection, now: datetime) -> None:
    """Children whose parent is not staged wait as one failure for each missing parent (contract §11)."""
    orphans = staging.waiting_children(conn)
    found = [
        Failure(
            record_id=o.parent_id,
            case_number=None,
            stage=FailureStage.JOIN,
            error_type=ErrorType.MISSING_CHILD_DATA,
            message=f"{_list_of(o.waiting)} waiting for a {o.parent_object} that is not staged; "
            "joined as soon as it comes",
            source_object=o.parent_object,
            payload={"waiting": dict(o.waiting)},
        )
        for o in orphans
    ]
    with conn.transaction():
        failures.record(conn, found, now=now)
        failures.resolve_waiting(conn, keep=[f.record_id for f in found], now=now)


def _list_of(waiting: object) -> str:
    assert isinstance(waiting, dict)
    return ", ".join(f"{n} {name}" for name, n in sorted(waiting.items()))
