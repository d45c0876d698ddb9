"""How long a search takes, at 10,000 and 100,000 lean cases, by words, by meaning and by both.

Usage: python -m benchmarks.search_speed [--cases 10000,100000] [--queries 40] [--index embedded]

Invented cases of 120 words whose frequencies fall as those of a language do (Zipf), vectors of 384 dimensions
in 200 clusters. Queries are pieces of a case, mixed with words of others: 3 to 300 words; and the three
commonest words, which is the worst that words can be. It is also told how much CPU time a search by both needs in
this process and in the server's, a figure that a busy machine leaves alone, and for the embedded index how many
of the true ten best by BM25 are among the cases that are weighed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from psycopg_pool import ConnectionPool
from tests.support.weaviate_server import running

from benchmarks import lean
from benchmarks.lean import SPACE, WIDTH, Invented
from everycase.domain.cases import IndexObject
from everycase.indexes.embedded import search as searching
from everycase.indexes.embedded.index import EmbeddedIndex
from everycase.indexes.weaviate.client import connect
from everycase.indexes.weaviate.index import WeaviateIndex
from everycase.ports import VectorIndex
from everycase.store import embedded

LENGTHS = (3, 10, 30, 100, 300)


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default="10000,100000")
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--index", choices=("embedded", "weaviate"), default="embedded")
    given = parser.parse_args(args)
    print(
        "| index | cases | query | words p50 / p95 | meaning p50 / p95 | both p50 / p95 ms | CPU of both p50 / p95 ms | recall of candidates |"
    )
    print("|---|--:|---|--:|--:|--:|--:|--:|")
    for cases in map(int, given.cases.split(",")):
        with ExitStack() as stack:
            started = time.perf_counter()
            index, some, server = (_embedded if given.index == "embedded" else _weaviate)(stack, cases)
            print(f"<!-- {cases:,} cases loaded in {time.perf_counter() - started:.0f} s -->", flush=True)
            measure(index, server, cases, some, given.queries)


def _embedded(stack: ExitStack, cases: int) -> tuple[EmbeddedIndex, list[IndexObject], psutil.Process]:
    index, some = embedded_index(stack, Invented(), cases, space=SPACE, width=WIDTH)
    return index, some, server_of(index)


def embedded_index(
    stack: ExitStack, made: Invented, cases: int, *, space: str, width: int
) -> tuple[EmbeddedIndex, list[IndexObject]]:
    """An embedded index on a server of its own with `cases` made cases, and some of them to ask for."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecs", dir="/tmp")))
    dsn = embedded.start(home)
    stack.callback(embedded.stop, home)
    pool = stack.enter_context(ConnectionPool(dsn, min_size=1, max_size=1, kwargs={"autocommit": True}))
    index = EmbeddedIndex(pool)
    index.prepare({space: width})
    some = lean.load(index, made, cases)
    lean.vacuum(dsn)
    return index, some


def _weaviate(stack: ExitStack, cases: int) -> tuple[WeaviateIndex, list[IndexObject], psutil.Process]:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecs", dir="/tmp")))
    server = stack.enter_context(running(home))
    connection = connect(server.url, grpc_port=server.grpc_port)
    stack.callback(connection.close)
    index = WeaviateIndex(connection, "Speed")
    index.prepare({SPACE: WIDTH})
    return index, lean.load(index, Invented(), cases), psutil.Process(server.pid)


def measure(
    index: VectorIndex, server: psutil.Process, cases: int, some: Sequence[IndexObject], queries: int
) -> None:
    """Print a row for each kind of query. `some`: cases of the index, whose words are asked for."""
    invented = Invented(seed=2)
    index.search("warm", {SPACE: some[0].vector})
    common = " ".join(invented.words[:3])
    for name, texts in [
        *((f"{n} words", [invented.query(some[i % len(some)], n) for i in range(queries)]) for n in LENGTHS),
        ("3 commonest words", [common] * queries),
    ]:
        costs = [cost(index, server, t, q) for t, q in _ways(texts, invented)]
        row = " | ".join(shown([c.wall_ms for c in costs[way::3]]) for way in range(3))
        row += f" | {shown([c.cpu_ms for c in costs[2::3]])}"
        found = f"{recall(index, texts[:10]):.3f}" if isinstance(index, EmbeddedIndex) else ""
        print(f"| {index.name} | {cases:,} | {name} | {row} | {found} |", flush=True)


def _ways(texts: list[str], invented: Invented) -> Iterator[tuple[str, dict[str, Any]]]:
    for text in texts:
        vector = {SPACE: invented.vector()}
        yield from ((text, {}), ("", vector), (text, vector))


@dataclass(frozen=True, slots=True)
class Cost:
    wall_ms: float
    cpu_ms: float


def cost(index: VectorIndex, server: psutil.Process, text: str, queries: dict[str, Any]) -> Cost:
    """What one search takes; `cpu_ms` in this process and in the server's. The kernel counts that in steps of 10 ms."""
    began, began_cpu = time.perf_counter(), _cpu_s(server)
    index.search(text, queries)
    return Cost(1000 * (time.perf_counter() - began), 1000 * (_cpu_s(server) - began_cpu))


def _cpu_s(server: psutil.Process) -> float:
    times = server.cpu_times()
    return time.process_time() + times.user + times.system


def server_of(index: EmbeddedIndex) -> psutil.Process:
    """The process of PostgreSQL that answers; the pool has one connection."""
    with index._schema.connection(vectors=False) as conn:
        return psutil.Process(conn.info.backend_pid)


def shown(timings: list[float]) -> str:
    return f"{statistics.median(timings):.0f} / {np.percentile(timings, 95):.0f}"


def recall(index: EmbeddedIndex, texts: list[str]) -> float:
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
