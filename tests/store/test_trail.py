"""The audit trail, thinned: what an audit needs stays, whole tries go, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from everycase.store import db, trail

NOW = datetime(2024, 11, 4, 6, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
LOAD = ("entered extracted", "exited extracted", "exited weaviate_loaded")
FAILURE = ("entered extracted", "failed pii_removed")
GONE = ("gap extracted gone_at_source: absent", "deleted extracted")


@pytest.fixture
def conn(database_url: str):
    with db.connect(database_url) as found:
        yield found


def write(conn, case: str, *tries: tuple[int, tuple[str, ...]]) -> None:
    """A case whose tries were so many days ago."""
    conn.execute(
        "insert into recon.data_lineage (record_id, source_system, current_stage, status) "
        "values (%s, 'x', 'extracted', 'in_progress')",
        (case,),
    )
    for days, events in tries:
        for words in events:
            event, stage, *detail = words.split(" ", 2)
            conn.execute(
                "insert into recon.lineage_events (record_id, stage, event, at, detail) "
                "values (%s, %s, %s, %s, %s)",
                (case, stage, event, NOW - timedelta(days=days), detail[0] if detail else None),
            )


def left(conn, case: str) -> list[tuple[int, str]]:
    rows = conn.execute(
        "select at, event, stage from recon.lineage_events where record_id = %s order by event_id", (case,)
    )
    return [((NOW - at).days, f"{event} {stage}") for at, event, stage in rows]


def of(days: int, events: tuple[str, ...]) -> list[tuple[int, str]]:
    return [(days, " ".join(e.split(" ")[:2])) for e in events]


def test_first_load_last_load_last_try_and_deletions_stay(conn) -> None:
    """Of old tries nothing else does; young ones stay whatever they are."""
    write(conn, "a", *[(days, LOAD) for days in (900, 800, 700, 600, 100, 50)])
    write(conn, "b", (900, FAILURE), (890, LOAD), (800, LOAD), (700, FAILURE), (600, FAILURE))
    write(conn, "c", (900, LOAD), (800, LOAD + GONE), (700, LOAD), (600, LOAD))
    write(conn, "d", (900, FAILURE), (800, FAILURE))
    write(conn, "e", (900, LOAD))
    assert trail.thin(conn, before=NOW - YEAR, page=2) == 9 + 4 + 6 + 2
    assert left(conn, "a") == of(900, LOAD) + of(100, LOAD) + of(50, LOAD)
    assert left(conn, "b") == of(890, LOAD) + of(800, LOAD) + of(600, FAILURE)
    assert left(conn, "c") == of(900, LOAD) + of(800, GONE) + of(600, LOAD)
    assert left(conn, "d") == of(800, FAILURE)
    assert left(conn, "e") == of(900, LOAD)
    assert trail.thin(conn, before=NOW - YEAR, page=2) == 0


def test_a_try_goes_as_a_whole_or_not_at_all(conn) -> None:
    """One that ended within the time stays, although it began before."""
    write(conn, "a", (900, LOAD), (366, LOAD[:2]), (364, LOAD[2:]), (100, LOAD))
    assert trail.thin(conn, before=NOW - YEAR) == 0
