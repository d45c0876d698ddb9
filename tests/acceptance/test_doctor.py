"""doctor finds before a sync what would go wrong in it, says what to do, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.support.exports import HEADERS, case, record_id, write_export, write_table
from tests.support.receiver import receiving
from tests.support.shell import Prompt
from tests.support.weaviate_server import GivenServer, WeaviateServer
from tests.support.weaviate_world import WeaviateWorld
from tests.support.world import World


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_export(tmp_path / "x", Case=[case(n) for n in range(40)])


@pytest.fixture
def shell(world: World, source: Path) -> Prompt:
    """With 40 cases loaded."""
    shell = Prompt(world, source)
    assert shell("sync").returncode == 0
    return shell


def bad(shell: Prompt, **env: str) -> dict[str, str]:
    """The checks that are not well."""
    return {c["name"]: c["detail"] for c in shell.json("doctor", **env)["checks"] if not c["ok"]}


def test_nothing_is_found_where_all_is_well(shell: Prompt) -> None:
    """Exit code 0."""
    assert (bad(shell), shell("doctor").returncode) == ({}, 0)


@pytest.mark.parametrize("is_marked", [True, False])
def test_a_mass_deletion_is_found(shell: Prompt, source: Path, is_marked: bool) -> None:
    """By marks as by absence (issue 12, 2)."""
    rows = [case(n, IsDeleted="true" if is_marked and n < 30 else "false") for n in range(40)]
    write_export(source, Case=rows if is_marked else rows[30:])
    assert list(bad(shell)) == ["deletions"]
    assert shell("doctor").returncode == 2


def test_both_sides_of_the_columns_are_shown_with_a_block_to_paste(shell: Prompt, tmp_path: Path) -> None:
    """The block, put into the settings file, maps the column (issue 18, 2)."""
    source = write_export(tmp_path / "labels")
    header = [h for h in HEADERS["Case"] if h != "Root_Cause__c"] + ["Root Cause (RCA)", "Colour"]
    rows = [{h: str(case(n).get(h, "red")) for h in header} for n in range(40)]
    write_table(source / "Case.csv", header, rows)
    at = {"EVERYCASE_SOURCE": str(source)}
    checks = {c["name"]: c for c in shell.json("doctor", **at)["checks"]}
    said = checks["columns"]["detail"]
    assert "Case has columns that nobody reads: Root Cause (RCA), Colour" in said
    block = said.partition("settings file:")[2]
    assert block.split() == ["[fields]", '"Case.Root_Cause__c"', "=", '"Root', "Cause", '(RCA)"']
    mapped = shell.json("doctor", **at, EVERYCASE_FIELDS='{"Case.Root_Cause__c": "Root Cause (RCA)"}')[
        "checks"
    ]
    assert {c["name"]: c for c in mapped}["columns"]["detail"] == "Case has columns that nobody reads: Colour"


def test_an_export_without_subjects_and_descriptions_is_found_before_a_sync(
    world: World, tmp_path: Path
) -> None:
    """Every case would fail; doctor names the columns that nobody reads, and how they are named."""
    header = "Id,CaseNumber,ContactName,Betreff,LastModifiedDate"
    row = f"{record_id('Case', 1)},40000001,Ada Quill,Server startet nicht,2026-01-05T09:30:00Z"
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "Case.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    others = "Task,WorkOrder,CaseComment,EmailMessage,WorkOrderFeed"
    done = Prompt(world, tmp_path / "x", without=others)("doctor")
    assert done.returncode == 2
    assert "BAD columns: no column holds Case.Subject and none Case.Description, so every case" in done.stdout
    assert "Case has columns that nobody reads: Betreff" in done.stdout


def test_a_mapping_to_a_column_that_is_not_there_is_an_error(shell: Prompt) -> None:
    """For doctor and for a sync, which would leave the field blank otherwise (issue 18, 2)."""
    wrong = {"EVERYCASE_FIELDS": '{"Case.Root_Cause__c": "RCA"}'}
    assert "has no column 'RCA'" in bad(shell, **wrong)["source"]
    done = shell("sync", **wrong)
    assert (done.returncode, "has no column 'RCA'" in done.stderr) == (2, True)


def test_another_source_is_found(shell: Prompt, tmp_path: Path) -> None:
    """Before its cases mix with those of the first (issue 12, 8)."""
    assert list(bad(shell, EVERYCASE_SOURCE="sample", EVERYCASE_SAMPLE_CASES="5")) == ["same source"]


def test_an_index_of_somebody_else_is_found(empty_database_url: str, tmp_path: Path, source: Path) -> None:
    """Nothing would be written there (issue 12, 9)."""
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        conn.execute("create schema vector_index")
        conn.execute("create table vector_index.support_case (theirs text)")
    shell = Prompt(World(empty_database_url, tmp_path), source)
    shell("migrate")
    assert list(bad(shell)) == ["index"]


def test_a_collection_of_somebody_else_is_found(
    empty_database_url: str, tmp_path: Path, source: Path, weaviate: WeaviateServer | GivenServer
) -> None:
    """In Weaviate as in PostgreSQL; nothing is written to it (issue 12, 9)."""
    world = WeaviateWorld(empty_database_url, tmp_path, weaviate)
    with world.client() as client:
        theirs = client.collections.create(world.alias)
        try:
            shell = Prompt(world, source)
            shell("migrate")
            settings = world.settings()
            env = {f"EVERYCASE_WEAVIATE__{name.upper()}": str(value) for name, value in settings.items()}
            found = bad(shell, EVERYCASE_INDEX="weaviate", **env)
            assert list(found) == ["index"]
            assert "is not everycase's" in found["index"]
            assert theirs.aggregate.over_all(total_count=True).total_count == 0
        finally:
            client.collections.delete(world.alias)


def test_a_counter_that_was_set_back_is_found(shell: Prompt, world: World) -> None:
    """As a restore without sequences leaves it (issue 12, 16)."""
    world.do("select setval('udp.generation', 1)")
    assert list(bad(shell)) == ["generations"]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into recon.schedule (name, last_start) values ('sync', now() + interval '3 days')",
        "update recon.sync_runs set start_time = now() + interval '3 days'",
        "insert into recon.provider_state (provider, updated_at) values ('local', now() + interval '3 days')",
    ],
)
def test_a_clock_that_was_ahead_is_found(shell: Prompt, world: World, statement: str) -> None:
    """What it recorded would hold up schedule or reconciliation (issue 12, 18)."""
    world.do(statement)
    assert list(bad(shell)) == ["continuity"]


def test_vectors_that_are_too_wide_are_found(shell: Prompt) -> None:
    """Before a sync pays for them (issue 12, 4)."""
    given = {
        "EVERYCASE_EMBEDDERS": "local-small,chathpe",
        "EVERYCASE_CHATHPE__URL": "http://127.0.0.1:1/v1",
        "EVERYCASE_CHATHPE__DIMENSIONS": "8000",
    }
    assert "settings" in bad(shell, **given)


def test_a_home_that_cannot_be_written_is_found(shell: Prompt, tmp_path: Path) -> None:
    """A file in its place."""
    (tmp_path / "file").write_text("")
    assert list(bad(shell, EVERYCASE_HOME=str(tmp_path / "file"))) == ["home"]


def test_a_test_message_goes_to_every_channel(shell: Prompt) -> None:
    """And the one that does not take it is named by its position, not by its address."""
    with receiving() as receiver:
        alerts = f"{receiver.url}, json://127.0.0.1:1/hidden-token"
        done = shell("doctor", "--send-test", EVERYCASE_ALERTS=alerts)
        assert receiver.titles() == ["everycase: test"]
    assert "ok  alert channel 1: took the test message" in done.stdout
    assert "BAD alert channel 2" in done.stdout
    assert (done.returncode, "hidden-token" in done.stdout + done.stderr) == (4, False)


def test_serve_once_says_nothing_when_nothing_is_due(shell: Prompt) -> None:
    """So that cron sends no mail. A job that failed would be due again after a minute: none did."""
    assert "sync" in shell("serve", "--once").stdout
    assert [j for j in shell.json("status")["jobs"] if j["error"]] == []
    again = shell("serve", "--once")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_key_that_has_another_name_is_an_error_that_says_how_to_map_it(
    shell: Prompt, tmp_path: Path
) -> None:
    """With the line for the settings file; nothing of the file is quoted, its first line may be a row."""
    source = write_export(tmp_path / "german")
    write_table(source / "Case.csv", ["Vorgangs-ID", "Betreff"], [{"Vorgangs-ID": "1", "Betreff": "x"}])
    said = bad(shell, EVERYCASE_SOURCE=str(source))["source"]
    assert "has no column Id and no column CaseNumber" in said
    assert '[fields] "Case.Id" = ' in said
    assert "Betreff" not in said


def test_one_round_of_doctor_gives_a_block_to_paste_that_works(world: World, tmp_path: Path) -> None:
    """Of an export with foreign headers, semicolons, an encoding of its own and files that it lacks.

    Only columns that nobody but a person can name are left to be filled in, and are listed.
    """
    source = _german_export(tmp_path / "x")
    shell = Prompt(world, source)
    said = bad(shell)["source"]
    block = said.partition("all of it for the settings file:\n")[2].replace("\n    ", "\n").strip()
    config = tmp_path / "everycase.toml"
    filled = block.replace('# "Case.Subject" = "…"', '"Case.Subject" = "Betreff"')
    filled = filled.replace('# "Case.Description" = "…"', '"Case.Description" = "Beschreibung"')
    filled = filled.replace('# "CaseComment.CommentBody" = "…"', '"CaseComment.CommentBody" = "Inhalt"')
    config.write_text(filled.replace('# "Case.Kunde"', '"Case.Kunde"'))
    done = shell("doctor", "--config", str(config))
    assert done.returncode == 0, done.stdout
    assert shell("run", "--config", str(config)).returncode == 0
    assert [o["subject"] for o in world.index()] == ["Lüfter steht", "Lüfter steht"]
    assert "Quillfeather" not in str(world.index())


def _german_export(folder: Path) -> Path:
    folder.mkdir()
    cases = [
        f"{record_id('Case', n)};4000000{n};Lüfter steht;Herr Quillfeather rief an;Quillfeather"
        for n in (1, 2)
    ]
    lines = ["Vorgangs-ID;Vorgangsnummer;Betreff;Beschreibung;Kunde", *cases]
    (folder / "Case.csv").write_bytes("\n".join(lines).encode("cp1252"))
    comments = [f"{record_id('CaseComment', n)};{record_id('Case', n)};für {n}" for n in (1, 2)]
    (folder / "CaseComment.csv").write_bytes("\n".join(["Nr;Vorgang;Inhalt", *comments]).encode("cp1252"))
    return folder


def test_the_first_line_of_a_file_without_a_header_is_not_quoted(shell: Prompt, tmp_path: Path) -> None:
    """It is a row: what it says of people stays where it is."""
    source = write_export(tmp_path / "bare")
    row = f"{record_id('Case', 1)},40000001,Quillfeather\n{record_id('Case', 2)},40000002,Ferrucci\n"
    (source / "Case.csv").write_text(row)
    said = bad(shell, EVERYCASE_SOURCE=str(source))["source"]
    assert "Quillfeather" not in said


def test_status_says_nothing_of_providers_that_are_not_asked_over_a_network(shell: Prompt) -> None:
    """A model in the process has embedded 40 cases: it has no calls, and is not "not asked yet"."""
    assert "Provider" not in shell("status", EVERYCASE_EMBEDDERS="local-small").stdout


def test_doctor_says_what_it_reads(shell: Prompt, source: Path) -> None:
    """It reads a new export from end to end; in a pipe a line now and then says how far it is."""
    write_export(source, Case=[case(n) for n in range(41)])
    assert "reading rows of Case" in shell("doctor").stderr
    assert shell("doctor", "--json").stderr == ""
