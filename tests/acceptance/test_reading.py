"""Commands that only read, or say what another would do, create and change nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.exports import case, write_export
from tests.support.shell import Prompt
from tests.support.world import World

READERS = (
    ["status"],
    ["trace", "40000001"],
    ["failures"],
    ["runs"],
    ["report"],
    ["search", "fan"],
    ["resume"],
    ["prune"],
)
REHEARSALS = (["plan"], ["reconcile", "--dry-run"], ["reconcile", "--dry-run", "--deep"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_export(tmp_path / "x", Case=[case(1), case(2)])


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="ec-", dir="/tmp") as folder:
        yield Path(folder)


def contents(dsn: str) -> dict[str, int]:
    """Every table of a database outside of PostgreSQL's own schemas, with its number of rows."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        names = conn.execute(
            "select format('%I.%I', schemaname, relname) from pg_stat_user_tables "
            "where schemaname !~ '^pg_temp' order by 1"
        ).fetchall()
        return {n: conn.execute(f"select count(*) from {n}").fetchone()[0] for (n,) in names}  # type: ignore[arg-type,index]


def schemas(dsn: str) -> set[str]:
    with psycopg.connect(dsn, autocommit=True) as conn:
        found = conn.execute("select nspname from pg_namespace where nspname !~ '^pg_'").fetchall()
    return {n for (n,) in found}


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_a_reader_creates_no_home(short_path: Path, source: Path, words: list[str]) -> None:
    """A mistyped EVERYCASE_HOME is a sentence."""
    home = short_path / "mistyped"
    done = Prompt(World("embedded", home), source)(*words)
    assert (done.returncode, home.exists()) == (2, False)
    assert f"there is no everycase in {home}" in done.stderr


def test_a_home_names_its_source_to_whoever_comes_without_it(short_path: Path, tmp_path: Path) -> None:
    """A new terminal lacks EVERYCASE_SOURCE: the default, the sample, was never loaded there."""
    export = write_export(tmp_path / "my export", Case=[case(1)])
    shell = Prompt(World("embedded", short_path / "home"), export)
    assert shell("sync").returncode == 0
    for words in (["status"], ["failures"], ["search", "fan"]):
        done = shell(*words, EVERYCASE_SOURCE="sample")
        assert done.returncode == 2
        assert f"the sample was never loaded into {short_path / 'home'}" in done.stderr
        assert f"set EVERYCASE_SOURCE='{export}'" in done.stderr
    shell("stop")


@pytest.mark.parametrize("words", [*REHEARSALS, ["doctor"]], ids=" ".join)
def test_a_rehearsal_creates_no_home(short_path: Path, source: Path, words: list[str]) -> None:
    """It works on an empty database that goes away."""
    home = short_path / "h"
    temporary = short_path / "t"
    temporary.mkdir()
    done = Prompt(World("embedded", home), source)(*words, TMPDIR=str(temporary))
    assert (done.returncode in (0, 1), done.stderr.count("Traceback")) == (True, 0)
    assert not home.exists()
    assert list(temporary.iterdir()) == []


def test_a_plan_of_the_first_sync_is_exact(short_path: Path, source: Path) -> None:
    """Before anything is created."""
    plan = Prompt(World("embedded", short_path / "h"), source).json("plan")
    assert (plan["create"], plan["update"], plan["delete"], plan["to_embed"]) == (2, 0, 0, 2)


@pytest.mark.parametrize("words", [*READERS, *REHEARSALS, ["doctor"]], ids=" ".join)
def test_an_empty_database_stays_empty(
    empty_database_url: str, tmp_path: Path, source: Path, words: list[str]
) -> None:
    """No schema, no table, no extension."""
    before = schemas(empty_database_url)
    Prompt(World(empty_database_url, tmp_path), source)(*words)
    assert schemas(empty_database_url) == before
    assert contents(empty_database_url) == {}


@pytest.mark.parametrize("words", [*REHEARSALS, ["status"], ["search", "fan"], ["doctor"]], ids=" ".join)
def test_a_loaded_database_stays_as_it_is(world: World, source: Path, words: list[str]) -> None:
    """Also where the source has changed meanwhile."""
    shell = Prompt(world, source)
    assert shell("sync").returncode == 0
    write_export(source, Case=[case(1, Subject="Another fan"), case(3)])
    before = contents(world.dsn)
    done = shell(*words)
    assert done.returncode in (0, 1), done.stderr
    assert contents(world.dsn) == before


def test_a_schema_without_an_index_is_read_as_empty(world: World, source: Path) -> None:
    """As after `everycase migrate`."""
    shell = Prompt(world, source)
    assert shell.json("status")["counts"]["index"] == 0
    assert shell.json("search", "fan")["hits"] == []
    assert "vector_index" not in schemas(world.dsn)


def test_an_older_schema_is_not_upgraded_by_a_reader(world: World, source: Path) -> None:
    """It says which command does that."""
    world.do("update recon.alembic_version set version_num = '0001'")
    done = Prompt(world, source)("status")
    assert (done.returncode, "everycase migrate" in done.stderr) == (2, True)
