"""The documents speak of what there is: every command, every setting, every decision."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from everycase.cli.commands import app
from everycase.settings import Settings, ThresholdSettings, examples

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


def test_the_example_of_each_setting_stands_in_its_page() -> None:
    """As errors show it."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    shown = page.split("## An example of each")[1].split("```")[1].strip().splitlines()
    assert shown == [f"{name}={examples.quoted(value)}" for name, value in examples.variables()]


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


def test_every_rule_that_the_code_names_stands_in_the_repository() -> None:
    """`contract §11` is a section of docs/rules.md; nothing refers to a file that is not here."""
    sections = set(
        re.findall(r"^## §(\d+) ", (ROOT / "docs" / "rules.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    for folder in ("src", "tests", "benchmarks", "docs"):
        for file in (f for f in (ROOT / folder).rglob("*") if f.suffix in (".py", ".sql", ".md", ".j2")):
            text = file.read_text(encoding="utf-8")
            named = set(re.findall(r"§(\d+)", text))
            assert named <= sections, f"{file}: {sorted(named - sections)}"
            assert "fact" + "s/" not in text, f"{file} refers to a page that is not here"
    told = (ROOT / "docs" / "facts.md").read_text(encoding="utf-8")
    named = set(re.findall(r"docs/facts\.md (\d+)", _all_sources()))
    assert named <= set(re.findall(r"^(\d+)\. ", told, re.MULTILINE))


def _all_sources() -> str:
    return "".join(f.read_text(encoding="utf-8") for f in (ROOT / "src").rglob("*.py"))
