"""A first load into Weaviate beside the bare client inserting the same objects, in one run.

An export of sample cases, 3,072 dimensions, a stand-in for the provider that answers at once, a real server. Three
rates: the bare client (`insert_many` of 100, one thread, nothing checked), our adapter alone (what is there
is read, fenced by PostgreSQL, every object confirmed), and the whole pipeline, redaction included. The goal of
contract §19 is 0.7 of the bare client. Server and pipeline share the cores of this machine, and each way has
the server to itself: what the one before has loaded is dropped.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from benchmarks.weaviate_crashes import Rig
from everycase import telemetry
from everycase.domain.cases import IndexObject
from everycase.indexes.weaviate.schema import to_weaviate
from everycase.ports import UpsertStatus
from everycase.sources.sample.source import write_sample

BATCH = 100


def main(argv: Sequence[str]) -> None:
    """Print a line for each way of loading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--engine", default="processes:2")
    chosen = parser.parse_args(argv)
    telemetry.configure(debug=False)
    with ExitStack() as stack:
        rig = Rig(stack, chosen.cases)
        given = {**rig.given, "engine": chosen.engine}
        export = rig.home / "export"
        write_sample(export, cases=chosen.cases, seed=1)
        report = rig.world.sync(export, **given)
        whole = chosen.cases / report.figures.duration_s
        with rig.world.app(export, **given) as app:
            ids = [s.object_id for s in app.index.manifest()]
            objects = list(app.index.objects(ids))
            spaces = app.embedder.spaces
            rig.world.clear()
            ours = _rate(objects, lambda: _fresh(app, spaces), lambda index, part: _upsert(index, part))
            with rig.world.client() as client:
                client.collections.delete_all()
                bare = _rate(
                    objects,
                    lambda: client.collections.use(_fresh(app, spaces).target),
                    lambda c, part: c.data.insert_many([to_weaviate(o) for o in part]),
                )
        loading = chosen.cases / report.totals.stages["load"].seconds
    print(f"| {chosen.cases:,} objects of 3,072 dimensions | objects/s | of the bare client | goal |")
    print("|---|--:|--:|--:|")
    print(f"| bare client, one thread | {bare:.0f} | 1.00 | |")
    print(f"| our adapter, one thread | {ours:.0f} | {ours / bare:.2f} | 0.7 |")
    print(f"| whole pipeline, {chosen.engine} | {whole:.0f} | {whole / bare:.2f} | 0.7 |")
    print(f"\nIn the pipeline one worker's load stage made {loading:.0f} objects/s.")


def _fresh(app: Any, spaces: Any) -> Any:
    """An empty collection of our shape."""
    name = f"B{uuid.uuid4().hex[:10]}_v1"
    index = app.collections.open(name)
    index.prepare(spaces)
    return index


def _rate(
    objects: list[IndexObject], target: Callable[[], Any], write: Callable[[Any, list[IndexObject]], Any]
) -> float:
    into = target()
    started = time.perf_counter()
    for start in range(0, len(objects), BATCH):
        write(into, objects[start : start + BATCH])
    return len(objects) / (time.perf_counter() - started)


def _upsert(index: Any, part: list[IndexObject]) -> None:
    assert all(o.status is UpsertStatus.STORED for o in index.upsert(part))


if __name__ == "__main__":
    main(sys.argv[1:])
