"""What grows with the number of cases: first load, hourly sync and comparison, small against large.

Usage: python -m benchmarks.scale [--small 10000] [--large 100000] [--changes 1000]
Lean cases, which a generator streams into a file, on the embedded index with the small local model. Each size
has a database of its own. `--large 1000000` takes some hours on two cores.
Limits (issue 19): the rate of the first load at the large size at least 0.8 × that at the small one; an hourly
sync with the same number of changes at most 1.5 × as long; memory flat; a comparison that skips what agrees at
least 10 × as fast as the whole one, for the part of it that lists and compares the index.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.measured import Run, everycase
from everycase.domain import buckets
from everycase.domain.rows import long_id
from everycase.indexes.embedded.index import EmbeddedIndex
from everycase.store import db, embedded
from everycase.store.gaps import GapTables, Look

SETTINGS = {"IDENTITY": "none", "EMBEDDERS": "local-small", "ENGINE": "processes:2", "SAMPLE_SIZE": "200"}
WORDS = "fan disk memory board cable firmware controller battery sensor array switch port light boot error".split()
HEADER = (
    "Id",
    "CaseNumber",
    "Subject",
    "Description",
    "Status",
    "LastModifiedDate",
    "Resolution_Plain_Text__c",
)
RESTING = "2024-11-04 08:00:00"
MEASURED = (
    ("recon", "data_lineage"),
    ("recon", "lineage_events"),
    ("recon", "multi_table_join_stats"),
    ("recon", "embedding_cache"),
    ("udp", "case"),
)


@dataclass
class Measured:
    first: Run
    again: Run
    changed: Run
    whole_s: float
    skipping_s: float
    sizes: dict[str, int]


def write(folder: Path, cases: int, *, changed: int = 0) -> None:
    """An export of one object; the last `changed` cases say something new."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "Case.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        for n in range(cases):
            one, two = WORDS[n % 15], WORDS[n // 15 % 15]
            again = " Again." if n >= cases - changed else ""
            rows.writerow(
                (
                    long_id(f"5007T{n:010d}"),
                    f"{40_000_000 + n}",
                    f"{one} and {two} of unit {n}",
                    f"The {one} of unit {n} does not work with the {two}.{again}",
                    "Closed",
                    RESTING,
                    f"The {two} was replaced in unit {n}.",
                )
            )


def measure(cases: int, changes: int) -> Measured:
    home = Path(tempfile.mkdtemp(prefix="ec-scale-", dir="/tmp"))
    source = home / "export"
    try:
        write(source, cases)
        first = everycase(home, source, "sync", **SETTINGS)
        again = everycase(home, source, "sync", **SETTINGS)
        write(source, cases, changed=changes)
        changed = everycase(home, source, "sync", **SETTINGS)
        dsn = embedded.start(home)
        damage(dsn)
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("vacuum analyze")
        return Measured(first, again, changed, compare(dsn, skips=False), compare(dsn, skips=True), disk(dsn))
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


def damage(dsn: str) -> None:
    """Ten objects go."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(
            "delete from vector_index.support_case where id in (select id from vector_index.support_case limit 10)"
        )


def compare(dsn: str, *, skips: bool) -> float:
    """Seconds to list the index and hold it against the lineage; it has to find the ten."""
    pool = db.open_pool(dsn, size=4)
    try:
        with db.connect(dsn) as conn:
            index, tables = EmbeddedIndex(pool), GapTables(conn)
            started = time.perf_counter()
            wanted, manifest = [buckets.EVERYTHING], tables.manifest
            if skips:
                there, expected = index.digests(), manifest.expected_digests()
                same = buckets.agreeing(there, expected)
                wanted = list(buckets.ranges({*there, *expected} - {*same}))
                manifest.compare_only(wanted, agreeing=same)
            for after, until in wanted:
                manifest.add(index.manifest(after=after, until=until))
            manifest.index()
            tables.find_in_index(Look.BEFORE)
            seconds = time.perf_counter() - started
            assert sum(tables.tally().values()) == 10, tables.tally()
            return seconds
    finally:
        pool.close()


def disk(dsn: str) -> dict[str, int]:
    """Bytes of each large table, with its indexes."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        index = conn.execute("select tablename from pg_tables where schemaname = 'vector_index'").fetchall()
        found = {}
        for schema, name in (*MEASURED, *(("vector_index", r[0]) for r in index)):
            size = sql.SQL("select pg_total_relation_size({}::regclass)").format(f"{schema}.{name}")
            found[f"{schema}.{name}"] = conn.execute(size).fetchone()[0]  # type: ignore[index]
        return found


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=1000)
    given = parser.parse_args(words)
    print(
        f"{'cases':>9} {'first load':>12} {'MB':>6} {'unchanged':>10} {'changes':>9} {'whole':>8} {'skipping':>9}"
    )
    found = {}
    for cases in (given.small, given.large):
        m = found[cases] = measure(cases, given.changes)
        print(
            f"{cases:9,} {cases / m.first.report['duration_s']:8,.0f} c/s {m.first.peak_mb:6,.0f} "
            f"{m.again.report['duration_s']:8.2f} s {m.changed.report['duration_s']:7.2f} s {m.whole_s:6.2f} s "
            f"{m.skipping_s:7.2f} s",
            flush=True,
        )
    small, large = found[given.small], found[given.large]
    rate = (given.large / large.first.report["duration_s"]) / (given.small / small.first.report["duration_s"])
    hourly = large.changed.report["duration_s"] / small.changed.report["duration_s"]
    print(f"rate of the first load, large / small: {rate:.2f} (at least 0.8)")
    print(f"hourly sync with {given.changes:,} changes, large / small: {hourly:.2f} (at most 1.5)")
    print(f"memory of the first load, large / small: {large.first.peak_mb / small.first.peak_mb:.2f}")
    print(
        f"comparison with ten differences, whole / skipping: {large.whole_s / large.skipping_s:.1f} (at least 10)"
    )
    print("bytes a case:")
    for name, size in large.sizes.items():
        print(f"  {name:60} {size / given.large:8,.0f}")


if __name__ == "__main__":
    main()
