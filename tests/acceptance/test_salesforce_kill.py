"""A first load that is killed goes on where it was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.salesforce.server import SalesforceServer
from tests.support.salesforce.world import expected_rows, sample_organisation, settings_of, staged_rows
from tests.support.world import World

CASES = int(os.environ.get("EVERYCASE_TEST_KILL_CASES", "700"))
KILLS = 10


@pytest.mark.slow
def test_ten_kills_in_a_first_load_cost_less_than_a_tenth(world: World, tmp_path: Path) -> None:
    """Rows that are fetched in all, by what the organisation sent; nothing is lost, no job stays."""
    organisation, _ = sample_organisation(tmp_path / "sample", cases=CASES)
    dice = random.Random(1)
    with SalesforceServer(organisation) as server:
        environment = world.environment("salesforce", **settings_of(server, bulk_from="500"))
        wanted = expected_rows(organisation, tmp_path / "export")
        rows = sum(map(len, wanted.values()))
        for kill in range(KILLS):
            until = rows * (kill + dice.random()) / KILLS
            kill_when(environment, server, until)
        done = subprocess.run(
            [sys.executable, "-m", "everycase.cli", "sync"], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert staged_rows(world.dsn) == wanted
        assert not server.jobs.open
        print(f"{server.rows_sent:,} rows were sent of {rows:,}: {server.rows_sent / rows:.3f}")
        assert server.rows_sent <= rows * 1.1 + KILLS * 500  # a kill costs a page or two, of 100 rows at least


def kill_when(environment: dict[str, str], server: SalesforceServer, rows: float) -> None:
    """Start a sync and kill it as soon as so many rows were sent."""
    process = subprocess.Popen(
        [sys.executable, "-m", "everycase.cli", "sync"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while server.rows_sent < rows and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
