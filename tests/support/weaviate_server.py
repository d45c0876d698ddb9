"""A real Weaviate for the tests: the one that is given, or a binary on loopback that may be killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / ".tools"
START_S = 90.0
_PORTS = (10_000, 32_000)
"""Below the range that the kernel takes for connections: a port stays free while its server is down."""


def binary() -> Path | None:
    """The server's program: on PATH, or where `make weaviate` puts it."""
    found = shutil.which("weaviate-server", path=f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}")
    return Path(found) if found else None


@dataclass(frozen=True)
class GivenServer:
    """A server that somebody else runs; it cannot be killed."""

    url: str
    grpc_port: int


def given() -> GivenServer | None:
    """The server that the environment names."""
    url = os.environ.get("EVERYCASE_TEST_WEAVIATE_URL")
    return (
        GivenServer(url, int(os.environ.get("EVERYCASE_TEST_WEAVIATE_GRPC_PORT", "50051"))) if url else None
    )


@contextmanager
def running(home: Path, **environment: str) -> Iterator[WeaviateServer]:
    """A server of our own while it is needed; the test skips where there is no program to start."""
    if (program := binary()) is None:
        pytest.skip("needs a Weaviate server: make weaviate, or EVERYCASE_TEST_WEAVIATE_URL")
    server = WeaviateServer(program, home, **environment)
    try:
        server.start()
        yield server
    finally:
        server.kill()


class WeaviateServer:
    """A server of our own on one data directory and one set of ports, through deaths and restarts."""

    def __init__(self, program: Path, home: Path, **environment: str) -> None:
        self.program, self.home = program, home
        self.environment = environment
        self.ports = _free_ports(6)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def grpc_port(self) -> int:
        return self.ports[1]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Up and ready; another set of ports where somebody was quicker. Raises when it does not come up."""
        for _ in range(3):
            self._launch()
            if self._wait():
                return
            self.kill()
            if not (self.home / "data").exists():
                self.ports = _free_ports(6)
        raise RuntimeError(f"weaviate-server does not start: its log is {self.home / 'log'}")

    def launch(self) -> None:
        """Start it and do not wait."""
        self._launch()

    def wait(self) -> None:
        """Until it is ready."""
        if not self._wait():
            raise RuntimeError(f"weaviate-server does not come up: its log is {self.home / 'log'}")

    def kill(self) -> None:
        """As a crash ends it: nothing is flushed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """The same data on the same ports."""
        self.kill()
        self._launch()
        self.wait()

    def _launch(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, "--host", "127.0.0.1", "--port", str(self.ports[0]), "--scheme", "http"],
                env=self._settings(),
                cwd=self.home,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _settings(self) -> dict[str, str]:
        _, grpc, gossip, data, raft, raft_rpc = self.ports
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.home),
            "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true",
            "AUTOSCHEMA_ENABLED": "false",
            "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
            "CLUSTER_BIND_ADDR": "127.0.0.1",
            "CLUSTER_DATA_BIND_PORT": str(data),
            "CLUSTER_GOSSIP_BIND_PORT": str(gossip),
            "CLUSTER_HOSTNAME": "node1",
            "CLUSTER_IN_LOCALHOST": "true",
            "DEFAULT_VECTORIZER_MODULE": "none",
            "DISABLE_TELEMETRY": "true",
            "DISK_USE_READONLY_PERCENTAGE": "98",
            "ENABLE_MODULES": "",
            "GOMEMLIMIT": "1GiB",
            "GO_PROFILING_DISABLE": "true",
            "GRPC_PORT": str(grpc),
            "PERSISTENCE_DATA_PATH": str(self.home / "data"),
            "RAFT_BOOTSTRAP_EXPECT": "1",
            "RAFT_INTERNAL_RPC_PORT": str(raft_rpc),
            "RAFT_JOIN": f"node1:{raft}",
            "RAFT_PORT": str(raft),
            **self.environment,
        }

    def _wait(self) -> bool:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                return False
            if _is_ready(self.url):
                return True
            time.sleep(0.1)
        return False


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/v1/.well-known/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_ports(count: int) -> Sequence[int]:
    """So many in a row: a server on localhost takes its second port of a kind to be the next one."""
    chance = random.SystemRandom()
    while True:
        first = chance.randrange(*_PORTS)
        found = range(first, first + count)
        if all(map(_is_free, found)):
            return found


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
