"""The documents speak of what there is: every command, every setting, every decision."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from everycase.cli.commands import app
from everycase.settings import Settings, ThresholdSettings

ROOT = Path(__file__).resolve().parents[2]


def test_every_command_stands_in_the_readme() -> None:
    """And the readme names none that there is not."""
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"^\| `([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert named == commands


def test_every_setting_stands_in_its_page() -> None:
    """With its default, as far as it has one that can be written."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `EVERYCASE_(\w+?)(?:__…)?` \| ([^|]+) \|", page, re.MULTILINE))
    assert {n.lower() for n in rows} == set(Settings.model_fields)
    for name in ("source", "engine", "batch_size", "sample_cases", "sample_seed", "sample_size", "index"):
        assert f"`{Settings.model_fields[name].default}`" in rows[name.upper()]
    for name, field in ThresholdSettings.model_fields.items():
        assert f"`{name.upper()}` {field.default}" in " ".join(page.split())


def test_no_package_index_and_no_place_of_this_machine_is_named() -> None:
    """In no committed file."""
    hosts = re.compile("py" + r"pi\.org|pythonho" + r"sted\.org|/wor" + "k/main|/ro" + "ot/")
    for file in [
        *ROOT.glob("*.*"),
        *ROOT.glob("Makefile"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "src").rglob("*.py"),
    ]:
        if file.is_file() and file.name != ".git":
            assert not hosts.search(file.read_text(encoding="utf-8")), file.name
