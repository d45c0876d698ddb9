"""A first load, or a large increment, that is killed goes on where it was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.salesforce.loading import fill
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.server import SalesforceServer
from tests.support.salesforce.world import (
    MovedClock,
    expected_rows,
    sample_organisation,
    settings_of,
    staged_rows,
)
from tests.support.world import World

CASES = int(os.environ.get("EVERYCASE_TEST_KILL_CASES", "700"))
ROWS = int(os.environ.get("EVERYCASE_TEST_KILL_ROWS", "20000"))
KILLS = 10
SMALL = KILLS * 500
"""A kill costs a page or two, and no page is smaller than 100 rows, or 200 by REST."""
SYNC = ["-m", "everycase.cli", "sync"]


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
            kill_when(SYNC, environment, server, until)
        done = subprocess.run([sys.executable, *SYNC], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert staged_rows(world.dsn) == wanted
        assert not server.jobs.open
        print(f"{server.rows_sent:,} rows were sent of {rows:,}: {server.rows_sent / rows:.3f}")
        assert (
            server.rows_sent <= rows * 1.1 + KILLS * 500
        )  # a kill costs a page or two, of 100 rows at least


@pytest.mark.slow
def test_ten_kills_in_a_first_load_of_one_large_object(database_url: str) -> None:
    """`EVERYCASE_TEST_KILL_ROWS=300000`: rows that are fetched in all; nothing is lost, no job stays."""
    organisation, dice = Organisation(), random.Random(2)
    fill(organisation, ROWS)
    with SalesforceServer(organisation) as server:
        load = ["-m", "tests.support.salesforce.first_load", server.url, database_url]
        for kill in range(KILLS):
            kill_when(load, dict(os.environ), server, ROWS * (kill + dice.random()) / KILLS)
        subprocess.run([sys.executable, *load], check=True)
        assert len(staged_rows(database_url)["CaseComment"]) == ROWS
        assert not server.jobs.open
        print(f"{server.rows_sent:,} rows were sent of {ROWS:,}: {server.rows_sent / ROWS:.3f}")
        assert server.rows_sent <= ROWS * 1.1 + SMALL


@pytest.mark.slow
def test_ten_kills_in_an_increment_of_many_rows(database_url: str, tmp_path: Path) -> None:
    """Every row was edited; rows that are fetched in all; nothing is lost, no job stays."""
    clock, dice = MovedClock(), random.Random(3)
    organisation = Organisation(clock=clock)
    fill(organisation, ROWS)
    with SalesforceServer(organisation) as server:
        load = ["-m", "tests.support.salesforce.first_load", server.url, database_url]
        subprocess.run([sys.executable, *load], check=True)
        clock.move(hours=1)
        for comment, _ in organisation.live("CaseComment"):
            organisation.change("CaseComment", comment, CommentBody=f"Edited, {comment}.")
        clock.move(hours=1)
        server.rows_sent = 0
        for kill in range(KILLS):
            kill_when(load, dict(os.environ), server, ROWS * (kill + dice.random()) / KILLS)
        subprocess.run([sys.executable, *load], check=True)
        assert staged_rows(database_url) == expected_rows(organisation, tmp_path / "export")
        assert not server.jobs.open
        print(f"{server.rows_sent:,} rows were sent of {ROWS:,}: {server.rows_sent / ROWS:.3f}")
        assert server.rows_sent <= ROWS * 1.1 + SMALL


def kill_when(command: list[str], environment: dict[str, str], server: SalesforceServer, rows: float) -> None:
    """Start a load and kill it as soon as so many rows were sent."""
    process = subprocess.Popen(
        [sys.executable, *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while server.rows_sent < rows and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
