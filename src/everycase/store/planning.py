"""Staging as it would be after a sync, in temporary tables and views, which block no other run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.lineage import Decision
from everycase.store.db import Connection
from everycase.store.queries import queries
from everycase.store.staging import StagingTable

SCHEMA = "pg_temp"
"""Where `staging.join` finds the views of a plan."""

SQL = queries("planning")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTarget:
    """Keeps what a merge would write beside staging. Implements `merging.Target`."""

    conn: Connection

    def write(self, table: StagingTable) -> None:
        self._run("forget", table)
        self._run("keep", table)
        self._touch(table)

    def bury(self, table: StagingTable) -> None:
        self._run("bury", table)
        self._touch(table)

    def _touch(self, table: StagingTable) -> None:
        parent = table.object.parent_object
        name = {"": "namesakes", "Case": "children"}.get(parent, "feed")
        self.conn.execute(SQL[f"touch_{name}"])

    def _run(self, name: str, table: StagingTable) -> None:
        self.conn.execute(_compose(name, table))


def prepare(conn: Connection, catalogue: Catalogue) -> None:
    """Create the empty tables of a plan."""
    conn.execute(SQL["create_touched"])
    for obj in catalogue.objects:
        conn.execute(_compose("create", StagingTable(obj)))


def overlay(conn: Connection, catalogue: Catalogue) -> None:
    """Create the views, when everything is planned."""
    for obj in catalogue.objects:
        conn.execute(_compose("overlay", StagingTable(obj)))


def decide(conn: Connection, *, recipe: str, now: datetime) -> dict[Decision, int]:
    """How many cases a sync would decide so about."""
    conn.execute(SQL["drop_decided"])
    conn.execute(SQL["decide"], {"recipe": recipe, "now": now})
    rows = conn.execute(SQL["counts"]).fetchall()
    return dict.fromkeys(Decision, 0) | {Decision(name): n for name, n in rows}


def due(conn: Connection, *, limit: int) -> dict[str, Decision]:
    """Cases that a sync would look at, by id, with what it would do; at most `limit`, spread over all."""
    return {r[0]: Decision(r[1]) for r in conn.execute(SQL["due"], {"limit": limit})}


def _compose(name: str, table: StagingTable) -> sql.Composed:
    obj: SourceObject = table.object
    return sql.SQL(SQL[name]).format(
        table=table.name,
        planned=sql.Identifier(f"planned_{obj.table}"),
        buried=sql.Identifier(f"buried_{obj.table}"),
        shadow=sql.Identifier(SCHEMA, obj.table),
        columns=sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        generation=sql.SQL("0::bigint") if obj.parent else sql.Identifier("t", "generation"),
    )
