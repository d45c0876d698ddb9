"""A Dask cluster on loopback: a scheduler, and workers as processes of their own with homes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

QUIET = {
    "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "false",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def working_below(nannies: Iterable[int]) -> list[int]:
    """The processes that work below these nannies, of those that live."""
    found: list[int] = []
    for nanny in nannies:
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(nanny).children(recursive=True)
            found += [c.pid for c in children if "spawn_main" in " ".join(c.cmdline())]
    return found


class DaskCluster:
    """`env`: what the workers' processes have in their environment, beside a home of their own."""

    def __init__(self, folder: Path, env: Mapping[str, str], *, tls: Mapping[str, str] | None = None) -> None:
        self._folder, self._tls = folder, dict(tls or {})
        folder.mkdir(parents=True, exist_ok=True)
        self._env = {**os.environ, **QUIET, **env}
        self._port = free_port()
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._workers: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        return f"{'tls' if self._tls else 'tcp'}://127.0.0.1:{self._port}"

    @property
    def engine(self) -> str:
        return f"dask:{self.address}"

    def start_scheduler(self, **env: str) -> None:
        host = self.address if self._tls else "127.0.0.1"
        words = ["scheduler", "--host", host, "--no-show", "--no-dashboard"]
        words += [] if self._tls else ["--port", str(self._port)]
        self._scheduler = self._start(*words, **env)

    def start_worker(self, *, threads: int = 1, **env: str) -> None:
        """A worker below a nanny, which starts it again when it dies."""
        home = self._folder / f"worker{len(self._workers)}"
        home.mkdir(parents=True)
        found = {"EVERYCASE_HOME": str(home), **env}
        words = ["worker", self.address, "--nthreads", str(threads), "--no-dashboard"]
        words += ["--local-directory", str(home), "--death-timeout", "120"]
        self._workers.append(self._start(*words, **found))

    def _start(self, *words: str, **env: str) -> subprocess.Popen[bytes]:
        flags = [f"--{name}={value}" for name, value in self._tls.items()]
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *words, *flags],
            env={**self._env, **env},
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / f"{words[0]}.log").open("ab"),
            start_new_session=True,
        )

    def kill_scheduler(self) -> None:
        assert self._scheduler
        self._scheduler.kill()
        self._scheduler.wait()

    @property
    def nannies(self) -> list[int]:
        return [w.pid for w in self._workers]

    def kill_worker(self, n: int) -> bool:
        """Kill the process that works, not the nanny; whether there was one."""
        found = working_below([self.nannies[n]])
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return bool(found)

    def stop(self) -> None:
        for process in filter(None, [*self._workers, self._scheduler]):
            family = [process.pid]
            with contextlib.suppress(psutil.NoSuchProcess):
                family += [c.pid for c in psutil.Process(process.pid).children(recursive=True)]
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            process.wait()


@contextmanager
def dask_cluster(folder: Path, env: Mapping[str, str], *, workers: int = 2) -> Iterator[DaskCluster]:
    """Scheduler and workers, which are gone after the block."""
    cluster = DaskCluster(folder, env)
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.stop()
