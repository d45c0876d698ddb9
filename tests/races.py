"""Races by seed: what others do to a case in the middle of a run never deletes, doubles or reverts it.

`python -m tests.races --seeds 200`: a line for each seed that breaks, with its history, and a sum at the end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from everycase import telemetry
from tests.support.databases import Databases, serving
from tests.support.race import MODEL, Race
from tests.support.trial import InvariantBroken
from tests.support.world import World


def run_race(databases: Databases, seed: int) -> str:
    """What broke in one race, with its history; "" where nothing did."""
    with databases.fresh() as dsn, tempfile.TemporaryDirectory(prefix=f"race-{seed}-") as home:
        try:
            Race(World(dsn, Path(home)), seed).run()
        except InvariantBroken as e:
            return str(e)
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="races", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, metavar="N", help="how many")
    parser.add_argument("--from", type=int, default=1, dest="first", metavar="K", help="the first")
    given = parser.parse_args()
    telemetry.configure(debug=False)
    failed = 0
    with serving("ecr-") as server:
        databases = Databases(server, MODEL.spaces)
        for seed in range(given.first, given.first + given.seeds):
            if found := run_race(databases, seed):
                failed += 1
                print(found, flush=True)
    print(f"{given.seeds - failed} races clean" + (f", {failed} broken" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
