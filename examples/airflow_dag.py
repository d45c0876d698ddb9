"""An Airflow 3 DAG: every hour a sync in parts, side by side; then one reconciliation.

Put it into the DAG folder. The workers need everycase and its settings (EVERYCASE_… in their environment, or
a folder of secrets). Parts may run on different machines; what one of them did not finish, the next run does.
"""

from __future__ import annotations

import json
import subprocess
from datetime import datetime, timedelta

from airflow.sdk import dag, task

PARTS = 4


def everycase(*words: str) -> dict:
    """Run a command; its JSON. 0 and 1 are results: 1 means that some cases wait for a retry or a person."""
    done = subprocess.run(["everycase", *words, "--json"], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr.strip() or f"everycase {words[0]} ended with {done.returncode}")
    return json.loads(done.stdout)


@dag(
    dag_id="everycase",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
)
def everycase_hourly() -> None:
    @task
    def parts() -> list[str]:
        return [f"{n}/{PARTS}" for n in range(1, PARTS + 1)]

    @task
    def sync(part: str) -> dict:
        report = everycase("sync", "--shard", part)
        return {key: report[key] for key in ("run_id", "status", "created", "updated", "failed")}

    @task
    def reconcile(synced: list[dict]) -> dict:
        report = everycase("reconcile", "--type", "hourly")
        return {"parts": len(synced), "status": report["status"], "gaps": report["gaps"]}

    reconcile(sync.expand(part=parts()))


everycase_hourly()
