"""The manifest of a Weaviate collection: read in ranges at the same time, beside one stream of pages.

Usage: python -m benchmarks.weaviate_listing [--objects 200000] [--rounds 3]
Objects with our stamps and a text, without vectors, which a listing does not ask for. One stream is the client's own
iterator with pages as large as ours; both make the same stamps, which are compared. Limit (issue 19): the ranges
at least 1.7 × as fast on two cores.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import psutil
from tests.conformance.conftest import SPACES, connected
from tests.support import weaviate_server
from weaviate.classes.data import DataObject

from everycase.domain.batching import pages
from everycase.domain.cases import Stamps
from everycase.indexes.weaviate import schema
from everycase.indexes.weaviate.index import WeaviateIndex
from everycase.indexes.weaviate.listing import PAGE

TEXT = "The fan of the unit does not work with the controller. " * 25


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(words)
    home = Path(tempfile.mkdtemp(prefix="ec-listing-", dir="/tmp"))
    try:
        with weaviate_server.running(home) as server, connected(server) as connection:
            index = WeaviateIndex(connection, "Listing", is_alias=False)
            index.prepare(SPACES)
            collection = connection.client.collections.use("Listing")
            fill(collection, given.objects)
            compare(index, collection, psutil.Process(server.pid), given.rounds)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def fill(collection: Any, objects: int) -> None:
    for some in pages(range(objects), PAGE):
        if errors := collection.data.insert_many([one(n) for n in some]).errors:
            raise SystemExit(f"Weaviate refuses objects: {next(iter(errors.values())).message}")


def one(n: int) -> DataObject[Any, Any]:
    texts = dict.fromkeys(schema.STAMPS, f"{n:064x}")
    held = {**texts, "loaded_at": datetime.now(UTC).isoformat(timespec="microseconds"), "generation": n}
    return DataObject(uuid=uuid5(UUID(int=0), str(n)), properties={**held, schema.COMPOSITE: TEXT})


def compare(index: WeaviateIndex, collection: Any, server: psutil.Process, rounds: int) -> None:
    ratios = []
    for _ in range(rounds):
        stream, one_s = timed("one stream", lambda: one_stream(collection), server)
        ranges, ranges_s = timed("ranges", index.manifest, server)
        if stream != ranges:
            raise SystemExit("the two listings differ")
        ratios.append(one_s / ranges_s)
    print(f"ranges against one stream: {statistics.median(ratios):.2f} × (at least 1.7)")


def one_stream(collection: Any) -> Iterable[Stamps]:
    held = collection.iterator(return_properties=list(schema.STAMPS), cache_size=PAGE)
    return (schema.stamps_of(o.uuid, o.properties) for o in held)


def timed(
    name: str, listing: Callable[[], Iterable[Stamps]], server: psutil.Process
) -> tuple[list[Stamps], float]:
    before, theirs, started = time.process_time(), sum(server.cpu_times()[:2]), time.perf_counter()
    found = list(listing())
    seconds = time.perf_counter() - started
    print(
        f"{name:11} {len(found):,} objects {seconds:6.2f} s, CPU: server {sum(server.cpu_times()[:2]) - theirs:.2f} s, "
        f"this process {time.process_time() - before:.2f} s",
        flush=True,
    )
    return found, seconds


if __name__ == "__main__":
    main()
