"""The house is as its picture says, and its contracts fail when they are broken."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "everycase"


def imports_by_room() -> dict[str, set[str]]:
    """Each room at the top of the package, with the other rooms that it imports."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    rooms: dict[str, set[str]] = {m.split(".")[1]: set() for m in graph.find_children(PACKAGE)}
    for module in graph.modules - {PACKAGE}:
        room = module.split(".")[1]
        targets = {t.split(".")[1] for t in graph.find_modules_directly_imported_by(module) if "." in t}
        rooms[room] |= targets - {room}
    return rooms


def picture() -> dict[str, set[str]]:
    """The arrows of docs/architecture.md."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    lines = re.findall(r"^(\w+) +→ ([\w, ]+)$", page, re.MULTILINE)
    return {room: set(behind.split(", ")) for room, behind in lines}


def test_the_picture_shows_the_imports() -> None:
    """Every room with every arrow, and how many there are."""
    rooms = imports_by_room()
    assert picture() == {room: behind for room, behind in rooms.items() if behind}
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert f"{len(rooms)} rooms and {sum(map(len, rooms.values()))} arrows" in page
    for room in rooms:
        assert re.search(rf"^{room}(/|\.py) ", page, re.MULTILINE), room


def test_the_top_of_the_package_holds_no_loose_file() -> None:
    """Only the two that have no room of their own."""
    files = {f.stem for f in (ROOT / "src" / PACKAGE).glob("*.py")} - {"__init__"}
    assert files == {"telemetry", "notify"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to break."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def contracts_hold(copy: Path) -> bool:
    run = (
        f"import sys; sys.path.insert(0, {str(copy / 'src')!r}); "
        "from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=copy, capture_output=True, text=True, check=False, timeout=120
    )
    assert "Traceback" not in done.stderr
    return done.returncode == 0


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (None, ""),
        ("cli/look.py", "from everycase.store import db"),
        ("cli/show.py", "from everycase.pipeline.plan import Plan"),
        ("cli/load.py", "from everycase.reconcile import loop"),
        ("web/__init__.py", "from everycase.store import db"),
        ("domain/errors.py", "from everycase.domain.failures import Failure"),
        ("loose.py", ""),
        ("pipeline/stray.py", ""),
        ("store/stray.py", ""),
        ("reconcile/stray.py", ""),
        ("indexes/stray.py", ""),
    ],
)
def test_a_contract_fails_when_it_is_broken(copy: Path, file: str | None, line: str) -> None:
    """A forbidden import, a circle, a module without a layer; and the package as it stands passes."""
    if file:
        target = copy / "src" / PACKAGE / file
        target.parent.mkdir(exist_ok=True)
        before = target.read_text(encoding="utf-8") if target.exists() else '"""A stray."""\n'
        target.write_text(f"{before}\n{line}\n", encoding="utf-8")
    assert contracts_hold(copy) is (file is None)


HEAVY = ("alembic", "apprise", "charset_normalizer", "cryptography", "fastapi", "httpx", "ijson", "numpy")
HEAVY += ("onnxruntime", "phonenumbers", "re2", "sqlalchemy", "weaviate", "wordllama")


def test_a_command_imports_what_it_uses() -> None:
    """No library that one command in three needs is imported before that command asks for it."""
    look = f"import sys, everycase.cli.__main__; sys.exit(', '.join(set({HEAVY}) & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
