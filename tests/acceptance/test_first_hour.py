"""What a new user does: the README's commands in order, and the transcript of the first hour."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import first_hour

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

SAYS: dict[str, tuple[int, str]] = {
    "make run": (
        0,
        r"Sync from sample in .*300 created(.|\n)*Still Failed: 0 cases(.|\n)*Actions Required:",
    ),
    'search "server': (0, r"(?m)^\d{8}  \d\.\d{3}  \S"),
    'search "drive': (0, r"(?m)^\d{8}  \d\.\d{3}  \S(.|\n)*status: Closed"),
    "trace": (0, r"Case 30000099 · record \w{18}: in the index since"),
    "status": (0, r"Completeness: 100% of the cases"),
    "reconcile --deep": (0, r"Status: completed · 100% complete(.|\n)*300 objects read back and probed"),
    "report --format html > report.html": (0, r"^$"),
    "doctor": (0, r"(?m)\A(?:reading .*\n)*ok(?!(.|\n)*^BAD )"),
    "plan": (0, r"create +60\b"),
    "sync": (0, r"Sync from export in .*60 created"),
    "failures": (0, r"No failures"),
    "reconcile": (0, r"Status: completed · 100% complete"),
    "serve": (0, r"serving at http://127\.0\.0\.1:\d+"),
}
"""The beginning of each command of the README: its exit code, and what it prints."""


def _commands(heading: str) -> list[str]:
    """The lines of the last code block under a heading, without their comments."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    block = section.split("```")[-2]
    return [line.split("  #")[0].rstrip() for line in block.strip().splitlines()]


@pytest.fixture
def bare() -> Iterator[Path]:
    """A machine on which nobody has run everycase: a folder with the checkout's .venv, and no home yet."""
    folder = Path(tempfile.mkdtemp(prefix="everycase-bare-"))
    folder.chmod(0o755)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    yield folder
    _run(".venv/bin/everycase stop", folder)
    shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("EVERYCASE_")}
    small = {"EVERYCASE_SAMPLE_CASES": "300", "EVERYCASE_SERVE__PORT": "0"}
    return {**kept, **small, "EVERYCASE_HOME": str(folder / "home"), **more}


def _run(command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT if command.startswith("make") else folder,
        env=_environment(folder, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=900,
    )


def _serve(command: str, folder: Path, **more: str) -> tuple[int, str]:
    """Start it, read until it says where it serves, and end it as a person would."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=folder,
        env=_environment(folder, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if "serving at" in line:
            process.send_signal(signal.SIGINT)
            break
    return process.wait(timeout=120), said + process.stdout.read()


def _must_do_what_it_says(command: str, folder: Path, **more: str) -> str:
    words = command.removeprefix(".venv/bin/everycase ")
    known = next(s for s in sorted(SAYS, key=len, reverse=True) if words.startswith(s))
    if words == "serve":
        code, said = _serve(command, folder, **more)
    else:
        done = _run(command, folder, **more)
        code, said = done.returncode, done.stdout
    assert (code, bool(re.search(SAYS[known][1], said))) == (SAYS[known][0], True), f"{command}\n{said}"
    return said


def _skeleton(text: str) -> list[str]:
    """The lines without what differs from run to run."""
    lines = (re.sub(r"\d[\d,.:-]*", "N", line) for line in text.splitlines())
    return [" ".join(line.split()) for line in lines if line.strip() and not line.startswith("Removed")]


@pytest.mark.slow
def test_the_commands_of_the_readme_do_what_it_says(bare: Path) -> None:
    """In order, on a bare home: the sample (of 300 cases, to save time), then an export of one's own."""
    printed = ""
    for command in _commands("How do I try it?"):
        said = _must_do_what_it_says(command, bare)
        printed = printed or said
    assert (bare / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    shown = _skeleton(README.split("## What does a run print?\n")[1].split("```")[1])
    assert set(shown) <= set(_skeleton(printed))
    assert _run(".venv/bin/everycase sample own --cases 60", bare).returncode == 0
    source: dict[str, str] = {}
    for command in _commands("How do I load my own cases?"):
        if command.startswith("export EVERYCASE_SOURCE="):
            source = {"EVERYCASE_SOURCE": shutil.make_archive(str(bare / "own"), "zip", bare / "own")}
        else:
            _must_do_what_it_says(command, bare, **source)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the page was written by Python 3.11")
def test_the_page_of_the_first_hour_is_what_a_run_prints() -> None:
    """Written by `make first-hour`; where this fails, look at the difference and write it anew."""
    assert first_hour.make_page() == first_hour.PAGE.read_text(encoding="utf-8")
