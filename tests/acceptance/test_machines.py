"""Where people's machines differ: homes, terminals, clocks, databases."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.exports import case, write_export
from tests.support.shell import Prompt, Shell
from tests.support.world import World


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_export(tmp_path / "x", Case=[case(1), case(2, Subject="Lüfter – außer Betrieb")])


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="ec-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("folder", ["with a space", "per%41cent", "it's öffentlich"])
def test_a_home_may_be_called_what_people_call_it(short_path: Path, source: Path, folder: str) -> None:
    """The embedded server starts there, is found again, and ends when it is told to."""
    home = short_path / folder / "h"
    at_home = World("embedded", home)
    shell = Prompt(at_home, source)
    try:
        assert Shell(at_home, source).json("sync")["created"] == 2
        assert shell.json("status")["counts"]["index"] == 2
        with psycopg.connect(shell.json("db-url")["url"]) as conn:
            assert conn.execute("select count(*) from recon.data_lineage").fetchone() == (2,)
    finally:
        stopped = shell.json("stop")
    assert stopped == {"stopped": True}


@pytest.mark.parametrize("folder", ["a,b", "a$b", 'a"b'])
def test_a_home_that_no_server_takes_is_refused_in_a_sentence(tmp_path: Path, folder: str) -> None:
    """Before anything is created there."""
    home = tmp_path / folder / "h"
    done = Prompt(World("embedded", home), "sample")("sync")
    assert (done.returncode, home.exists()) == (2, False)
    assert "set EVERYCASE_HOME to another" in done.stderr


@pytest.mark.parametrize("words", [["run"], ["status"], ["report"], ["status", "--json"]])
@pytest.mark.parametrize("env", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_output_that_is_not_utf8_has_plain_characters(
    world: World, source: Path, words: list[str], env: dict[str, str]
) -> None:
    """And the exit code of the work."""
    assert Prompt(world, source)("run").returncode == 0
    done = Shell(world, source)(*words, **env)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert done.stdout.isascii()


@pytest.mark.parametrize(
    ("redirection", "code"),
    [(">/dev/full", 1), (">&-", 0), ("| head -c 1 >/dev/null; exit ${PIPESTATUS[0]}", 0)],
)
@pytest.mark.parametrize("words", ["sync", "status --json"])
def test_output_that_cannot_be_written_is_no_traceback(
    world: World, source: Path, words: str, redirection: str, code: int
) -> None:
    """The work counts; a result that is lost on a full disk is said and is not exit code 0."""
    assert Prompt(world, source)("sync").returncode == 0
    line = f"{sys.executable} -m everycase.cli {words} {redirection}"
    done = subprocess.run(
        ["bash", "-c", line],
        env=world.environment(source),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert ("cannot be printed" in done.stderr) is (code == 1)


def test_times_are_utc_whatever_the_session_says(world: World, source: Path) -> None:
    """PGTZ and TZ change no figure and no time that is printed."""
    world.sync(source)
    shell = Shell(world, source)
    here = shell("status").stdout
    assert " UTC" in here
    assert shell("status", PGTZ="Asia/Tokyo", TZ="Asia/Tokyo").stdout == here
    trace = shell.json("trace", "40000001", PGTZ="Asia/Tokyo", TZ="Asia/Tokyo")
    assert all(e["at"].endswith("+00:00") for e in trace["events"])


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_is_not_utf8_is_refused_in_a_sentence(
    postgres: str, tmp_path: Path, source: Path, encoding: str
) -> None:
    """Before anything is created in it; by doctor as by sync."""
    name = f"narrow_{encoding.lower()}"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(
            f"create database {name} template template0 encoding {encoding} lc_collate 'C' lc_ctype 'C'"
        )
    dsn = make_conninfo(postgres, dbname=name)
    shell = Prompt(World(dsn, tmp_path), source)
    for words in ("sync", "doctor", "status"):
        done = shell(words)
        assert (done.returncode, "ENCODING 'UTF8'" in done.stdout + done.stderr) == (2, True), words


def test_pgvector_may_live_in_a_schema_of_its_own(
    empty_database_url: str, tmp_path: Path, source: Path
) -> None:
    """As hosted databases have it."""
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        conn.execute("create schema extensions")
        conn.execute("create extension vector schema extensions")
    shell = Prompt(World(empty_database_url, tmp_path), source)
    assert shell.json("run")["status"] == "completed"
    assert shell.json("search", "Lüfter")["hits"]


def test_the_sample_has_a_database_of_its_own(short_path: Path, source: Path) -> None:
    """The first steps of the README, on one home: first the sample, then one's own cases."""
    home = short_path / "h"
    sample, own = (Prompt(World("embedded", home), s, sample_cases=3) for s in ("sample", source))
    try:
        assert sample("run").returncode == 0
        assert (own("status").returncode, own.json("plan")["create"]) == (2, 2)
        assert own.json("sync")["created"] == 2
        assert sample.json("status")["counts"]["index"] == 3
        assert own.json("status")["counts"]["index"] == 2
    finally:
        own("stop")
