"""Every driver error is translated once, by its code, and says what to do without a value of the data."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from everycase.domain import errors as ours
from everycase.store import db, errors

SOURCE = Path(errors.__file__).parents[1]
DRIVER_ERRORS = ("OperationalError", "InterfaceError", "psycopg.errors", "PoolTimeout", "DeadlockDetected")


def test_only_the_translator_names_driver_errors() -> None:
    """One table decides what an error is; nobody else guesses from the driver's classes."""
    allowed = {SOURCE / "store" / "errors.py", SOURCE / "store" / "db.py"}
    guilty = [
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if file not in allowed and any(name in file.read_text() for name in DRIVER_ERRORS)
    ]
    assert guilty == []


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("08006", ours.DatabaseUnreachable),
        ("57P01", ours.DatabaseUnreachable),
        ("57P03", ours.DatabaseUnreachable),
        ("53300", ours.DatabaseUnreachable),
        ("53100", ours.DatabaseFull),
        ("53200", ours.DatabaseFull),
        ("25006", ours.DatabaseReadOnly),
        ("57014", ours.DatabaseTimeout),
        ("55P03", ours.DatabaseTimeout),
        ("40P01", ours.DatabaseConflict),
        ("40001", ours.DatabaseConflict),
        ("42501", ours.DatabaseLacks),
        ("58P01", ours.DatabaseLacks),
        ("22021", ours.RowRefused),
        ("22001", ours.RowRefused),
        ("54000", ours.RowRefused),
        ("XX001", ours.DatabaseDamaged),
    ],
)
def test_the_code_decides_what_an_error_is(database_url: str, state: str, kind: type[Exception]) -> None:
    """Whatever its message says: that may quote a value, and is not passed on."""
    with db.connect(database_url) as conn, pytest.raises(kind) as caught:
        conn.execute(f"do $$ begin raise exception 'hunter2' using errcode = '{state}'; end $$")  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)
    assert state in str(caught.value)


def test_a_full_disk_says_that_the_disk_is_full(database_url: str) -> None:
    """Not that the connection was lost; and where."""
    with db.connect(database_url) as conn, pytest.raises(ours.DatabaseFull, match=r"the disk of .* is full"):
        conn.execute("do $$ begin raise exception using errcode = 'disk_full'; end $$")


def test_a_wrong_statement_stays_what_it_is(database_url: str) -> None:
    """It is our mistake, and no state of the server."""
    with db.connect(database_url) as conn, pytest.raises(psycopg.errors.SyntaxError):
        conn.execute("selec 1")


def test_a_value_that_postgresql_cannot_hold_is_one_rows_fault(database_url: str) -> None:
    """A NUL byte is refused by the driver, an over-long index row by the server."""
    with db.connect(database_url) as conn:
        conn.execute("create table t (x text); create index on t (x)")
        for value in ("a\x00b", "".join(map(chr, range(0x4E00, 0x4E00 + 12_000)))):
            with pytest.raises(ours.RowRefused):
                conn.execute("insert into t values (%s)", (value,))
        with (
            pytest.raises(ours.RowRefused),
            conn.cursor() as cursor,
            cursor.copy("copy t from stdin") as copy,
        ):
            copy.write_row(("".join(map(chr, range(0x4E00, 0x4E00 + 12_000))),))


def test_an_error_inside_a_copy_is_not_hidden_by_its_cancellation(database_url: str) -> None:
    """The rows' own error counts, not what the server says of the COPY that was broken off."""
    with db.connect(database_url) as conn:
        conn.execute("create table t (x text)")

        def break_off() -> None:
            with conn.cursor() as cursor, cursor.copy("copy t from stdin") as copy:
                copy.write_row(("a",))
                raise KeyError

        with pytest.raises(KeyError):
            break_off()


def test_a_lost_connection_is_translated_wherever_it_is_noticed(database_url: str) -> None:
    """In a statement, in a commit, and when it is asked for again."""
    with db.connect(database_url) as conn, db.connect(database_url) as other:
        other.execute("select pg_terminate_backend(%s, 60000)", (conn.info.backend_pid,))
        with pytest.raises(ours.DatabaseUnreachable):
            conn.execute("select 1")
        with pytest.raises(ours.DatabaseUnreachable):
            conn.execute("select 1")


def test_a_pool_survives_a_restart_of_the_server(database_url: str) -> None:
    """A connection is checked before it is lent."""
    pool = db.open_pool(database_url, size=2)
    try:
        with pool.connection() as conn:
            pid = conn.info.backend_pid
        with db.connect(database_url) as other:
            assert other.execute("select pg_terminate_backend(%s, 60000)", (pid,)).fetchone() == (True,)
        with pool.connection() as conn:
            assert conn.execute("select 1").fetchone() == (1,)
    finally:
        pool.close()


def test_a_single_statement_that_loses_a_deadlock_is_tried_again(database_url: str) -> None:
    """Somebody else's session stands in its way once."""
    with db.connect(database_url) as ours_, db.connect(database_url) as theirs:
        ours_.execute("create table t (id int primary key, n int); insert into t values (1, 0), (2, 0)")
        ours_.execute("set deadlock_timeout = '10ms'")
        theirs.execute("set deadlock_timeout = '1min'")
        inside = threading.Event()

        def stand_in_the_way() -> None:
            with theirs.transaction():
                theirs.execute("update t set n = n + 1 where id = 2")
                inside.set()
                theirs.execute("select pg_advisory_lock(7)")  # until our statement has its first row
                theirs.execute("update t set n = n + 1 where id = 1")

        with db.connect(database_url) as gate:
            gate.execute("select pg_advisory_lock(7)")
            thread = threading.Thread(target=stand_in_the_way)
            thread.start()
            inside.wait()
            release = (
                "create function release() returns int language plpgsql as $$ begin "
                f"perform pg_terminate_backend({gate.info.backend_pid}); return 1; end $$"
            )
            ours_.execute(release)  # type: ignore[arg-type]
            ours_.execute(
                "do $$ begin update t set n = n + 1 where id = 1; perform release(); "
                "update t set n = n + 1 where id = 2; end $$"
            )
            thread.join()
        assert ours_.execute("select n from t order by id").fetchall() == [(2,), (2,)]


def test_work_that_always_loses_ends_with_the_conflict() -> None:
    """After some tries; the next run finishes it."""
    tries = []

    def lose() -> None:
        tries.append(1)
        raise ours.DatabaseConflict

    with pytest.raises(ours.DatabaseConflict):
        db.again(lose)
    assert len(tries) == db.ATTEMPTS
