"""What a person sees on a terminal: lines that fit, whole words, colours that are no more than a help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from rich.cells import cell_len

from everycase.cli.commands import app
from tests.support.exports import case, record_id, write_export
from tests.support.shell import Prompt, Shell
from tests.support.world import World

LONG = "A subject with many words about a server that does not boot after 電源 and a memory upgrade " * 2

CALLS = {
    "run": "",
    "sync": "",
    "plan": "",
    "serve": "--once",
    "status": "",
    "trace": "40000001 -v",
    "search": "server",
    "redact": "{text}",
    "runs": "",
    "report": "",
    "report --gaps": "",
    "reconcile": "--deep",
    "failures": "",
    "failures --group": "",
    "retry": "--all",
    "resume": "",
    "prune": "",
    "doctor": "",
    "sample": "{folder} --cases 3",
    "migrate": "",
    "index build": "",
    "index switch": "",
    "index drop": "SupportCase_v1",
    "index list": "",
    "golden add": "server 40000001",
    "golden list": "",
    "golden remove": "server",
    "token create": "j.doe",
    "token list": "",
    "token revoke": "j.doe",
    "db-url": "",
    "stop": "",
    "reset": "--yes",
}
"""Each command, with words that it takes; in an order in which each has something to show."""


def _names(group: typer.Typer) -> Iterator[str]:
    """The commands as they are typed, those of groups with the group's name."""
    for name, found in typer.main.get_command(group).commands.items():  # type: ignore[attr-defined]
        yield from (f"{name} {inner}" for inner in found.commands) if hasattr(found, "commands") else [name]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Long subjects, a case that fails, and a row that cannot be read."""
    cases = [
        *(case(n, Subject=LONG) for n in range(1, 4)),
        case(5, CaseNumber=""),
        case(6, CaseNumber="no number"),
    ]
    return write_export(tmp_path / "x", Case=cases)


def test_all_commands_are_looked_at() -> None:
    """A new command gets a line in `CALLS`."""
    assert {name.split(" --")[0] for name in CALLS} == set(_names(app))


def test_what_commands_print_fits_80_columns(
    world: World, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Except the database's address, and texts of the user's own that are shown as they are."""
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("Dear Ada Lovelace, ada@example.org is my address.\n", encoding="utf-8")
    shell = Prompt(world, Path(export.name))
    for name, more in CALLS.items():
        done = shell(*name.split(), *more.format(text="text.txt", folder="sample").split(), COLUMNS="80")
        assert done.returncode in (0, 1, 2), f"{name}: {done.stderr}"
        said = (done.stdout if name != "db-url" else "") + done.stderr
        too_wide = [line for line in said.splitlines() if cell_len(line) > 80]
        assert not too_wide, f"{name}: {too_wide}"
        assert "unexpected" not in said, f"{name}: {said}"


@pytest.mark.parametrize("name", [*CALLS, ""])
def test_help_fits_80_columns_and_cuts_no_option(world: World, tmp_path: Path, name: str) -> None:
    said = Prompt(world, tmp_path)(*name.split(" --")[0].split(), "--help", COLUMNS="80").stdout
    assert max(map(cell_len, said.splitlines())) <= 80
    assert not re.search(r"│ -[\w-]*…", said)


def test_in_a_pipe_a_sentence_is_one_line(world: World, export: Path) -> None:
    """So that a search for it finds it, in the output as in a log."""
    shell = Prompt(world, export)
    shell("sync")
    said = shell("trace", record_id("Case", 6), COLUMNS="").stdout
    assert re.search(r"(?m)^Case .* not in the index: refused at extraction, Case.csv line 6: ", said)


def test_colours_only_repeat_what_the_signs_say(world: World, export: Path) -> None:
    """The same text with and without them; `NO_COLOR` and a pipe have none."""
    plain = Shell(world, export)("doctor")
    coloured = Shell(world, export)("doctor", FORCE_COLOR="1", TERM="xterm")
    silenced = Shell(world, export)("doctor", FORCE_COLOR="1", NO_COLOR="1", TERM="xterm")
    assert "\x1b[32mok " in coloured.stdout
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured.stdout) == plain.stdout
    assert not re.search(r"\x1b\[[0-9;]*3\dm", silenced.stdout + plain.stdout)
    assert all(line.startswith(("ok ", "BAD ")) for line in plain.stdout.splitlines())
