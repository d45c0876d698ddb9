"""What a person sees: progress on stderr, results on stdout."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from types import TracebackType
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from everycase.domain.runs import BatchResult

_WIDE = 160
"""Columns where nobody says how wide the output is: tables in logs and pipes are not folded."""

OUT = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)

_LINE_EVERY_S = 5.0


def print_json(found: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(json.dumps(found, default=_plain, ensure_ascii=False) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"cannot print a {type(value).__name__}")


def say(text: str = "") -> None:
    OUT.print(Text(text))


def complain(text: str) -> None:
    ERR.print(Text(text))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table; numbers to the right."""
    shown = [[_cell(c) for c in row] for row in rows]
    drawn = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for i, name in enumerate(columns):
        is_number = all(r[i].replace(",", "").replace(".", "").strip("%-").isdigit() for r in shown if r[i])
        drawn.add_column(name, justify="right" if shown and is_number else "left", overflow="fold")
    for row in shown:
        drawn.add_row(*(Text(c) for c in row))
    OUT.print(drawn)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return str(value)


class ProgressLines:
    """Progress for logs and pipes: a plain line on stderr now and then. Silent when asked to be."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet, self._last = quiet, 0.0
        self._done = self._total = self._failed = 0

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def rows(self, source_object: str, count: int) -> None:
        self._line(f"reading {source_object}: {count:,} rows")

    def start(self, cases: int) -> None:
        self._total, self._done, self._failed, self._last = cases, 0, 0, 0.0
        self._line(f"{cases:,} cases to work on")

    def batch(self, result: BatchResult) -> None:
        self._done += result.cases
        self._failed += result.failed
        if self._done >= self._total:
            self._last = 0.0
        failed = f", {self._failed:,} failed" if self._failed else ""
        self._line(f"{self._done:,} of {self._total:,} cases{failed}")

    def _line(self, text: str) -> None:
        if self._quiet or time.monotonic() - self._last < _LINE_EVERY_S:
            return
        self._last = time.monotonic()
        complain(text)


class ProgressBar:
    """Progress for a terminal."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=ERR,
            transient=True,
        )
        self._reading: TaskID | None = None
        self._cases: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def rows(self, source_object: str, count: int) -> None:
        if self._reading is None:
            self._reading = self._bar.add_task("reading", total=None)
        self._bar.update(self._reading, description=f"reading {source_object}", completed=count)

    def start(self, cases: int) -> None:
        for over in (self._reading, self._cases):
            if over is not None:
                self._bar.remove_task(over)
        self._reading, self._cases = None, self._bar.add_task("cases", total=cases)

    def batch(self, result: BatchResult) -> None:
        if self._cases is not None:
            self._bar.advance(self._cases, result.cases)


def progress(*, quiet: bool) -> ProgressLines | ProgressBar:
    """A bar on a terminal, plain lines elsewhere, nothing when the output is for a program."""
    if quiet:
        return ProgressLines(quiet=True)
    return ProgressBar() if ERR.is_terminal else ProgressLines()
