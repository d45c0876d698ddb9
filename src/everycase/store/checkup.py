"""What `doctor` reads from PostgreSQL. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from everycase.store.db import Connection, scalar
from everycase.store.queries import queries

SQL = queries("checkup")


def privileges(conn: Connection) -> Mapping[str, bool]:
    """`has_vector`: pgvector is installed or can be; `may_create`: the role may create schemas."""
    row = conn.execute(SQL["privileges"]).fetchone() or (False, False)
    return {"has_vector": bool(row[0]), "may_create": bool(row[1])}


def database_bytes(conn: Connection) -> int:
    """What the database takes on its disk."""
    return int(scalar(conn, "select pg_database_size(current_database())"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Generations:
    """The last staging generation that the counter gave out, and the highest that is in use."""

    last: int
    highest: int


def generations(conn: Connection) -> Generations:
    row: Any = conn.execute(SQL["generations"]).fetchone()
    return Generations(last=int(row[0]), highest=int(row[1]))
