"""The clients from npm that the stand-in is held against, installed once outside of the tree."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from filelock import FileLock

_HERE = Path(__file__).parent / "witness"
_INSTALLED = Path(__file__).resolve().parents[3] / ".tools" / "salesforce-witness"
_FILES = ("package.json", "package-lock.json", "read.mjs", "parse.mjs")


class NoNode(Exception):
    """Node or its packages are not to be had on this machine."""


def run_script(script: str, *arguments: str, given: str = "") -> Any:
    """What a script of `witness/` prints, as JSON. Raises `NoNode`."""
    folder = _install()
    done = subprocess.run(
        ["node", script, *arguments], cwd=folder, input=given, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _install() -> Path:
    """The folder with the packages in it; `npm ci` once."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise NoNode("there is no Node on the PATH")
    _INSTALLED.mkdir(parents=True, exist_ok=True)
    with FileLock(_INSTALLED / ".lock"):
        for name in _FILES:
            shutil.copy(_HERE / name, _INSTALLED / name)
        if not (_INSTALLED / "node_modules" / "jsforce").is_dir():
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=_INSTALLED, capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise NoNode("npm ci does not get the packages of tests/support/salesforce/witness")
    return _INSTALLED
