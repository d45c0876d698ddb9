"""Where the time of a first load goes: the functions of our own that cost most, in one thread.

Usage: python -m benchmarks.profile [--cases 300]
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import shutil
import sys
import tempfile
from pathlib import Path

from everycase.app import App
from everycase.cli.console import ProgressLines
from everycase.operations import work
from everycase.settings import Settings
from everycase.store import embedded


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=300)
    given = parser.parse_args(args)
    home = Path(tempfile.mkdtemp(prefix="ecp", dir="/tmp"))
    try:
        with App(Settings(home=home, engine="inline", sample_cases=given.cases)) as app:
            app.embedder.embed_documents(["warm"])
            profile = cProfile.Profile()
            profile.enable()
            report = work.sync(app, ProgressLines(quiet=True))
            profile.disable()
        print(f"{given.cases} cases in {report.figures.duration_s:.2f} s under the profiler")
        pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(
            "everycase|re2|psycopg|tokenizers", 15
        )
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
