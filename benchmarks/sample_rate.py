"""The sample: rows written and read a second, and memory at two sizes.

Usage: python -m benchmarks.sample_rate [--sizes 2000,20000]
Limits held against: 5,000 rows a second written, all objects together; memory flat in the number of cases.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from everycase.domain.catalogue import Catalogue
from everycase.sources.export.source import ExportSource
from everycase.sources.sample.source import write_sample

LIMIT = 5_000
"""Rows a second."""


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="2000,20000")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(args)
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    peaks = []
    print(f"{'cases':>8} {'rows':>8} {'written/s':>10} {'of limit':>9} {'read/s':>8} {'peak MB':>8}")
    for size in given.sizes.split(","):
        found = in_a_process(int(size))
        peaks.append(found["peak_mb"])
        print(
            f"{int(size):8,} {found['rows']:8,.0f} {found['written']:10,.0f} {found['written'] / LIMIT:8.1f}x "
            f"{found['read']:8,.0f} {found['peak_mb']:8.0f}"
        )
    print(f"memory, largest to smallest size: {peaks[-1] / peaks[0]:.2f}x")


def in_a_process(cases: int) -> dict[str, float]:
    """Its peak is its own."""
    command = [sys.executable, "-m", "benchmarks.sample_rate", "--measure", str(cases)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(cases: int) -> dict[str, float]:
    catalogue = Catalogue()
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        rows = sum(write_sample(Path(name), cases=cases, seed=1).rows.values())
        written = time.perf_counter()
        source = ExportSource(Path(name), catalogue)
        read = sum(1 for obj in catalogue.objects for _ in source.read(obj))
        ended = time.perf_counter()
    return {
        "rows": rows,
        "written": rows / (written - began),
        "read": read / (ended - written),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
