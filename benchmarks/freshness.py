"""From a change in Salesforce to its case being searchable: `everycase serve` beside an organisation that changes.

    python -m benchmarks.freshness --minutes 10 --interval 20

A comment is added, a status set, a case opened or deleted every few seconds at the stand-in; `serve` syncs every
`--interval` seconds. At the end its own figure of freshness is printed, beside the interval.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.support.cluster import free_port
from tests.support.salesforce.__main__ import change_once
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.server import SalesforceServer
from tests.support.salesforce.world import sample_organisation


def environment(server: SalesforceServer, home: Path, interval: float, lag: float) -> dict[str, str]:
    """Of a `serve` that reads the stand-in; nothing of the caller's settings."""
    theirs = {n: v for n, v in os.environ.items() if not n.startswith("EVERYCASE_")}
    return theirs | {
        "EVERYCASE_SOURCE": "salesforce",
        "EVERYCASE_SALESFORCE__URL": server.url,
        "EVERYCASE_SALESFORCE__CLIENT_ID": server.door.client_id,
        "EVERYCASE_SALESFORCE__CLIENT_SECRET": server.door.client_secret,
        "EVERYCASE_SALESFORCE__LAG": f"{lag:g}s",
        "EVERYCASE_SYNC_EVERY": f"{interval:g}s",
        "EVERYCASE_HOME": str(home),
    }


@contextmanager
def serving(given: Mapping[str, str], home: Path) -> Iterator[httpx.Client]:
    """`everycase serve`, until the block ends; its service."""
    port = free_port()
    given = {**given, "EVERYCASE_SERVE__PORT": str(port)}
    command = [sys.executable, "-m", "everycase.cli", "serve"]
    with (home / "serve.log").open("wb") as said:
        process = subprocess.Popen(command, env=given, stdout=said, stderr=said, cwd=home)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0) as client:
            yield client
    finally:
        process.terminate()
        process.wait(60)
        subprocess.run([sys.executable, "-m", "everycase.cli", "stop"], env=given, cwd=home, check=False)


def wait_until_filled(client: httpx.Client, cases: int) -> None:
    """The first load is over."""
    while True:
        try:
            if (client.get("/api/status").json()["counts"].get("index") or 0) >= cases:
                return
        except httpx.TransportError:
            pass
        time.sleep(2)


def change_for(organisation: Organisation, seconds: float, every: float) -> int:
    """How many changes were made."""
    dice, end, made = random.Random(1), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        change_once(organisation, dice)
        made += 1
        time.sleep(every)
    return made


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--interval", type=float, default=20.0, help="seconds between two syncs")
    parser.add_argument("--lag", type=float, default=2.0, help="seconds left unread before now")
    parser.add_argument("--every", type=float, default=6.0, help="seconds between two changes")
    parser.add_argument(
        "--warm-up", type=float, default=60.0, help="seconds for the reconciliations after a first load"
    )
    parser.add_argument("--cases", type=int, default=300)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        organisation, _ = sample_organisation(Path(folder) / "sample", cases=asked.cases)
        with SalesforceServer(organisation) as server:
            given = environment(server, home, asked.interval, asked.lag)
            with serving(given, home) as client:
                wait_until_filled(client, asked.cases // 2)
                time.sleep(asked.warm_up)
                made = change_for(organisation, asked.minutes * 60, asked.every)
                time.sleep(asked.interval * 1.5)
                found = client.get("/api/freshness").json()
    print(
        f"{made} changes in {asked.minutes:g} minutes, a sync every {asked.interval:g} s, lag {asked.lag:g} s"
    )
    print(", ".join(f"{name} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
