"""The store on a real PostgreSQL: migrations, locks, the inbox, the embedded server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from everycase.domain.catalogue import OBJECTS
from everycase.domain.errors import AnotherRunAtWork, DependencyUnreachable, WrongUse
from everycase.domain.failures import ErrorType, Failure, FailureStage
from everycase.store import db, embedded, failures, locks, migrate, staging
from everycase.store.failures import FailureFilter

NOW = datetime(2024, 11, 4, 6, 0, tzinfo=UTC)


def failure(n: int, **values) -> Failure:
    given = {
        "record_id": f"r{n}",
        "case_number": f"{n}",
        "stage": FailureStage.EMBEDDING_GENERATION,
        "error_type": ErrorType.EMBEDDING_API_TIMEOUT,
        "message": "no answer in 60 s",
    }
    return Failure(**{**given, **values})


@pytest.fixture
def conn(database_url: str):
    with db.connect(database_url) as found:
        yield found


def test_migrating_twice_changes_nothing(empty_database_url: str) -> None:
    """The second upgrade has nothing to do, and the revision is that of the newest file."""
    assert migrate.current(empty_database_url) is None
    assert migrate.upgrade(empty_database_url)
    assert not migrate.upgrade(empty_database_url)
    files = (Path(migrate.__file__).parent / "migrations" / "versions").glob("*.py")
    assert migrate.current(empty_database_url) == migrate.LATEST == max(f.name[:4] for f in files)


def test_a_newer_schema_is_not_touched(database_url: str) -> None:
    """A schema of a newer everycase raises WrongUse and is left as it is."""
    with db.connect(database_url) as conn:
        conn.execute("update recon.alembic_version set version_num = '9999'")
    with pytest.raises(WrongUse, match="newer than this everycase"):
        migrate.upgrade(database_url)


def test_staging_has_a_column_for_every_field_of_the_catalogue(conn) -> None:
    """Each field of the catalogue has a column in the staging table of its object."""
    for obj in OBJECTS:
        rows = conn.execute(
            "select column_name from information_schema.columns "
            "where table_schema = 'udp' and table_name = %s",
            (obj.table,),
        )
        there = {r[0] for r in rows}
        assert {f.column for f in obj.fields} <= there, obj.name
        assert set(staging.StagingTable(obj).columns) <= there


def test_one_open_row_for_a_case_and_stage(conn) -> None:
    """A repeat raises the count and moves the next try."""
    failures.record(conn, [failure(1), failure(2)], now=NOW)
    failures.record(conn, [failure(1)], now=NOW + timedelta(minutes=6))
    rows = {r["record_id"]: r for r in failures.list_failures(conn, FailureFilter())}
    assert (rows["r1"]["retry_count"], rows["r2"]["retry_count"]) == (2, 1)
    assert rows["r1"]["next_retry_time"] > rows["r2"]["next_retry_time"]
    assert (rows["r1"]["failed_at"], rows["r1"]["last_failed_at"]) == (NOW, NOW + timedelta(minutes=6))


def test_after_six_tries_a_person_is_asked_but_never_for_an_outage(conn) -> None:
    """An unreachable dependency is not an attempt."""
    down = failure(2, error_type=ErrorType.EMBEDDING_UNAVAILABLE)
    for n in range(7):
        failures.record(conn, [failure(1), down], now=NOW + timedelta(hours=n))
    rows = {r["record_id"]: r for r in failures.list_failures(conn, FailureFilter())}
    assert (rows["r1"]["disposition"], rows["r1"]["next_retry_time"]) == ("manual_review", None)
    assert (rows["r2"]["disposition"], rows["r2"]["retry_count"]) == ("retry", 0)


def test_resolved_failures_tell_how_long_it_took(conn) -> None:
    """MTTR is reported for each group; a failure that comes again is a new row."""
    failures.record(conn, [failure(1)], now=NOW)
    assert failures.resolve(conn, ["r1"], method="retry", now=NOW + timedelta(minutes=10)) == ["r1"]
    (group,) = failures.group_failures(conn, FailureFilter(include_resolved=True))
    assert (group["open"], group["resolved"], group["mttr_s"]) == (0, 1, 600.0)
    failures.record(conn, [failure(1)], now=NOW + timedelta(hours=1))
    assert len(failures.list_failures(conn, FailureFilter(include_resolved=True))) == 2
    assert failures.tally(conn) == {"retry": 1}


def test_a_lock_ends_with_its_connection(conn, database_url: str) -> None:
    """When the holder disconnects, the next one gets the lock."""
    other = db.connect(database_url)
    with locks.wait_for(other, locks.PIPELINE, seconds=1):
        assert locks.is_held(conn, locks.PIPELINE)
        with pytest.raises(AnotherRunAtWork), locks.wait_for(conn, locks.PIPELINE, seconds=0.3):
            pass
        other.close()
    with locks.wait_for(conn, locks.PIPELINE, seconds=5):
        pass


def test_an_address_never_shows_a_password() -> None:
    """The error of a connection that fails shows host and database, and no password."""
    assert db.address("postgresql://me:hunter2@db.example:5433/x") == "db.example:5433/x"
    with pytest.raises(DependencyUnreachable) as caught:
        db.connect("postgresql://me:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1:1/x" in str(caught.value)


@pytest.fixture
def home():
    found = Path(f"/tmp/ecs{os.getpid()}")
    yield found
    embedded.stop(found)
    shutil.rmtree(found, ignore_errors=True)


@pytest.mark.slow
def test_a_stale_pid_file_is_no_obstacle(home: Path) -> None:
    """The server starts although postmaster.pid names a dead process or another program."""
    dsn = embedded.start(home)
    assert embedded.stop(home)
    assert not embedded.stop(home)
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        for pid in (bystander.pid, 4_000_000):
            (home / "pg" / "postmaster.pid").write_text(
                f"{pid}\n{home}/pg\n1\n5432\n{home}/pg\n\n1 1\nready\n"
            )
            assert embedded.start(home) == dsn
            embedded.stop(home)
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.slow
def test_a_creation_that_was_cut_off_begins_again_and_data_is_never_dropped(home: Path) -> None:
    """A data directory is deleted only if its creation never finished and no server answers from it."""
    (home / "pg").mkdir(parents=True)
    (home / "pg" / "PG_VERSION").write_text("18\n")
    (home / ".pg.unfinished").touch()
    dsn = embedded.start(home)
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("create table kept as select 1 as one")
    (home / ".pg.unfinished").touch()
    embedded.start(home)
    embedded.stop(home)
    with psycopg.connect(embedded.start(home)) as conn:
        assert conn.execute("select one from kept").fetchone() == (1,)


_START = (
    "import sys, pathlib as p; from everycase.store import embedded as e; print(e.start(p.Path(sys.argv[1])))"
)


def _start_elsewhere(home: Path, *before: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Start the server of a home in a process of its own; `before`: the command that runs that process."""
    known = {k: v for k, v in os.environ.items() if k != "XDG_RUNTIME_DIR"}
    command = [*before, sys.executable, "-c", _START, str(home)]
    return subprocess.run(
        command, env={**known, **env}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.slow
def test_a_lock_file_of_another_user_in_the_temporary_folder_is_no_obstacle(
    home: Path, tmp_path: Path
) -> None:
    """The library's lock is one file for all users of a machine; a folder in its place opens for nobody."""
    (tmp_path / ".lockfile").mkdir()
    done = _start_elsewhere(home, TMPDIR=str(tmp_path))
    assert (done.returncode, str(home) in done.stdout) == (0, True), done.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can become somebody else"
)
def test_a_second_user_of_the_machine_starts_a_server_of_his_own(home: Path, tmp_path: Path) -> None:
    """After root has started one. The other user may read every folder: those of root are closed to him."""
    first = Path(f"{home}r")
    try:
        assert _start_elsewhere(first).returncode == 0
        home.mkdir()
        shutil.chown(home, "nobody")
        may_read = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
        done = _start_elsewhere(
            home, "setpriv", "--reuid", "nobody", "--clear-groups", *may_read, HOME=str(home)
        )
        assert (done.returncode, str(home) in done.stdout) == (0, True), done.stderr
        assert (home / "pg" / "postmaster.pid").owner() == "nobody"
    finally:
        embedded.stop(first)
        shutil.rmtree(first, ignore_errors=True)


def test_a_path_too_long_for_a_socket_is_said_so(tmp_path: Path) -> None:
    """The error names EVERYCASE_HOME."""
    with pytest.raises(WrongUse, match="EVERYCASE_HOME"):
        embedded.start(tmp_path / ("x" * 120))


def test_the_first_releases_schema_is_upgraded_to_what_a_new_one_is(
    database_url: str, empty_database_url: str
) -> None:
    """With its data: column by column, constraint by constraint, index by index."""
    from alembic import command

    old = empty_database_url
    command.upgrade(migrate._config(old), "0001")
    with db.connect(old) as conn:
        conn.execute(
            "insert into recon.sync_runs (run_id, source, start_time, status) "
            "values (gen_random_uuid(), 'export', now(), 'completed')"
        )
        conn.execute("insert into recon.watermarks values ('export', 'Case', 'v', 3, now())")
    assert migrate.upgrade(old)
    assert schema(old) == schema(database_url)
    with db.connect(old) as conn:
        row = conn.execute("select version, row_count, digest from recon.watermarks").fetchone()
        assert row == ("v", 3, None)


def schema(dsn: str) -> list[tuple[str, ...]]:
    """Everything that describes the tables, as texts."""
    with db.connect(dsn) as conn:
        return conn.execute(
            "select 'column', table_schema || '.' || table_name, column_name || ' ' || data_type || ' ' "
            "|| is_nullable || coalesce(column_default, '') from information_schema.columns "
            "where table_schema in ('udp', 'recon') "
            "union all select 'constraint', conrelid::regclass::text, conname || pg_get_constraintdef(oid) "
            "from pg_constraint where connamespace in ('udp'::regnamespace, 'recon'::regnamespace) "
            "union all select 'index', tablename::text, indexdef from pg_indexes "
            "where schemaname in ('udp', 'recon') order by 1, 2, 3"
        ).fetchall()
