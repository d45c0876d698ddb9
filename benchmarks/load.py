"""First load and unchanged re-sync of generated cases: rate, peak memory, what each stage costs.

Usage: python -m benchmarks.load [--sizes 1000,10000,50000] [--engine processes:2]
Limits held against: 300 cases a minute anywhere; a re-sync in a twentieth of the load; memory of the
largest size within 1.3 times that of the next smaller one (10,000 and 50,000 in the issue).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.measured import everycase
from everycase.sources.sample.source import write_sample
from everycase.store import embedded

FLOOR_PER_S = 300 / 60


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--engine", default="processes:2")
    given = parser.parse_args(args)
    rows, peaks = [], []
    for size in map(int, given.sizes.split(",")):
        home = Path(tempfile.mkdtemp(prefix="ecb", dir="/tmp"))
        try:
            write_sample(home / "export", cases=size, seed=1)
            embedded.start(home)
            first = everycase(home, home / "export", "sync", ENGINE=given.engine)
            again = everycase(home, home / "export", "sync", ENGINE=given.engine)
        finally:
            embedded.stop(home)
            shutil.rmtree(home, ignore_errors=True)
        if first.report["created"] != size or again.report["unchanged"] != size:
            raise SystemExit(f"the load of {size} is not what it should be: {first.report}")
        stages = {n: s["seconds"] for n, s in first.report["stages"].items()}
        whole = sum(stages.values())
        rate = size / first.seconds
        share = " ".join(f"{n} {s / whole:.0%}" for n, s in stages.items())
        rows.append(
            f"{size:>7,} {first.seconds:>8.1f} {rate:>8.1f} {rate / FLOOR_PER_S:>7.1f}x {first.peak_mb:>8.0f} "
            f"{again.seconds:>8.2f} {again.report['duration_s']:>8.2f} {again.seconds / first.seconds * 20:>8.2f}  {share}"
        )
        peaks.append(first.peak_mb)
        print(rows[-1] if len(rows) > 1 else f"{_HEADING}\n{rows[-1]}", flush=True)
    if len(peaks) > 1:
        print(f"\npeak memory, largest over next smaller size: {peaks[-1] / peaks[-2]:.2f} (limit 1.30)")


_HEADING = (
    f"{'cases':>7} {'load s':>8} {'cases/s':>8} {'floor':>8} {'peak MB':>8} {'again s':>8} {'its work':>8} "
    f"{'of 1/20':>8}  worker time by stage"
)

if __name__ == "__main__":
    main(sys.argv[1:])
