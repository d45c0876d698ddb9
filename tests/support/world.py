"""An everycase on a database of its own, run in this process."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from pydantic import SecretStr

from everycase.app import App
from everycase.cli.console import ProgressLines
from everycase.domain.gaps import RunType
from everycase.operations import work
from everycase.pipeline.sync import SyncReport
from everycase.settings import Settings


class World:
    """Runs syncs and reconciliations with settings of its own, and reads the tables by plain SQL."""

    def __init__(self, dsn: str, home: Path) -> None:
        self.dsn, self.home = dsn, home

    def app(self, source: Path | str = "sample", **settings: Any) -> App:
        given = {
            "home": self.home,
            "source": str(source),
            "database_url": SecretStr(self.dsn),
            "engine": "threads:2",
        }
        return App(Settings(**{**given, **settings}))

    def environment(self, source: Path | str, **settings: Any) -> dict[str, str]:
        """The environment variables that give a command in a process of its own these settings."""
        given = {"home": self.home, "source": source, "database_url": self.dsn, **settings}
        found = dict(os.environ)
        for name, value in given.items():
            for inner, said in value.items() if isinstance(value, dict) else [(None, value)]:
                variable = "__".join(filter(None, (name, inner))).upper()
                found[f"EVERYCASE_{variable}"] = ",".join(said) if isinstance(said, tuple) else str(said)
        return found

    def wait_until_at_work(self, process: subprocess.Popen[bytes]) -> None:
        """Return when a command in a process of its own is connected to the database, or has ended.

        How long it takes to start says more of the machine than of the command.
        """
        connected = (
            "select from pg_stat_activity "
            "where datname = current_database() and application_name = 'everycase'"
        )
        while process.poll() is None and not self.rows(connected):
            time.sleep(0.01)

    def sync(self, source: Path | str, *, allow_deletes: int = 0, **settings: Any) -> SyncReport:
        with self.app(source, **settings) as app:
            return work.sync(app, ProgressLines(quiet=True), allow_deletes=allow_deletes)

    def reconcile(
        self,
        source: Path | str,
        *,
        run_type: RunType = RunType.DAILY,
        deep: bool = False,
        dry_run: bool = False,
        allow_deletes: int = 0,
        **settings: Any,
    ) -> dict[str, Any]:
        """The report, as --json prints it."""
        with self.app(source, **settings) as app:
            return work.reconcile(
                app,
                ProgressLines(quiet=True),
                run_type,
                deep=deep,
                dry_run=dry_run,
                allow_deletes=allow_deletes,
            ).as_dict()

    def must_be_healthy(self, source: Path | str) -> None:
        """Assert that a deep reconciliation finds no gap and makes no provider call."""
        again = self.reconcile(source, deep=True)
        assert (again["gaps"], again["recovered"], again["embedding_calls"]) == ({}, {}, 0)
        assert (again["status"], again["completeness"]) == ("completed", 1.0)

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as conn:
            return conn.execute(statement, values).fetchall()  # type: ignore[arg-type]

    def do(self, statement: str, *values: object) -> int:
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            return conn.execute(statement, values).rowcount  # type: ignore[arg-type]

    def lineage(self) -> dict[str, dict[str, Any]]:
        return {r["record_id"]: r for r in self.rows("select * from recon.data_lineage")}

    def failures(self) -> list[dict[str, Any]]:
        return self.rows("select * from recon.failed_records where not resolved order by record_id, stage")

    def index(self) -> list[dict[str, Any]]:
        return self.rows("select * from vector_index.support_case order by case_id")
