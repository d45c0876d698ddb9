"""Shards work side by side; everything else is kept out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import pytest

from everycase.domain.errors import AnotherRunAtWork, RunInterrupted, WrongUse
from everycase.domain.shards import Shard, ShardedWork
from everycase.store import db, locks, shards
from everycase.store.shards import Round

NOT_LONG = 0.5


def part(text: str, work: ShardedWork, conn: db.Connection):
    return shards.joined(conn, work, Shard.parse(text), seconds=NOT_LONG, check=lambda: None)


@contextmanager
def at_work(
    dsn: str, *texts: str, work: ShardedWork = ShardedWork.SYNC, opened: bool = True
) -> Iterator[list[Round]]:
    """These parts, each on a connection of its own, begun in this order."""
    with ExitStack() as stack:
        found = []
        for text in texts:
            conn = stack.enter_context(db.connect(dsn))
            found.append(stack.enter_context(part(text, work, conn)))
            if opened:
                found[-1].open()
        yield found


@pytest.mark.parametrize("text", ["", "0/4", "5/4", "1", "a/b", "1/1001", "-1/4", "1/0"])
def test_what_is_no_part_is_wrong_use(text: str) -> None:
    """And the message says what is one."""
    with pytest.raises(WrongUse, match="the second of four"):
        Shard.parse(text)


def test_the_first_one_leads_and_the_others_join(database_url: str) -> None:
    """Once it has let them in."""
    with at_work(database_url, "1/3", "3/3", "2/3") as found:
        assert [r.leads for r in found] == [True, False, False]
    with at_work(database_url, "2/3") as again:
        assert again[0].leads


def test_nobody_joins_before_everything_is_prepared(database_url: str) -> None:
    """They wait, however long it takes, and can be told to end meanwhile."""
    asked = []

    def check() -> None:
        asked.append(1)
        if len(asked) * 0.2 > 2 * NOT_LONG:
            raise RunInterrupted

    with at_work(database_url, "1/2", opened=False), db.connect(database_url) as conn:
        second = shards.joined(conn, ShardedWork.SYNC, Shard.parse("2/2"), seconds=NOT_LONG, check=check)
        with pytest.raises(RunInterrupted), second:
            raise AssertionError("it joined")


@pytest.mark.parametrize(
    ("text", "work"),
    [("1/2", ShardedWork.SYNC), ("1/3", ShardedWork.SYNC), ("2/2", ShardedWork.DEEP)],
    ids=["the same part", "another number", "another work"],
)
def test_what_does_not_go_with_it_is_refused(database_url: str, text: str, work: ShardedWork) -> None:
    """And the one that is at work goes on."""
    with at_work(database_url, "1/2") as found, db.connect(database_url) as conn:
        with pytest.raises(AnotherRunAtWork), part(text, work, conn):
            raise AssertionError("it joined")
        assert found[0].leads
        with at_work(database_url, "2/2") as second:
            assert not second[0].leads


def test_a_whole_run_and_shards_exclude_each_other(database_url: str) -> None:
    """Whichever came first."""
    with (
        at_work(database_url, "1/2", "2/2"),
        db.connect(database_url) as conn,
        pytest.raises(AnotherRunAtWork),
        locks.wait_for(conn, locks.PIPELINE, seconds=NOT_LONG),
    ):
        raise AssertionError("it began")
    with (
        db.connect(database_url) as conn,
        db.connect(database_url) as other,
        locks.wait_for(conn, locks.PIPELINE, seconds=NOT_LONG),
        pytest.raises(AnotherRunAtWork),
        part("1/2", ShardedWork.SYNC, other),
    ):
        raise AssertionError("it began")
    with db.connect(database_url) as conn, locks.wait_for(conn, locks.PIPELINE, seconds=NOT_LONG):
        assert not locks.is_held(conn, "everycase.preparing")


def test_a_leader_that_fails_leaves_the_lead_to_another(database_url: str) -> None:
    """Nothing is held after it."""
    with pytest.raises(ValueError, match="x"), at_work(database_url, "1/2", opened=False):
        raise ValueError("x")
    with at_work(database_url, "2/2", opened=False) as found:
        assert found[0].leads


def test_a_part_waits_for_the_workers_of_its_killed_run(database_url: str) -> None:
    """A worker that is still at it would do the same cases at the same time."""
    run = uuid4()
    with db.connect(database_url) as conn, db.connect(database_url) as late:
        ids = [r[0] for r in conn.execute("select 'case' || n from generate_series(1, 20) n")]
        for i in ids:
            conn.execute(
                "insert into recon.data_lineage (record_id, source_system, current_stage, status, run_id) "
                "values (%s, 'x', 'extracted', 'in_progress', %s)",
                (i, run),
            )
        with (
            at_work(database_url, "1/2"),
            locks.at_work(late, locks.of_run(run)),
            pytest.raises(AnotherRunAtWork, match="worker"),
            part("2/2", ShardedWork.SYNC, conn),
        ):
            raise AssertionError("it began")
