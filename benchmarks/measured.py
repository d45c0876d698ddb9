"""A command in a process of its own: how long it took, its CPU time, and the most memory that it had."""

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
    cpu_s: float
    """Of the command and its worker processes."""
    server_cpu_s: float
    """Of the embedded PostgreSQL meanwhile."""


def everycase(home: Path, source: Path, *words: str, **settings: str) -> Run:
    """Run `everycase … --json`; the peak is the sum over its Python processes."""
    given = {"HOME": str(home), "SOURCE": str(source), **settings}
    started, server, before = time.perf_counter(), server_cpu_s(home), os.times()
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
    seconds, after = time.perf_counter() - started, os.times()
    own = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(seconds, peak, json.loads(out), own, server_cpu_s(home) - server)


def server_cpu_s(home: Path) -> float:
    """CPU seconds of the embedded PostgreSQL of this home, with those of its sessions, ended ones included."""
    found = 0.0
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and str(home / "pg") in process.cmdline():
                times = process.cpu_times()
                found += times.user + times.system + times.children_user + times.children_system
                for session in process.children():
                    times = session.cpu_times()
                    found += times.user + times.system
        except psutil.Error:  # it has just ended
            continue
    return found
