"""Rows on their way into staging, chunk by chunk, on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from everycase.domain.cases import Record
from everycase.domain.catalogue import OBJECTS
from everycase.store import db
from everycase.store.merging import Merge, StagingTarget

COMMENT = next(o for o in OBJECTS if o.name == "CaseComment")
BEGUN = datetime(2024, 3, 5, tzinfo=UTC)


@pytest.fixture
def conn(database_url: str):
    with db.connect(database_url) as found:
        yield found


def comment(n: int, *, day: int = 0, line: int = 0) -> Record:
    return Record(
        object="CaseComment",
        id=f"00a{n:015}",
        parent_id="500000000000001AAA",
        values={"CommentBody": f"as of day {day}"},
        system_modstamp=BEGUN + timedelta(days=day),
        last_modified_date=BEGUN + timedelta(days=day),
        row_hash=f"{n} {day}",
        line=line,
    )


def body_of(conn, record_id: str) -> str:
    return conn.execute("select comment_body from udp.casecomment where id = %s", (record_id,)).fetchone()[0]


def test_a_row_that_comes_again_in_a_later_chunk_counts_where_it_is_not_older(conn) -> None:
    """Of one id in several chunks the newest row is staged, of equally new ones the last; all are told."""
    merge = Merge(conn, COMMENT, StagingTarget(conn=conn))
    merge.add([comment(1, day=5, line=1), comment(2, day=5, line=2), comment(3, line=3)])
    merge.add([comment(1, day=4, line=4), comment(2, day=6, line=5), comment(4, line=6)])
    staged = [body_of(conn, comment(n).id) for n in (1, 2, 3, 4)]
    assert staged == ["as of day 5", "as of day 6", "as of day 0", "as of day 0"]
    told = [(d.record_id, d.first_line, d.last_line) for d in merge.doubles(limit=9)]
    assert told == [(comment(1).id, 1, 4), (comment(2).id, 2, 5)]


def test_a_chunk_costs_the_same_however_many_rows_came_before(conn) -> None:
    """No statement of a chunk reads a whole table, be it that of the rows named so far or the staged ones."""
    merge = Merge(conn, COMMENT, StagingTarget(conn=conn))
    for n in range(20):
        merge.add([comment(i) for i in range(n * 300, (n + 1) * 300)] + [comment(0, day=n)])
    conn.execute("select pg_stat_force_next_flush()")
    read = dict(
        conn.execute(
            "select relname, seq_tup_read from pg_stat_all_tables where relname in ('seen', 'casecomment')"
        ).fetchall()
    )
    assert read == {"seen": 0, "casecomment": 0}
