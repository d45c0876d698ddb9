"""A command in a process of its own: how long it took, and the most memory that it had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass
class Run:
    seconds: float
    peak_mb: float
    report: dict


def everycase(home: Path, source: Path, *words: str, **settings: str) -> Run:
    """Run `everycase … --json`; the peak is the sum over its Python processes."""
    given = {"HOME": str(home), "SOURCE": str(source), **settings}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "everycase.cli", *words, "--json"],
        env={**os.environ, **{f"EVERYCASE_{k}": v for k, v in given.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    peak, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        family = psutil.Process(process.pid)
        while not done.wait(0.1):
            try:
                members = [family, *(c for c in family.children(recursive=True) if "python" in c.name())]
                peak = max(peak, sum(m.memory_info().rss for m in members) / 2**20)
            except psutil.Error:
                pass

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    done.set()
    watcher.join()
    return Run(time.perf_counter() - started, peak, json.loads(out))
