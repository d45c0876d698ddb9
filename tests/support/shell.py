"""The commands as a person or a script runs them: in a process of their own, or quicker in this one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from everycase.cli.commands import app
from tests.support.world import World


class Shell:
    """Runs everycase in a process of its own."""

    patience: float = 300
    """Seconds until a command is given up."""

    def __init__(self, world: World, source: Path | str, **settings: Any) -> None:
        self.env = world.environment(source, **settings)

    def __call__(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "everycase.cli", *words],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=self.patience,
        )

    def json(self, *words: str, **env: str) -> dict:
        return json.loads(self(*words, "--json", **env).stdout)


class Prompt(Shell):
    """Runs everycase in this process: ten times as quick, for what does not depend on the process."""

    def __call__(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        kept = ("EVERYCASE_", "PG", "TMPDIR", "COLUMNS")
        given = {k: v for k, v in {**self.env, **env}.items() if k.startswith(kept)}
        done = CliRunner().invoke(app, list(words), env=given)
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)
