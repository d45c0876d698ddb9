"""How long a search takes, at 10,000 and 100,000 lean cases, by words, by meaning and by both.

Usage: python -m benchmarks.search_speed [--cases 10000,100000] [--queries 40] [--index embedded]

Invented cases of 120 words whose frequencies fall as those of a language do (Zipf), vectors of 384 dimensions
in 200 clusters. Queries are pieces of a case, mixed with words of others: 3 to 300 words; and the three
commonest words, which is the worst that words can be. For the embedded index it is also told how many of the
true ten best by BM25 are among the cases that are weighed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from psycopg_pool import ConnectionPool
from tests.support.weaviate_server import running

from everycase.domain import fingerprint
from everycase.domain.batching import pages
from everycase.domain.cases import IndexObject, Stamps, Vector
from everycase.indexes.embedded import search as searching
from everycase.indexes.embedded.index import EmbeddedIndex
from everycase.indexes.weaviate.client import connect
from everycase.indexes.weaviate.index import WeaviateIndex
from everycase.ports import VectorIndex
from everycase.store import embedded

WIDTH = 384
SPACE = f"benchmark/model@{WIDTH}"
VOCABULARY, WORDS, CLUSTERS = 60_000, 120, 200
LENGTHS = (3, 10, 30, 100, 300)
BATCH = 500
SYLLABLES = [c + v for c in "bcdfghjklmnpqrstvwz" for v in "aeiou"]


class Invented:
    """Cases by number; the same seed gives the same ones."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        self.words = np.array([_word(n) for n in range(VOCABULARY)])
        shares = 1 / np.arange(2, VOCABULARY + 2)
        self._shares = shares / shares.sum()
        self._centres = self._rng.normal(size=(CLUSTERS, WIDTH))

    def text(self, words: int = WORDS) -> list[str]:
        return list(self.words[self._rng.choice(VOCABULARY, size=words, p=self._shares)])

    def vector(self) -> Vector:
        raw = self._centres[self._rng.integers(CLUSTERS)] + self._rng.normal(size=WIDTH)
        return (raw / np.linalg.norm(raw)).astype(np.float32)

    def case(self, n: int) -> IndexObject:
        words, vector, number = self.text(), self.vector(), f"{n:08d}"
        return IndexObject(
            stamps=Stamps(
                object_id=fingerprint.object_id(number),
                case_id=f"500{n:012d}AAA",
                case_number=number,
                checksum="c",
                children_checksum="d",
                text_hash=number,
                space=SPACE,
                recipe="r",
                vector_hash="v",
                object_hash="o",
                generation=1,
                loaded_at=datetime(2024, 1, 1, tzinfo=UTC),
            ),
            properties={"subject": " ".join(words[:8]), "status": "Closed", "product_line": f"L{n % 9}"},
            composite=" ".join(words),
            vector=vector,
        )

    def query(self, case: IndexObject, words: int) -> str:
        """Half of it from a case, as far as the case has so many words, the rest from anywhere."""
        own = case.composite.split()
        picked = self._rng.permutation(own)[: max(2, words // 2)]
        return " ".join([*picked, *self.text(max(words - len(picked), 0))])


def _word(n: int) -> str:
    """The `n`th word; the commonest ones are the shortest."""
    syllables = []
    n += len(SYLLABLES)
    while n:
        n, rest = divmod(n, len(SYLLABLES))
        syllables.append(SYLLABLES[rest])
    return "".join(syllables)


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default="10000,100000")
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--index", choices=("embedded", "weaviate"), default="embedded")
    given = parser.parse_args(args)
    print(
        "| index | cases | query | words p50 / p95 | meaning p50 / p95 | both p50 / p95 ms | recall of candidates |"
    )
    print("|---|--:|---|--:|--:|--:|--:|")
    for cases in map(int, given.cases.split(",")):
        with ExitStack() as stack:
            index = (_embedded if given.index == "embedded" else _weaviate)(stack)
            measure(index, cases, given.queries)


def _embedded(stack: ExitStack) -> EmbeddedIndex:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecs", dir="/tmp")))
    dsn = embedded.start(home)
    stack.callback(embedded.stop, home)
    pool = stack.enter_context(ConnectionPool(dsn, min_size=1, max_size=4, kwargs={"autocommit": True}))
    return EmbeddedIndex(pool)


def _weaviate(stack: ExitStack) -> WeaviateIndex:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecs", dir="/tmp")))
    server = stack.enter_context(running(home))
    connection = connect(server.url, grpc_port=server.grpc_port)
    stack.callback(connection.close)
    return WeaviateIndex(connection, "Speed")


def measure(index: VectorIndex, cases: int, queries: int) -> None:
    """Load so many cases and print a row for each kind of query."""
    index.prepare({SPACE: WIDTH})
    invented, some = Invented(), []
    started = time.perf_counter()
    for batch in pages(map(invented.case, range(cases)), BATCH):
        index.upsert(batch)
        some += batch[:1]
    print(f"<!-- {cases:,} cases loaded in {time.perf_counter() - started:.0f} s -->", flush=True)
    index.search("warm", {SPACE: some[0].vector})
    common = " ".join(invented.words[:3])
    for name, texts in [
        *((f"{n} words", [invented.query(some[i % len(some)], n) for i in range(queries)]) for n in LENGTHS),
        ("3 commonest words", [common] * queries),
    ]:
        timings = [_timed(index, t, q) for t, q in _ways(texts, invented)]
        row = " | ".join(_shown(timings[way::3]) for way in range(3))
        recall = f"{_recall(index, texts[:10]):.3f}" if isinstance(index, EmbeddedIndex) else ""
        print(f"| {index.name} | {cases:,} | {name} | {row} | {recall} |", flush=True)


def _ways(texts: list[str], invented: Invented) -> Iterator[tuple[str, dict[str, Any]]]:
    for text in texts:
        vector = {SPACE: invented.vector()}
        yield from ((text, {}), ("", vector), (text, vector))


def _timed(index: VectorIndex, text: str, queries: dict[str, Any]) -> float:
    started = time.perf_counter()
    index.search(text, queries)
    return 1000 * (time.perf_counter() - started)


def _shown(timings: list[float]) -> str:
    return f"{statistics.median(timings):.0f} / {np.percentile(timings, 95):.0f}"


def _recall(index: EmbeddedIndex, texts: list[str]) -> float:
    """The ten best by words, as they are found and as they are when every case with any word is weighed."""
    found = [{h.object_id for h in index.search(t, {}).hits} for t in texts]
    most, searching.MOST_CANDIDATES = searching.MOST_CANDIDATES, 10**9
    try:
        true = [{h.object_id for h in index.search(t, {}).hits} for t in texts]
    finally:
        searching.MOST_CANDIDATES = most
    return statistics.mean(len(f & t) / len(t) for f, t in zip(found, true, strict=True) if t)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
