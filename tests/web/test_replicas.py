"""Two replicas behind a round robin: one dies without a word, and every order is carried out once."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.exports import case, write_export
from tests.support.waiting import until
from tests.support.world import World

CASES = 300


@dataclass(frozen=True, kw_only=True)
class Replica:
    """`everycase serve` as a process of its own."""

    url: str
    process: subprocess.Popen[bytes]

    def send(self, sign: signal.Signals) -> None:
        os.kill(self.process.pid, sign)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "the replica ended"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=30).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def replica(world: World, source: Path) -> Iterator[Replica]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    never = {"sync_every": 0, "reconcile_every": 0, "deep_every": 0}
    process = subprocess.Popen(
        [sys.executable, "-m", "everycase.cli", "serve"],
        env=world.environment(source, serve={"port": port}, engine="inline", batch_size=10, **never),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Replica(url=f"http://127.0.0.1:{port}", process=process)
    finally:
        process.kill()
        process.wait()


@dataclass
class RoundRobin:
    """Asks one replica after the other; where one gives no answer, the next one is asked the same."""

    urls: list[str]
    _turns: Iterator[int] = field(default_factory=itertools.count)

    def order(self, key: str, **body: Any) -> str:
        """The order's id; `key` is its idempotency key, also when it is sent again."""
        headers = {"Idempotency-Key": key}
        for _ in self.urls * 2:
            url = self.urls[next(self._turns) % len(self.urls)]
            try:
                answer = httpx.post(f"{url}/api/orders", json=body, headers=headers, timeout=60)
            except httpx.TransportError:
                continue
            assert answer.status_code == 202, answer.text
            found: str = answer.json()["order_id"]
            return found
        raise AssertionError("no replica answers")


@pytest.mark.slow
def test_a_killed_replica_loses_and_doubles_no_order(world: World, tmp_path: Path) -> None:
    """Killed while it carries out a sync and has a request that it has not answered."""
    source = write_export(tmp_path / "export", Case=[case(n) for n in range(CASES)])
    with replica(world, source) as first:
        until(first.is_ready)
        with replica(world, source) as second:
            until(second.is_ready)
            second.send(signal.SIGSTOP)
            sync = RoundRobin([first.url]).order("sync", kind="sync")
            until(lambda: world.rows("select from recon.run_progress where phase = 'cases' and done > 0"))
            first.send(signal.SIGSTOP)
            second.send(signal.SIGCONT)
            behind = RoundRobin([second.url])
            placed = {"sync": sync} | {k: behind.order(k, kind="prune") for k in ("a", "b", "c")}
            waiting = threading.Thread(
                target=lambda: placed.update(
                    d=RoundRobin([first.url, second.url]).order("d", kind="reconcile")
                )
            )
            waiting.start()
            first.send(signal.SIGKILL)
            waiting.join(120)
            both = RoundRobin([first.url, second.url])
            again = {k: both.order(k, kind="prune") for k in ("a", "b", "c", "e")}
            _all_are_carried_out_once(world, {**again, **placed})
            assert {k: again[k] for k in "abc"} == {k: placed[k] for k in "abc"}
    found = world.rows("select case_number from vector_index.support_case")
    assert len(found) == len({r["case_number"] for r in found}) == CASES


def _all_are_carried_out_once(world: World, placed: dict[str, str]) -> None:
    """As many orders as were placed, all done; only that of the killed replica was begun a second time."""
    assert len(set(placed.values())) == len(placed)
    until(lambda: not world.rows("select from recon.orders where state in ('queued', 'running')"))
    rows = {str(r["order_id"]): r for r in world.rows("select * from recon.orders")}
    assert set(rows) == set(placed.values())
    assert {r["state"] for r in rows.values()} == {"done"}
    assert {k: rows[i]["attempts"] for k, i in placed.items()} == {k: 1 + (k == "sync") for k in placed}
    audited = world.rows(
        "select details ->> 'order_id' as id from recon.audit where action like 'ordered %%'"
    )
    assert sorted(r["id"] for r in audited) == sorted(rows)
