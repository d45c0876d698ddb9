"""RE2 on bytes, with the offsets given in characters: linear in the text, whatever the pattern."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 64 << 20


@dataclass(frozen=True, slots=True)
class Match:
    """A hit of one named alternative. `start` and `end` in characters of the text."""

    name: str
    start: int
    end: int
    text: str


class Alternatives:
    """Named patterns, found in one pass; where two begin at one place, the earlier one wins.

    Compiled when first used: commands that redact nothing start at once.
    """

    def __init__(self, patterns: dict[str, str]) -> None:
        self._patterns = patterns

    @cached_property
    def _compiled(self) -> Any:
        joined = "|".join(f"(?P<{name}>{pattern})" for name, pattern in self._patterns.items())
        return re2.compile(joined.encode(), _OPTIONS)

    @cached_property
    def _names(self) -> dict[int, str]:
        index = self._compiled.groupindex
        return {i: n.decode() if isinstance(n, bytes) else n for n, i in index.items()}

    def find(self, text: str, raw: bytes) -> Iterator[Match]:
        """Every hit, in order. `raw` is `text` in UTF-8."""
        is_ascii = len(raw) == len(text)
        at_byte = at_char = 0
        for found in self._compiled.finditer(raw):
            start, end = found.span()
            if start == end:
                continue
            name = self._names.get(found.lastindex or 0, "")
            if is_ascii:
                yield Match(name, start, end, text[start:end])
                continue
            at_char += len(raw[at_byte:start].decode("utf-8", "replace"))
            width = len(raw[start:end].decode("utf-8", "replace"))
            yield Match(name, at_char, at_char + width, text[at_char : at_char + width])
            at_byte, at_char = end, at_char + width


def is_bounded(text: str, start: int, end: int) -> bool:
    """Whether `[start, end)` stands alone: no letter or digit of the same kind touches it."""
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    return not (before.isalnum() and text[start].isalnum()) and not (
        after.isalnum() and text[end - 1].isalnum()
    )
