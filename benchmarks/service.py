"""How long pages, API and metrics take with 16 clients, without a sync and beside one.

Usage: python -m benchmarks.service [--cases 10000] [--clients 16] [--seconds 20] [--pause 0.2] [--home DIR]

Lean cases (benchmarks/lean.py) are written into an embedded database with their staging, lineage, journeys and
a failure for each fiftieth; `everycase serve` answers in a process of its own. Each client asks for a page or a
route, reads the answer, pauses, and asks for the next one. `--pause 0`: as fast as it can. The second round runs
beside `everycase sync`, which embeds a tenth of the cases anew with the default model.
Limits held against (issue 15): p95 of pages 150 ms, of the API and the metrics 100 ms; shown as shares of them.
`CPU ms` is what the process of the service needs for a request, a figure that a busy machine leaves alone.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import psutil
import psycopg

from benchmarks import lean
from benchmarks.measured import everycase, server_cpu_s
from everycase.app import App
from everycase.domain import fingerprint
from everycase.domain.cases import IndexObject
from everycase.domain.sql_blocks import read_blocks
from everycase.operations.overview import keep_census
from everycase.settings import Settings
from everycase.store import embedded

SQL = read_blocks("benchmarks", "service.sql")
PAGE_LIMIT_MS, API_LIMIT_MS = 150.0, 100.0
MODEL = "local"
ASKED = 60
"""Times that one client asks each route, to see what it needs."""

Routes = Mapping[str, Callable[[random.Random], str]]


@dataclass(frozen=True, slots=True)
class Answer:
    route: str
    ms: float


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pause", type=float, default=0.2)
    parser.add_argument("--home", type=Path, help="where the database is kept, to be used again")
    given = parser.parse_args(args)
    home = given.home or Path(tempfile.mkdtemp(prefix="ecb", dir="/tmp"))
    try:
        started = time.perf_counter()
        dsn, some = fill(home, given.cases)
        print(f"{given.cases:,} cases are there after {time.perf_counter() - started:.0f} s", flush=True)
        with serving(home) as (port, process):
            routes = routes_of(some)
            ask(port, routes, clients=1, seconds=3, pause=0)  # templates, lexicon, model
            show_needs(needs(port, routes, process, home), given.clients, given.pause)
            for name, nice in (("no sync", None), ("beside a sync", 0), ("beside a sync with nice 10", 10)):
                beside = nice is not None
                with syncing(home, dsn, given.cases, nice) if beside else _nothing() as is_at_work:
                    before = _cpu(process)
                    answers = ask(port, routes, given.clients, given.seconds, given.pause)
                    after = _cpu(process)
                    if beside and not is_at_work():
                        print("the sync ended before the requests: give it more cases")
                cpu = (after - before) * 1000 / max(len(answers), 1)
                show(f"{given.cases:,} cases, {name}", answers, cpu)
    finally:
        embedded.stop(home)
        if given.home is None:
            shutil.rmtree(home, ignore_errors=True)


def fill(home: Path, cases: int) -> tuple[str, list[IndexObject]]:
    """A database with so many lean cases, made unless it is there: its address, and some of the cases."""
    everycase(home, Path("sample"), "sync", SAMPLE_CASES="5", EMBEDDERS=MODEL)
    ids = [fingerprint.object_id(f"{lean.FIRST_NUMBER + n}") for n in range(0, cases, lean.BATCH)]
    with App(settings(home)) as app, psycopg.connect(app.dsn, autocommit=True) as conn:
        if app.index.count() == 5:
            _write(app, conn, cases)
        if app.index.count() != cases + 5:
            raise SystemExit(f"{home} holds {app.index.count() - 5} invented cases: name another --home")
        return app.dsn, list(app.index.objects(ids))


def _write(app: App, conn: psycopg.Connection, cases: int) -> None:
    row = conn.execute("select space, recipe from recon.data_lineage limit 1").fetchone()
    assert row, "the sample was not loaded"
    lean.load(app.index, lean.Invented(space=row[0], recipe=row[1]), cases)
    for name in ("cases", "failures", "runs", "read"):
        conn.execute(SQL[name])
    lean.vacuum(app.dsn)
    keep_census(app, source=cases + 5)


def settings(home: Path) -> Settings:
    return Settings(home=home, source="sample", sample_cases=5, embedders=(MODEL,))


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, psutil.Process]]:
    """`everycase serve` without its schedule, as a process of its own; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = _start(
        home, "serve", SERVE__PORT=str(port), SYNC_EVERY="0", RECONCILE_EVERY="0", DEEP_EVERY="0"
    )
    try:
        _until_ready(port, process)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _start(home: Path, *words: str, **given: str) -> subprocess.Popen[bytes]:
    named = {"HOME": str(home), "SOURCE": "sample", "SAMPLE_CASES": "5", "EMBEDDERS": MODEL, **given}
    return subprocess.Popen(
        [sys.executable, "-m", "everycase.cli", *words],
        env={**os.environ, **{f"EVERYCASE_{k}": v for k, v in named.items()}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if get(http.client.HTTPConnection("127.0.0.1", port, timeout=60), "/readyz") == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the service ended before it was ready")


@contextmanager
def syncing(home: Path, dsn: str, cases: int, nice: int) -> Iterator[Callable[[], bool]]:
    """`everycase sync` at work on a tenth of the cases; whether it still is."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        with psycopg.ClientCursor(conn) as cursor:
            cursor.execute(SQL["work"], {"cases": cases // 10})
        process = _start(home, "sync")
        psutil.Process(process.pid).nice(nice)  # before it has started a thread
        try:
            while process.poll() is None and not _is_loading(conn):
                time.sleep(0.2)
            yield lambda: process.poll() is None
        finally:
            process.kill()
            process.wait()


def _is_loading(conn: psycopg.Connection) -> bool:
    row = conn.execute(
        "select count(*) from recon.run_progress where ended_at is null and phase = 'cases' and done > 0"
    ).fetchone()
    return bool(row and row[0])


@contextmanager
def _nothing() -> Iterator[Callable[[], bool]]:
    yield lambda: False


def routes_of(some: Sequence[IndexObject]) -> Routes:
    """What is asked for; each client's choice of case and of words is its own."""
    invented = lean.Invented(seed=3)
    numbers = [o.stamps.case_number for o in some]
    queries = [quote(invented.query(o, n)) for o in some[:60] for n in (3, 8, 30)]
    return {
        "page overview": lambda _: "/",
        "page failures": lambda _: "/failures",
        "page failures, filtered": lambda _: "/failures?stage=join",
        "page cases": lambda _: "/cases?status=failed",
        "page case": lambda r: f"/cases/{r.choice(numbers)}",
        "page runs": lambda _: "/runs",
        "page search": lambda r: f"/search?q={r.choice(queries)}",
        "api status": lambda _: "/api/status",
        "api failures": lambda _: "/api/failures",
        "api failure groups": lambda _: "/api/failures/groups",
        "api cases": lambda _: "/api/cases?status=failed",
        "api case": lambda r: f"/api/cases/{r.choice(numbers)}",
        "api runs": lambda _: "/api/runs",
        "api search": lambda r: f"/api/search?q={r.choice(queries)}",
        "metrics": lambda _: "/metrics",
    }


def ask(port: int, routes: Routes, clients: int, seconds: float, pause: float) -> list[Answer]:
    """All answers that so many clients had in so many seconds. Every answer must be a 200."""
    until = time.perf_counter() + seconds
    found: list[list[Answer]] = [[] for _ in range(clients)]
    threads = [
        threading.Thread(target=_client, args=(port, routes, n, until, pause, found[n]))
        for n in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [a for answers in found for a in answers]


def _client(port: int, routes: Routes, seed: int, until: float, pause: float, found: list[Answer]) -> None:
    chance = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while time.perf_counter() < until:
        route = chance.choice(list(routes))
        started = time.perf_counter()
        status = get(connection, routes[route](chance))
        if status != 200:
            raise SystemExit(f"{route} answers {status}")
        found.append(Answer(route, 1000 * (time.perf_counter() - started)))
        if pause:
            time.sleep(chance.uniform(0, 2 * pause))


# ── what a request needs of a processor ──────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Need:
    """CPU milliseconds of a request: of the service, and of PostgreSQL."""

    service: float
    database: float

    @property
    def total(self) -> float:
        return self.service + self.database


def needs(port: int, routes: Routes, process: psutil.Process, home: Path) -> dict[str, Need]:
    """Of each route, asked by one client, `ASKED` times. Nothing but the service may use the database."""
    chance, connection = random.Random(5), http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    found = {}
    for route, path in routes.items():
        before = _cpu(process), server_cpu_s(home)
        for _ in range(ASKED):
            get(connection, path(chance))
        after = _cpu(process), server_cpu_s(home)
        found[route] = Need(*(1000 * (a - b) / ASKED for a, b in zip(after, before, strict=True)))
    return found


def _cpu(process: psutil.Process) -> float:
    """Seconds, of the process and those that it started."""
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def show_needs(found: Mapping[str, Need], clients: int, pause: float) -> None:
    print("\nCPU ms of a request, asked by one client")
    print(f"  {'':<26}{'service':>9}{'PostgreSQL':>12}{'total':>9}")
    for route, need in sorted(found.items()):
        print(f"  {route:<26}{need.service:>9.1f}{need.database:>12.1f}{need.total:>9.1f}")
    mean, cores = statistics.fmean(n.total for n in found.values()), len(os.sched_getaffinity(0))
    asks = f"{clients} clients"
    if pause:
        rate = clients / pause
        asks += (
            f" with a pause of {pause} s ask at most {rate:.0f} times a second: {rate * mean / 1000:.2f} of"
        )
    print(f"  mean {mean:.1f} ms; {asks} {cores} processors", flush=True)


def get(connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def show(title: str, answers: Sequence[Answer], cpu_ms: float) -> None:
    by_route = defaultdict(list)
    for a in answers:
        by_route[a.route].append(a.ms)
    print(f"\n{title}: {len(answers)} answers, {cpu_ms:.1f} CPU ms each")
    print(f"  {'':<26}{'asked':>6}{'p50 ms':>9}{'p95 ms':>9}{'of limit':>10}")
    for route in sorted(by_route):
        timings, limit = by_route[route], PAGE_LIMIT_MS if route.startswith("page") else API_LIMIT_MS
        p95 = float(np.percentile(timings, 95))
        print(
            f"  {route:<26}{len(timings):>6}{statistics.median(timings):>9.0f}{p95:>9.0f}{p95 / limit:>9.2f}x"
        )
    for kind, limit in (("page", PAGE_LIMIT_MS), ("api", API_LIMIT_MS), ("metrics", API_LIMIT_MS)):
        p95 = float(np.percentile([a.ms for a in answers if a.route.startswith(kind)], 95))
        print(f"  all: {kind:<21}{'':>15}{p95:>9.0f}{p95 / limit:>9.2f}x", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
