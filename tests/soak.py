"""A long run by seed: a world that is broken at every boundary, healed, and judged.

`python -m tests.soak --seeds 200`: a line a seed; the first invariant that breaks is told with its seed
and history, and ends it.
"""

from __future__ import annotations

import argparse
import concurrent.futures as cf
import logging
import multiprocessing as mp
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from everycase import telemetry
from tests.support.changing_export import POISON
from tests.support.databases import Databases, serving
from tests.support.faults import Model
from tests.support.providers import standing_in
from tests.support.trial import MODEL, InvariantBroken, Trial, live_through


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one seed; `broken` is its history and what does not hold."""

    seed: int
    steps: int = 0
    gaps: int = 0
    seconds: float = 0.0
    broken: str = ""


def try_seed(
    server: str, provider: str, home: Path, seed: int, *, steps: int, kills: int, engine: str
) -> Verdict:
    """One history on a database of its own."""
    folder = Path(tempfile.mkdtemp(prefix=f"{seed}-", dir=home))
    try:
        with _databases(server).fresh() as dsn:
            trial = Trial(dsn, folder, seed, provider, engine=engine)
            seconds = live_through(trial, steps=steps, kills=kills)
    except InvariantBroken as e:
        return Verdict(seed=seed, broken=str(e))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Verdict(seed=seed, steps=len(trial.history), gaps=trial.healed, seconds=seconds)


@cache
def _databases(server: str) -> Databases:
    """Databases of this process, with a template of its own."""
    return Databases(server, MODEL.spaces)


def _prepare() -> None:
    telemetry.configure(debug=False)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # that a rollback fails on a dead connection
    for name in [n for n in os.environ if n.startswith("EVERYCASE_")]:
        del os.environ[name]


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="how many")
    parser.add_argument("--from", type=int, default=1, dest="first", metavar="K", help="the first")
    parser.add_argument("--processes", type=int, default=2, metavar="P", help="seeds at a time")
    parser.add_argument("--steps", type=int, default=10, metavar="N", help="of a history")
    parser.add_argument("--kills", type=int, default=1, metavar="N", help="real processes killed in a seed")
    parser.add_argument("--engine", default="threads:2", help="of the real processes that are killed")
    parser.add_argument("--go-on", action="store_true", help="try all seeds, whatever breaks")
    given = parser.parse_args()
    clean = failed = 0
    with (
        serving("ecs-") as server,
        standing_in("openai", Model.dimensions) as provider,
        tempfile.TemporaryDirectory(prefix="soak-") as home,
    ):
        provider.tell(poison=POISON, keeps_texts=True)
        seeds = range(given.first, given.first + given.seeds)
        with cf.ProcessPoolExecutor(given.processes, mp.get_context("spawn"), _prepare) as pool:
            waiting = [
                pool.submit(
                    try_seed,
                    server,
                    provider.url,
                    Path(home),
                    seed,
                    steps=given.steps,
                    kills=given.kills,
                    engine=given.engine,
                )
                for seed in seeds
            ]
            for done in waiting:
                found = done.result()
                if found.broken:
                    failed += 1
                    print(found.broken, flush=True)
                    if not given.go_on:
                        pool.shutdown(cancel_futures=True)
                        break
                else:
                    clean += 1
                    print(
                        f"seed {found.seed}: {found.steps} steps, {found.gaps} gaps healed, "
                        f"{found.seconds:.1f} s",
                        flush=True,
                    )
    print(f"{clean} seeds clean" + (f", {failed} broken" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
