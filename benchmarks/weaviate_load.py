"""A first load into Weaviate beside the bare client inserting the same objects, in rounds, one after the other.

Usage: python -m benchmarks.weaviate_load [--cases 2000] [--rounds 5] [--engine processes:2]
An export of sample cases, 3,072 dimensions, a stand-in for the provider that answers at once, a real server. Three
ways: the bare client (`insert_many` of 100, one thread, nothing checked), our adapter alone (what is there
is read, fenced by PostgreSQL, every object confirmed), and the whole pipeline, redaction included, into an empty
database. The goal of contract §19 is 0.7 of the bare client. All of them share the cores of this machine, so
CPU time a case, by process, says what a rate is made of: a pipeline that needs twice the CPU time of the bare
client and its server cannot be faster than half of it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql
from tests.support.weaviate_world import WeaviateWorld

from benchmarks.measured import server_cpu_s
from benchmarks.weaviate_crashes import Rig
from everycase import telemetry
from everycase.domain.cases import IndexObject
from everycase.indexes.weaviate.schema import to_weaviate
from everycase.ports import UpsertStatus
from everycase.sources.sample.source import write_sample

BATCH = 100
PROCESSES = ("Weaviate", "PostgreSQL", "this process", "workers")


@dataclass(frozen=True)
class Load:
    """One load: objects a second, and milliseconds of CPU an object, by process as in `PROCESSES`."""

    rate: float
    cpu_ms: tuple[float, ...]


class Meter:
    """CPU seconds of all processes that take part."""

    def __init__(self, home: Path) -> None:
        self._home = home
        children = psutil.Process().children(recursive=True)
        self._weaviate = next(c for c in children if "weaviate" in c.name())

    def read(self) -> tuple[float, ...]:
        theirs, own = self._weaviate.cpu_times(), os.times()
        workers = own.children_user + own.children_system
        server = theirs.user + theirs.system
        return server, server_cpu_s(self._home), own.user + own.system, workers

    def load(self, objects: int, work: Callable[[], float]) -> Load:
        """`work` returns the seconds that it took."""
        before = self.read()
        seconds = work()
        spent = tuple(1000 * (b - a) / objects for a, b in zip(before, self.read(), strict=True))
        return Load(objects / seconds, spent)


def main(argv: Sequence[str]) -> None:
    """Print a line for each way of loading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine", default="processes:2")
    chosen = parser.parse_args(argv)
    telemetry.configure(debug=False)
    found: dict[str, list[Load]] = {"bare client": [], "our adapter": [], "whole pipeline": []}
    with ExitStack() as stack:
        rig = Rig(stack, chosen.cases)
        export = rig.home / "export"
        write_sample(export, cases=chosen.cases, seed=1)
        meter = Meter(rig.home)
        for _ in range(chosen.rounds):
            for way, load in zip(found, _round(rig, meter, export, chosen.engine), strict=True):
                found[way].append(load)
    _print(found)


def _round(rig: Rig, meter: Meter, export: Path, engine: str) -> tuple[Load, Load, Load]:
    given = {**rig.given, "engine": engine}
    world = _fresh_world(rig)
    pipeline = meter.load(rig.cases, lambda: world.sync(export, **given).figures.duration_s)
    with world.app(export, **given) as app, world.client() as client:
        objects = list(app.index.objects([s.object_id for s in app.index.manifest()]))
        world.clear()
        index = _fresh(app)
        adapter = meter.load(rig.cases, lambda: _seconds(objects, lambda part: _upsert(index, part)))
        client.collections.delete_all()
        target = client.collections.use(_fresh(app).target)
        insert = target.data.insert_many
        bare = meter.load(
            rig.cases, lambda: _seconds(objects, lambda part: insert(list(map(to_weaviate, part))))
        )
        client.collections.delete_all()
    return bare, adapter, pipeline


def _fresh_world(rig: Rig) -> WeaviateWorld:
    """A database that everycase has never seen, and an alias of its own."""
    name = f"round_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(rig.dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return WeaviateWorld(rig.dsn.replace("/everycase?", f"/{name}?"), rig.home, rig.server)


def _fresh(app: Any) -> Any:
    """An empty collection of our shape."""
    index = app.collections.open(f"B{uuid.uuid4().hex[:10]}_v1")
    index.prepare(app.embedder.spaces)
    return index


def _seconds(objects: list[IndexObject], write: Callable[[list[IndexObject]], object]) -> float:
    started = time.perf_counter()
    for start in range(0, len(objects), BATCH):
        write(objects[start : start + BATCH])
    return time.perf_counter() - started


def _upsert(index: Any, part: list[IndexObject]) -> None:
    assert all(o.status is UpsertStatus.STORED for o in index.upsert(part))


def _print(found: dict[str, list[Load]]) -> None:
    print(f"| way | objects/s | of the bare client | CPU ms an object: all | {' | '.join(PROCESSES)} |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for way, loads in found.items():
        shares = [x.rate / bare.rate for x, bare in zip(loads, found["bare client"], strict=True)]
        cpu = [statistics.median(column) for column in zip(*(x.cpu_ms for x in loads), strict=True)]
        row = f"| {way} | {_interval([x.rate for x in loads], 0)} | {_interval(shares, 2)} | {sum(cpu):.1f} |"
        print(row, *(f" {c:.1f} |" for c in cpu))


def _interval(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main(sys.argv[1:])
