"""The commands as a person or a script runs them: output, exit codes, one sentence on errors."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from tests.support.exports import case, record_id, write_export
from tests.support.shell import Prompt, Shell
from tests.support.world import World


@pytest.fixture
def shell(world: World, tmp_path: Path) -> Prompt:
    cases = [case(n) for n in range(3)] + [case(7, Status="Open", ClosedDate="", Subject="Drive is slow")]
    return Prompt(world, write_export(tmp_path / "x", Case=cases))


def test_version_is_that_of_the_package(world: World, tmp_path: Path) -> None:
    said = Shell(world, tmp_path)("--version")
    assert (said.returncode, said.stdout) == (0, f"everycase {metadata.version('everycase')}\n")


def test_the_first_five_minutes(shell: Prompt) -> None:
    """plan, run, status, search, trace, failures: each says what it should and exits with 0."""
    plan = shell.json("plan")
    assert (plan["create"], plan["to_embed"], plan["update"], plan["delete"]) == (4, 4, 0, 0)
    assert plan["estimated_tokens"] > 0
    run = shell("run")
    assert (run.returncode, run.stderr.count("Traceback")) == (0, 0)
    assert "4 created" in run.stdout
    assert "Try next:" in run.stdout
    assert shell.json("plan")["unchanged"] == 4
    status = shell.json("status")
    assert (status["completeness"], status["counts"]["index"]) == (1.0, 4)
    hits = shell.json("search", "slow drive", "--where", "status=Open")["hits"]
    assert [h["case_number"] for h in hits] == ["40000007"]
    assert {"case_number", "case_id", "score", "subject", "space"} <= set(hits[0])
    for key in ("40000007", record_id("Case", 7), record_id("Case", 7)[:15]):
        trace = shell.json("trace", key)
        assert (trace["case_number"], trace["current_stage"], trace["status"]) == (
            "40000007",
            "weaviate_loaded",
            "completed",
        )
    assert [e["event"] for e in trace["events"]] == ["entered", "exited"] * 4
    assert "Fields populated:" in shell("trace", "40000007").stdout
    assert shell.json("failures")["failures"] == []


def test_sync_has_the_keys_that_other_tools_rely_on(shell: Prompt) -> None:
    """One JSON object on stdout and nothing else there."""
    found = shell.json("sync")
    keys = "run_id status created updated unchanged deleted failed embedded reused embedding_calls duration_s"
    assert set(keys.split()) <= found.keys()
    assert (found["created"], found["embedding_calls"]) == (4, 1)
    assert shell.json("sync")["unchanged"] == 4


def test_plan_writes_nothing(shell: Prompt, world: World) -> None:
    """Not a staged row, not a watermark."""
    shell("plan")
    assert world.rows("select count(*) as n from udp.case") == [{"n": 0}]
    assert world.rows("select count(*) as n from recon.watermarks") == [{"n": 0}]


def test_open_failures_are_exit_code_1(world: World, tmp_path: Path) -> None:
    """And the inbox lists them, by filter and by group."""
    export = write_export(tmp_path / "x", Case=[case(1), case(2, CaseNumber="")])
    done, shell = Shell(world, export)("sync"), Prompt(world, export)
    assert done.returncode == 1
    assert "1 failure waits" in done.stdout
    assert shell("failures").returncode == 1
    (failure,) = shell.json("failures", "--type", "MissingRequiredField", "--stage", "join")["failures"]
    assert failure["record_id"] == record_id("Case", 2)
    assert shell.json("failures", "--type", "PIIResidual")["failures"] == []
    assert shell.json("failures", "--group")["groups"][0]["open"] == 1
    assert shell("status").returncode == 1


def test_groups_of_failures_obey_the_filters(world: World, tmp_path: Path) -> None:
    """And a case may be named by its id of 15 characters, an error type in any case."""
    cases = [case(1), case(2, CaseNumber=""), case(3, Subject="", Description="")]
    shell = Prompt(world, write_export(tmp_path / "x", Case=cases))
    shell("sync")
    short = record_id("Case", 2)[:15]
    for words in (["--case", short], ["--case", record_id("Case", 2)]):
        assert len(shell.json("failures", *words)["failures"]) == 1
        assert [g["open"] for g in shell.json("failures", "--group", *words)["groups"]] == [1]
    assert shell.json("failures", "--group", "--type", "PIIResidual")["groups"] == []
    assert [
        g["open"] for g in shell.json("failures", "--group", "--type", "missingrequiredfield")["groups"]
    ] == [2]


@pytest.mark.parametrize("command", ["failures", "retry"])
def test_an_error_type_that_there_is_not_is_an_error(world: World, tmp_path: Path, command: str) -> None:
    """With the nearest one."""
    done = Prompt(world, tmp_path)(command, "--type", "MissingField")
    assert (done.returncode, "did you mean MissingRequiredField?" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "env", "code", "said"),
    [
        (["sync"], {"EVERYCASE_SOURCE": "/nowhere"}, 2, "does not exist"),
        (["sync"], {"EVERYCASE_SOURCE": "salesforce"}, 2, "EVERYCASE_SALESFORCE__URL is not set"),
        (["sync"], {"EVERYCASE_ENGINE": "horses"}, 2, "EVERYCASE_ENGINE"),
        (["sync"], {"EVERYCASE_COLOUR": "red"}, 2, "no such setting: EVERYCASE_COLOUR"),
        (["sync"], {"EVERYCASE_DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/x"}, 4, "127.0.0.1:1/x"),
        (["sync"], {"EVERYCASE_DATABASE_URL": "http://nonsense"}, 4, "EVERYCASE_DATABASE_URL"),
        (["trace", "nobody"], {}, 2, "no case 'nobody'"),
        (["search", " "], {}, 2, "nothing to search for"),
        (["search", "x", "--where", "colour=red"], {}, 2, "no field 'colour'"),
        (["sync", "--colour"], {}, 2, "No such option"),
        (["stop"], {}, 2, "server of your own"),
        (["doctor"], {"EVERYCASE_SOURCE": "/nowhere"}, 2, "BAD source"),
    ],
)
def test_an_error_is_one_sentence_and_an_exit_code(
    shell: Prompt, words: list[str], env: dict[str, str], code: int, said: str
) -> None:
    """Never a traceback, never a secret."""
    done = shell(*words, **env)
    assert done.returncode == code
    output = " ".join((done.stdout + done.stderr).split())
    assert said in output
    assert "Traceback" not in output
    assert "secret" not in output
    if "--colour" not in words:
        assert "error" in shell.json(*words, **env) or words == ["doctor"]


def test_a_process_ends_with_the_exit_code_of_its_error(world: World, tmp_path: Path) -> None:
    """And prints one sentence, nothing else."""
    done = Shell(world, tmp_path / "nowhere")("sync")
    assert (done.returncode, done.stdout, done.stderr.count("Traceback")) == (2, "", 0)
    assert "does not exist" in " ".join(done.stderr.split())


def test_doctor_finds_everything_well(shell: Prompt) -> None:
    """In the order in which a run would meet it."""
    found = shell.json("doctor")
    assert found["ok"]
    assert [c["name"] for c in found["checks"]] == [
        "settings",
        "catalogue",
        "alerts",
        "engine",
        "home",
        "database",
        "source",
        "columns",
        "same source",
        "deletions",
        "clocks",
        "generations",
        "embedders",
        "embedder local",
        "index",
        "workers",
        "continuity",
    ]


def test_sample_and_db_url_and_migrate(shell: Prompt, world: World, tmp_path: Path) -> None:
    """The smaller commands."""
    found = shell.json("sample", str(tmp_path / "s"), "--cases", "5", "--seed", "2")
    assert found["rows"]["Case"] == 5
    assert shell("sample", str(tmp_path / "s")).returncode == 2
    assert shell("db-url").stdout.strip() == world.dsn
    assert shell.json("migrate")["revision"] == shell.json("migrate")["revision"]


def test_only_one_run_at_a_time(shell: Prompt, world: World) -> None:
    """A second one says so instead of working beside it."""
    import psycopg

    from everycase.store import locks

    with psycopg.connect(world.dsn, autocommit=True) as conn, locks.wait_for(conn, locks.PIPELINE, seconds=1):
        from everycase.domain.errors import AnotherRunAtWork
        from everycase.pipeline import run

        wait, run.LOCK_WAIT_S = run.LOCK_WAIT_S, 0.5
        try:
            with pytest.raises(AnotherRunAtWork, match="another everycase run"):
                world.sync(shell.env["EVERYCASE_SOURCE"])
        finally:
            run.LOCK_WAIT_S = wait


def test_reset_lists_asks_and_removes(world: World, tmp_path: Path) -> None:
    """Nothing goes without a word; afterwards the next sync begins with nothing."""
    shell = Prompt(world, write_export(tmp_path / "x", Case=[case(1), case(2)]))
    shell("sync")
    asked = shell("reset")
    assert (asked.returncode, "2 cases" in asked.stdout, "--yes" in asked.stderr) == (2, True, True)
    assert shell.json("reset")["removed"] is False
    assert shell.json("status")["counts"]["index"] == 2
    done = shell.json("reset", "--yes")
    assert (done["cases"], done["objects"], done["removed"]) == (2, 2, True)
    assert (
        world.rows("select nspname from pg_namespace where nspname in ('udp', 'recon', 'vector_index')") == []
    )
    assert shell("status").returncode == 2
    assert shell.json("sync")["created"] == 2


def test_which_failures_give_exit_code_1_can_be_said(world: World, tmp_path: Path) -> None:
    """A script that fails on new failures hears of a bad row once; the failure stays open and is shown."""
    export = tmp_path / "x"
    shell = Prompt(world, write_export(export, Case=[case(1), case(2, CaseNumber="")]))
    assert shell("sync", "--fail-on", "new").returncode == 1
    assert shell("status", "--fail-on", "new").returncode == 1
    assert shell("sync").returncode == 1
    for words in (["sync"], ["run"], ["reconcile"], ["status"], ["failures"]):
        assert shell(*words, "--fail-on", "new").returncode == 0, words
        assert shell(*words, "--fail-on", "any").returncode == 1, words
        assert shell(*words, "--fail-on", "none").returncode == 0, words
        assert shell(*words, "--exit-zero").returncode == 0, words
    assert "1 failure waits" in shell("sync", "--exit-zero").stdout
    write_export(export, Case=[case(1), case(2, CaseNumber=""), case(3, Subject="", Description="")])
    assert shell("run", "--fail-on", "new").returncode == 1
    assert shell("run", "--fail-on", "new").returncode == 0


@pytest.mark.parametrize("words", [["sync", "--exit-zero"], ["status", "--fail-on", "none"]])
def test_a_command_that_does_not_work_says_so_whatever_failures_count(
    world: World, tmp_path: Path, words: list[str]
) -> None:
    """Wrong use and what cannot be reached are no failures of cases."""
    shell = Prompt(world, tmp_path / "nowhere")
    assert shell(*words, EVERYCASE_ENGINE="horses").returncode == 2
    assert shell(*words, EVERYCASE_DATABASE_URL="postgresql://me@127.0.0.1:1/x").returncode == 4
