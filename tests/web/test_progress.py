"""How far a run is: one row, which the API, the pages and the command line show alike."""

from __future__ import annotations

from uuid import uuid4

from everycase.store import progress
from tests.support.service import Service
from tests.support.shell import Prompt


def test_the_command_line_shows_the_row_that_workers_update(changing: Service) -> None:
    """`status` says the same as `/api/runs/live`, of a run that some other process carries out."""
    run_id = uuid4()
    with changing.app.pool.connection() as conn:
        progress.begin(conn, run_id, kind="sync", phase="starting")
        progress.report(conn, run_id, phase="cases", done=1200, total=4000, failed=3)
    shell = Prompt(changing.world, changing.world.home / "export")
    with changing.client() as client:
        by_api = client.get("/api/runs/live").json()
        page = client.get("/runs").text
    (shown,) = shell.json("status")["live"]
    assert [shown["run_id"]] == [p["run_id"] for p in by_api] == [str(run_id)]
    names = ("kind", "phase", "done", "total", "failed", "share", "is_cancelling")
    assert {n: shown[n] for n in names} == {n: by_api[0][n] for n in names}
    assert "At work: sync, cases: 1,200 of 4,000 (30%), 3 failed" in shell("status").stdout
    assert "1,200" in page
