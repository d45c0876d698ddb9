"""An organisation, the staging tables that follow it, and what staging ought to hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from everycase.domain.cases import Record
from everycase.domain.catalogue import OBJECTS, Catalogue
from everycase.domain.rows import RowVersion
from everycase.domain.runs import ObjectResult
from everycase.domain.thresholds import DeletionGuard
from everycase.pipeline.extract import Extraction
from everycase.sources.export.source import ExportSource
from everycase.sources.salesforce.source import SalesforceSource
from everycase.sources.sample.source import write_sample
from everycase.store import db
from tests.support.salesforce.loading import Loader, export
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.server import SalesforceServer


class MovedClock:
    """The real time and an hour that tests add to."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def move(self, **by: float) -> None:
        self._offset += timedelta(**by)


def sample_organisation(folder: Path, *, cases: int, seed: int = 5) -> tuple[Organisation, MovedClock]:
    """An organisation that holds a generated sample."""
    write_sample(folder, cases=cases, seed=seed)
    clock = MovedClock()
    found = Organisation(clock=clock)
    Loader(found).load(folder)
    return found, clock


def settings_of(server: SalesforceServer, **more: Any) -> dict[str, Any]:
    """The settings of a source that reads `server`; it hardly waits and reads up to now."""
    return {
        "salesforce": {
            "url": server.url,
            "client_id": server.door.client_id,
            "client_secret": server.door.client_secret,
            "lag": "0s",
            "attempts": "3",
            **more,
        }
    }


def expected_rows(organisation: Organisation, folder: Path) -> dict[str, dict[str, str]]:
    """Row hashes by object and id, as an export of what the organisation holds now would give them."""
    export(organisation, folder)
    source = ExportSource(folder, Catalogue())
    return {
        obj.name: {r.id: r.row_hash for r in source.changes(obj) if isinstance(r, Record)} for obj in OBJECTS
    }


def staged_rows(dsn: str) -> dict[str, dict[str, str]]:
    """The same of the staging tables, deleted rows left out."""
    with psycopg.connect(dsn) as conn:
        return {
            obj.name: dict(
                conn.execute(
                    f"select id, row_hash from udp.{obj.table} where not is_deleted"  # type: ignore[arg-type]
                ).fetchall()
            )
            for obj in OBJECTS
        }


@contextmanager
def extraction(
    dsn: str, source: SalesforceSource, catalogue: Catalogue | None = None
) -> Iterator[Extraction]:
    """What brings staging up to date, on a connection of its own."""
    with db.connect(dsn) as conn:
        yield Extraction(
            conn=conn,
            source=source,
            catalogue=catalogue or Catalogue(),
            guard=DeletionGuard(allowed=0, most=500),
            run_id=uuid4(),
            now=datetime.now(UTC),
            on_rows=lambda name, rows, expected: None,
        )


def sweep(dsn: str, source: SalesforceSource) -> None:
    """Fetch what an inventory and staging disagree about, as a reconciliation does."""
    wanted = {}
    with psycopg.connect(dsn) as conn:
        for obj in OBJECTS:
            stock = {v.id: v.version for v in source.inventory(obj) if isinstance(v, RowVersion)}
            query = f"select id, source_version from udp.{obj.table} where not is_deleted"
            staged = dict(conn.execute(query).fetchall())  # type: ignore[arg-type]
            if ids := {i for i in stock.keys() | staged.keys() if stock.get(i) != staged.get(i)}:
                wanted[obj] = ids
    with extraction(dsn, source) as found:
        assert all(r.is_whole for r in found.fetch_all(wanted))


def extract(dsn: str, source: SalesforceSource) -> list[ObjectResult]:
    """One extraction."""
    with extraction(dsn, source) as found:
        return found.run()
