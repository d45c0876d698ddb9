"""The error inbox: one open row for each case and stage that could not pass (contract §9, §11)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from everycase.domain.failures import POLICIES, Disposition, ErrorType, Failure, FailureStage, verdict
from everycase.store.db import Connection, scalar
from everycase.store.queries import queries

SQL = queries("failures")


def record(conn: Connection, failures: Sequence[Failure], *, now: datetime) -> None:
    """Open failures, or raise the retry count of those that are open. Idempotent for what has not changed.

    A failure that asks for a person and says just what it said before is left as it is.
    """
    ids = [f.record_id for f in failures]
    rows = conn.execute(SQL["open_counts"], {"ids": ids}).fetchall()
    seen = {(r[0], r[1]): _Seen(*r[2:]) for r in rows}
    news = {(f.record_id, f.stage): f for f in failures if not _is_known(f, seen.get((f.record_id, f.stage)))}
    if not news:
        return
    verdicts = [
        verdict(
            f.error_type,
            retry_count=_tries(f, seen.get(key)),
            now=now,
            jitter=random.random(),
        )
        for key, f in news.items()
    ]
    conn.execute(
        SQL["record"],
        {
            "now": now,
            "record_ids": [f.record_id for f in news.values()],
            "case_numbers": [f.case_number for f in news.values()],
            "objects": [f.source_object for f in news.values()],
            "stages": [f.stage for f in news.values()],
            "types": [f.error_type for f in news.values()],
            "messages": [f.message for f in news.values()],
            "payloads": [Jsonb(dict(f.payload)) for f in news.values()],
            "retry_counts": [v.retry_count for v in verdicts],
            "next_times": [v.next_retry_time for v in verdicts],
            "dispositions": [v.disposition for v in verdicts],
            "contents": [f.content for f in news.values()],
        },
    )


def supersede_others(conn: Connection, failures: Sequence[Failure], *, now: datetime) -> None:
    """Close the failures of these cases at other stages: one reason at a time keeps a case."""
    ids, stages = [f.record_id for f in failures], [f.stage for f in failures]
    conn.execute(SQL["supersede"], {"record_ids": ids, "stages": stages, "now": now})


class _Seen(NamedTuple):
    """What is open for a case and stage."""

    retry_count: int
    error_type: str
    payload: Mapping[str, object]
    disposition: str
    content: str | None


def _tries(failure: Failure, seen: _Seen | None) -> int:
    """How often this has been tried before: with other content, never (contract §11)."""
    if seen is None or (failure.content and seen.content and failure.content != seen.content):
        return 0
    return seen.retry_count


def _is_known(failure: Failure, seen: _Seen | None) -> bool:
    unattended = (
        ErrorType.MALFORMED_RECORD,
        ErrorType.MISSING_CHILD_DATA,
        ErrorType.MISSING_RESOLUTION_FIELD,
    )
    return (
        seen is not None
        and failure.error_type in unattended
        and seen.error_type == failure.error_type
        and seen.payload == dict(failure.payload)
        and seen.disposition in (POLICIES[failure.error_type].disposition, Disposition.SKIP)
    )


def resolve(
    conn: Connection,
    ids: Sequence[str],
    *,
    method: str,
    now: datetime,
    keep: Iterable[ErrorType] = (),
) -> list[str]:
    """Close the open failures of these cases, but for the types to `keep`; whose were closed."""
    given = {"ids": list(ids), "method": method, "now": now, "keep": list(keep)}
    return [r[0] for r in conn.execute(SQL["resolve"], given)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """A case that was loaded, and why it succeeded: new content, a fallback space, or neither."""

    record_id: str
    is_changed: bool
    is_fallback: bool


def resolve_loaded(
    conn: Connection, healed: Sequence[Healed], *, now: datetime, keep: Iterable[ErrorType] = ()
) -> None:
    """Close the open failures of loaded cases, each with the method that healed it."""
    given = {
        "now": now,
        "keep": list(keep),
        "ids": [h.record_id for h in healed],
        "changed": [h.is_changed for h in healed],
        "fallback": [h.is_fallback for h in healed],
    }
    conn.execute(SQL["resolve_loaded"], given)


def resolve_object(conn: Connection, source_object: str, *, keep: Sequence[str], now: datetime) -> None:
    """Close an object's extraction failures but for the records that are still bad."""
    conn.execute(SQL["resolve_object"], {"object": source_object, "keep": list(keep), "now": now})


def resolve_rows(conn: Connection, source_object: str, ids: Sequence[str], *, now: datetime) -> None:
    """Close the extraction failures of rows that can be read again."""
    conn.execute(SQL["resolve_rows"], {"object": source_object, "ids": list(ids), "now": now})


def resolve_unreadable(conn: Connection, source_object: str, *, now: datetime) -> None:
    """Close the failure of an object that could not be read as a whole; those of its rows stay."""
    conn.execute(SQL["resolve_unreadable"], {"object": source_object, "now": now})


def note_waiting(conn: Connection, *, since: datetime) -> None:
    """Turn failures of children that have waited since then into notes: only the source can mend them."""
    conn.execute(SQL["note_waiting"], {"since": since})


def resolve_waiting(conn: Connection, *, keep: Sequence[str], now: datetime) -> None:
    """Close the failures of parents that are staged now, or that no child waits for any more."""
    conn.execute(SQL["resolve_waiting"], {"keep": list(keep), "now": now})


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureFilter:
    """Which failures are wanted. None: any."""

    stage: FailureStage | None = None
    error_type: ErrorType | None = None
    disposition: Disposition | None = None
    cases: Sequence[str] | None = None
    """Record ids or case numbers."""
    include_resolved: bool = False

    def as_parameters(self) -> dict[str, object]:
        return {
            "all": self.include_resolved,
            "stage": self.stage,
            "type": self.error_type,
            "disposition": self.disposition,
            "cases": list(self.cases) if self.cases is not None else None,
        }


def list_failures(conn: Connection, wanted: FailureFilter, *, limit: int = 100) -> list[dict[str, Any]]:
    """Failures that match the filter, newest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["listed"], {**wanted.as_parameters(), "limit": limit}).fetchall()


def group_failures(conn: Connection, wanted: FailureFilter | None = None) -> list[dict[str, Any]]:
    """Failures that match the filter, grouped by stage, type and disposition, largest group first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["grouped"], (wanted or FailureFilter()).as_parameters()).fetchall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rearmed:
    """A failure that a person wants to be tried again."""

    failure_id: UUID
    record_id: str
    stage: FailureStage
    source_object: str
    error_type: ErrorType


def rearm(
    conn: Connection,
    *,
    now: datetime,
    key: str | None = None,
    records: Sequence[str] = (),
    error_type: ErrorType | None = None,
    stage: FailureStage | None = None,
    failures: Sequence[UUID] | None = None,
) -> list[Rearmed]:
    """Make open failures due now: by failure id or case number (`key`), record ids, type, stage,
    or only these `failures`; else all.

    What is merely noted (`skip`) is left alone: there is nothing to try.
    """
    given = {
        "now": now,
        "key": key,
        "records": list(records),
        "type": error_type,
        "stage": stage,
        "failures": list(failures) if failures is not None else None,
    }
    return [
        Rearmed(failure_id=i, record_id=r, stage=FailureStage(s), source_object=o, error_type=ErrorType(t))
        for i, r, s, o, t in conn.execute(SQL["rearm"], given)
    ]


def open_among(conn: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """Which of these failures are still open, or were replaced by another failure of their case."""
    return [r[0] for r in conn.execute(SQL["open_among"], {"ids": list(ids)})]


def count_due(conn: Connection, *, now: datetime) -> int:
    """The number of failures whose retry time has come."""
    return int(scalar(conn, SQL["count_due"], {"now": now}))


def by_type(conn: Connection) -> dict[str, int]:
    """Open failures that wait for a retry or a person, by type, most first; counted as in `tally`."""
    return {r[0]: r[1] for r in conn.execute(SQL["by_type"])}


def unread_tables(conn: Connection) -> list[str]:
    """The objects that could not be read, or not to their end."""
    return [r[0] for r in conn.execute(SQL["unread_tables"])]


def prune(conn: Connection, *, before: datetime) -> int:
    """Remove failures that were resolved before then (contract §14); how many."""
    return conn.execute(SQL["prune"], {"before": before}).rowcount


def tally(conn: Connection) -> dict[str, int]:
    """Open failures by disposition, counted as the cases (or rows of children) that they stand for."""
    return {r[0]: r[1] for r in conn.execute(SQL["tally"])}


def tally_new(conn: Connection) -> int:
    """The number of waiting failures that were opened since the last sync began."""
    return int(scalar(conn, SQL["tally_new"]))


def refused(conn: Connection) -> int:
    """The number of the source's cases that could not be read."""
    return int(scalar(conn, SQL["refused"]))
