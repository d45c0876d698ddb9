"""A first load into the embedded index: the graph grown row by row, and built at the end.

Usage: python -m benchmarks.graph [--cases 20000] [--width 384] [--rounds 3]
Both ways in turn, into empty tables. Seconds of CPU of PostgreSQL, so that what else the machine does counts
little; the invented cases are made and sent in both ways alike.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.lean import Invented, load
from benchmarks.measured import server_cpu_s
from everycase.indexes.embedded.index import EmbeddedIndex
from everycase.store import db, embedded


class RowByRow(EmbeddedIndex):
    """An index that puts nothing off."""

    def begin_load(self, space: str, objects: int) -> None:
        """The graph stays."""


def cpu_s(home: Path, kind: type[EmbeddedIndex], cases: int, width: int) -> float:
    """Of the server, for one load into empty tables."""
    dsn = embedded.start(home)
    with db.connect(dsn) as conn:
        conn.execute("drop schema if exists vector_index cascade")
        conn.execute("checkpoint")
    pool = db.open_pool(dsn, size=2)
    try:
        index, invented = kind(pool), Invented(width=width, space=f"benchmark/model@{width}")
        index.prepare({invented.space: width})
        before = server_cpu_s(home)
        load(index, invented, cases)
        return server_cpu_s(home) - before
    finally:
        pool.close()


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(words)
    home = Path(tempfile.mkdtemp(prefix="ecg", dir="/tmp"))
    ways = {"row by row": RowByRow, "at the end": EmbeddedIndex}
    found: dict[str, list[float]] = {name: [] for name in ways}
    try:
        for _ in range(given.rounds):
            for name, kind in ways.items():
                found[name].append(cpu_s(home, kind, given.cases, given.width))
                print(f"{given.cases:,} × {given.width}, {name}: {found[name][-1]:.1f} s of CPU", flush=True)
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)
    ratios = [a / b for a, b in zip(*found.values(), strict=True)]
    print(
        f"row by row / at the end: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
