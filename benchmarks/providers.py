"""Throughput of the whole pipeline against a provider that answers at once, by engine.

A stand-in of 3,072 dimensions over real HTTP, the embedded index. `outside waiting`: the share of the
workers' time that was not spent waiting for the provider's answer, so the part that is ours. The rate of the
first line is the measure of the others.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.providers import KEY, standing_in

from benchmarks.measured import everycase
from everycase.sources.sample.source import write_sample

ENGINES = ("threads:1", "threads:4", "threads:16", "processes:1", "processes:2")


def main(argv: Sequence[str]) -> None:
    """Print a line for each engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    chosen = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="ecb-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        write_sample(folder / "sample", cases=chosen.cases, seed=1)
        print(f"| engine, {chosen.cases:,} cases | cases/s | × threads:1 | calls | outside waiting |")
        print("|---|--:|--:|--:|--:|")
        first = 0.0
        with standing_in("openai", 3072) as provider:
            for engine in ENGINES:
                rate, calls, own = _measured(folder, engine, provider.url)
                first = first or rate
                print(f"| {engine} | {rate:.0f} | {rate / first:.2f} | {calls} | {own:.0%} |", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(folder: Path, engine: str, url: str) -> tuple[float, int, float]:
    """Cases a second of the work, calls, and the share of the workers' time that is not waiting."""
    home = folder / engine.replace(":", "")
    given = {
        "EMBEDDERS": "chathpe",
        "CHATHPE__URL": url,
        "CHATHPE__API_KEY": KEY,
        "ENGINE": engine,
        "SAMPLE_CASES": "1",
    }
    everycase(home, folder / "sample", "plan", **given)  # the server starts and the schema is made
    run = everycase(home, folder / "sample", "sync", **given)
    everycase(home, folder / "sample", "stop")
    report = run.report
    worked = sum(s["seconds"] for s in report["stages"].values())
    waited = report["providers"]["chathpe"]["seconds"]
    return report["created"] / report["duration_s"], report["embedding_calls"], 1 - waited / worked


if __name__ == "__main__":
    main(sys.argv[1:])
