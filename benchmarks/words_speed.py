"""How long the embedded index searches by words, and how many of the true ten best it finds.

Usage: python -m benchmarks.words_speed [--cases 100000] [--queries 60] [--text tracker|invented]

The cases have either realistic text (benchmarks/tracker_text.py; it needs ../shared/data) or words that are
drawn one by one (benchmarks/lean.py), in which what a rare word says of a case tells nothing of its other
words. The true ten best are found by weighing every case that has any word of the query.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from benchmarks.lean import Invented
from benchmarks.search_speed import LENGTHS, cost, embedded_index, recall, server_of, shown
from benchmarks.tracker_text import DATA, Tracked
from everycase.indexes.embedded.index import EmbeddedIndex

WIDTH = 4
"""Nothing is asked by meaning."""
SPACE = f"benchmark/words@{WIDTH}"


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--text", choices=("tracker", "invented"), default="tracker")
    given = parser.parse_args(args)
    if given.text == "tracker" and not DATA.exists():
        print("left out: realistic text needs ../shared/data")
        return
    made = (Tracked if given.text == "tracker" else Invented)(space=SPACE, width=WIDTH)
    with ExitStack() as stack:
        index, some = embedded_index(stack, made, given.cases, space=SPACE, width=WIDTH)
        _measure(
            index, made, [made.query(some[i % len(some)], n) for n in LENGTHS for i in range(given.queries)]
        )


def _measure(index: EmbeddedIndex, made: Invented, texts: list[str]) -> None:
    """Print a row for each length of query."""
    server = server_of(index)
    index.search("warm", {})
    print("| query | words p50 / p95 ms | CPU p50 / p95 ms | recall of the ten best |\n|---|--:|--:|--:|")
    many = len(texts) // len(LENGTHS)
    kinds = [(f"{n} words", texts[i * many : (i + 1) * many]) for i, n in enumerate(LENGTHS)]
    if isinstance(made, Tracked):
        kinds.append(("whole cases of 100 words and more", [made.whole(100) for _ in range(many)]))
    for name, asked in kinds:
        costs = [cost(index, server, text, {}) for text in asked]
        row = f"{shown([c.wall_ms for c in costs])} | {shown([c.cpu_ms for c in costs])}"
        print(f"| {name} | {row} | {recall(index, asked):.3f} |", flush=True)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
