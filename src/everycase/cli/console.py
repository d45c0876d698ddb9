"""What a person sees: progress on stderr, results on stdout."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, TextIO
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from everycase.cli.layout import GLUE, lay_out, stretches, wrap
from everycase.domain.runs import BatchResult

_WIDE = 160
"""The width of a table, in columns, where the width of the output is not known."""
_NARROWEST = 40


class _Console(Console):
    """A console that leaves a closed pipe to its caller; rich would end the process with exit code 1."""

    def on_broken_pipe(self) -> None:
        raise  # the BrokenPipeError during whose handling this is called


def _open_streams() -> None:
    """Make stdout and stderr writable: closed ones lead nowhere, characters they lack become `?`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


_open_streams()

OUT = _Console(highlight=False, soft_wrap=True)
ERR = _Console(stderr=True, highlight=False, soft_wrap=True)

_LINE_EVERY_S = 5.0


def flush() -> None:
    """Write what is buffered. Raises `OSError`, once: what cannot be written is dropped."""
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()
        raise


def drop_output() -> None:
    """From now on stdout leads nowhere, so that the end of the process does not try again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(values: Mapping[str, Any]) -> None:
    """One JSON object on stdout; in ASCII where stdout cannot take all characters."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(values, default=_plain, ensure_ascii=not is_utf8) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"cannot print a {type(value).__name__}")


_COLOURS = {
    "ok ": "green",
    "✅": "green",
    "⚠️": "yellow",
    "! ": "yellow",
    "BAD": "bold red",
    "❌": "red",
}
"""The colour of a line by the sign that it begins with. The sign has the same meaning without colours."""


def width(stream: TextIO | None = None) -> int | None:
    """The width of a stream (default: stdout) in columns, from `COLUMNS` or else from its terminal.

    None in a pipe or file: lines are not broken there, so that a search finds a whole sentence.
    """
    if (columns := os.environ.get("COLUMNS", "")).isdigit():
        return max(int(columns), _NARROWEST)
    try:
        return max(os.get_terminal_size((stream or sys.stdout).fileno()).columns, _NARROWEST)
    except (OSError, ValueError):
        return None


def say(text: str = "", *, indent: int = 4, columns: int | None = None) -> None:
    """Print a text to stdout, wrapped to its width. Continuation lines are indented by `indent` more.

    On a terminal each line has the colour of the sign that it begins with. `columns`: the width in a pipe.
    """
    for line in text.split("\n"):
        OUT.print(Text("\n".join(wrap(line, width() or columns, indent=indent)), style=_colour(line)))


def _colour(line: str) -> str:
    return next((colour for sign, colour in _COLOURS.items() if line.startswith(sign)), "")


def verbatim(text: str) -> None:
    """Print a text as it is, whatever the width."""
    OUT.print(Text(text))


def marked(text: str, marks: Iterable[tuple[int, int]], *, indent: int = 0) -> None:
    """A text whose marked stretches stand out."""
    shown = Text(text)
    for start, end in marks:
        shown.stylize("bold", start, end)
    room = (width() or len(text) + indent) - indent
    for start, end in stretches(text, room):
        OUT.print(Text(" " * indent) + shown[start:end])


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def complain(text: str) -> None:
    """Print a line on stderr. If nobody reads stderr any more, the line is dropped and the run goes on."""
    try:
        ERR.print(Text("\n".join(wrap(text, width(sys.stderr)))))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table; numbers to the right."""
    OUT.print(Text(title, style="bold"))
    shown = [[_cell(c) for c in row] for row in rows]
    OUT.print(Text("\n".join(lay_out(columns, shown, width() or _WIDE))))


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
        return moment(value).replace(" ", GLUE)
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

    def rows(self, source_object: str, count: int, expected: int | None) -> None:
        share = f" of {expected:,} ({min(count / expected, 1):.0%})" if expected else ""
        self._line(f"reading {source_object}: {count:,} rows{share}")

    def step(self, doing: str, count: int) -> None:
        self._line(f"{doing}: {count:,}")

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

    def rows(self, source_object: str, count: int, expected: int | None) -> None:
        if self._reading is None:
            self._reading = self._bar.add_task("reading", total=None)
        self._bar.update(
            self._reading, description=f"reading {source_object}", completed=count, total=expected
        )

    def step(self, doing: str, count: int) -> None:
        if self._reading is None:
            self._reading = self._bar.add_task(doing, total=None)
        self._bar.update(self._reading, description=doing, completed=count, total=None)

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
