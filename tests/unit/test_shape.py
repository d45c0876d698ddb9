"""The code stays small: median function 6 lines, nine of ten at most 18, none over 40; modules up to 350."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "everycase"

LISTS = ("domain/catalogue.py", "redaction/patterns.py", "sources/sample/words.py", "sources/sample/case.py")
"""Modules that are lists: of words, sentences, patterns or fields."""

LONGEST_MODULE, LONGEST_FUNCTION = 350, 40


def functions() -> list[tuple[int, str]]:
    """Every function with its lines, from `def` to its end, the longest first."""
    found = []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                found.append((lines, f"{file.relative_to(PACKAGE)}:{node.lineno} {node.name}"))
    return sorted(found, reverse=True)


def test_functions_are_short() -> None:
    """The longest are printed where they are not."""
    found = functions()
    lines = [n for n, _ in found]
    worst = "\n".join(f"{n:4} {name}" for n, name in found[:10])
    assert statistics.median(lines) <= 6, worst
    assert lines[len(lines) // 10] <= 18, worst
    assert lines[0] <= LONGEST_FUNCTION, worst


def test_modules_are_short() -> None:
    """But for lists."""
    sizes = {
        str(f.relative_to(PACKAGE)): len(f.read_text(encoding="utf-8").splitlines())
        for f in PACKAGE.rglob("*.py")
    }
    long = {name: n for name, n in sizes.items() if n > LONGEST_MODULE and name not in LISTS}
    assert not long, sorted(long.items(), key=lambda i: -i[1])
