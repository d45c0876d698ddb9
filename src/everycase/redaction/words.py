"""The word lists of the rules: files of this package, one concern a file, read once."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

_FOLDER = files(__package__) / "words"


@cache
def _lines(name: str) -> tuple[str, ...]:
    text = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


@cache
def words(name: str) -> frozenset[str]:
    """The words of a list, separated by white space in its file."""
    return frozenset(word for line in _lines(name) for word in line.split())


@cache
def phrases(name: str) -> frozenset[str]:
    """The phrases of a list, one a line in its file."""
    return frozenset(_lines(name))


@cache
def digest() -> str:
    """Over all word lists: a changed word is another version of the rules."""
    found = sorted((f.name, f.read_bytes()) for f in _FOLDER.iterdir() if f.name.endswith(".txt"))
    return hashlib.sha256(repr(found).encode()).hexdigest()
