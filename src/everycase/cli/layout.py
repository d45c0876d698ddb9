"""Fit text and tables into a number of columns. Lines break between words; no word of prose is cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

GLUE = "\u00a0"
"""A no-break space: no line is wrapped at it, and it is printed as an ordinary blank."""

_SHORTEST = 8
"""The least width of a table column, however narrow the output is."""


def stretches(text: str, width: int, *, rest: int | None = None) -> list[tuple[int, int]]:
    """The start and end of each line of the wrapped text. `rest`: the width of all lines but the first.

    A word that is longer than a line stands whole on a line of its own, so that it can be copied.
    """
    found: list[tuple[int, int]] = []
    start = end = 0
    for word in re.finditer(r"[ \t]*[^ \t]+", text):
        room = width if rest is None or not found else rest
        if end > start and cell_len(text[start : word.end()]) > room:
            found.append((start, end))
            start = word.end() - len(word[0].lstrip())
        end = word.end()
    return [*found, (start, end)]


def wrap(text: str, width: int | None, *, indent: int = 4) -> list[str]:
    """Wrap a line into lines of at most `width` columns. Later ones are indented by `indent` more."""
    if width is None or cell_len(text) <= width:
        return [text.replace(GLUE, " ")]
    before = " " * (len(text) - len(text.lstrip(" ")) + indent)
    first, *others = stretches(text, width, rest=width - len(before))
    lines = [text[slice(*first)], *(before + text[slice(*other)] for other in others)]
    return [line.replace(GLUE, " ") for line in lines]


def lay_out(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the lines of a plain table, at most `width` columns wide. Numbers are right-aligned.

    What is too wide is broken between words first. Then the gaps between the columns become narrow, and
    only then words are shortened in their middle, those of the widest column first.
    """
    table = [list(columns), *(list(row) for row in rows)]
    gap, widths = _fit(list(zip(*table, strict=True)), width)
    is_right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(columns))]
    return [line for row in table for line in _row(row, widths, is_right, gap)]


def _is_number(cell: str) -> bool:
    return not cell or cell.replace(",", "").replace(".", "").strip("%-").isdigit()


def _fit(columns: Sequence[Sequence[str]], width: int) -> tuple[int, list[int]]:
    """The gap between the columns, and the width of each column."""
    whole = [max(map(cell_len, cells)) for cells in columns]
    least = [max(cell_len(word) for cell in cells for word in cell.split(" ")) for cells in columns]
    for gap in (2, 1):
        room = width - gap * (len(columns) - 1)
        if sum(least) <= room:
            return gap, _shrink(whole, least, room)
    return 1, _shrink(least, [min(n, _SHORTEST) for n in least], room)


def _shrink(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Narrow the widest columns, none below its `least` width, until all fit into `room`."""
    found = list(widths)
    while sum(found) > room:
        _, widest = max((n, i) if n > least[i] else (-1, i) for i, n in enumerate(found))
        if found[widest] <= least[widest]:
            break
        found[widest] -= 1
    return found


def _row(cells: Sequence[str], widths: Sequence[int], is_right: Sequence[bool], gap: int) -> Iterable[str]:
    """The lines of one row."""
    folded = [_fold(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for number in range(max(map(len, folded))):
        parts = []
        for lines, width, right in zip(folded, widths, is_right, strict=True):
            text = lines[number] if number < len(lines) else ""
            blanks = " " * (width - cell_len(text))
            parts.append(blanks + text if right else text + blanks)
        yield (" " * gap).join(parts).rstrip()


def _fold(cell: str, width: int) -> list[str]:
    words = " ".join(shorten(word, width) for word in cell.replace("\n", " ").split(" "))
    return [words[slice(*s)].replace(GLUE, " ") for s in stretches(words, width)]


def shorten(word: str, width: int) -> str:
    """Shorten a word by its middle: `5008d00…NHAAW`. Most names, ids and paths differ at an end."""
    if cell_len(word) <= width:
        return word
    head, tail = (width - 1) // 2 + (width - 1) % 2, (width - 1) // 2
    return f"{word[:head]}…{word[len(word) - tail :]}"
