"""The golden queries of a user: which case each must find."""

from __future__ import annotations

from everycase.domain.golden import GoldenQuery
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("golden")


def add(conn: Connection, golden: GoldenQuery) -> bool:
    """Store a golden query; whether it is new."""
    given = {"query": golden.query, "case_number": golden.case_number}
    return conn.execute(SQL["add"], given).rowcount > 0


def remove(conn: Connection, query: str, case_number: str | None) -> int:
    """Forget a query for one case, or for all; how many there were."""
    return conn.execute(SQL["remove"], {"query": query, "case_number": case_number}).rowcount


def list_all(conn: Connection) -> list[GoldenQuery]:
    return [GoldenQuery(query=query, case_number=number) for query, number in conn.execute(SQL["all"])]
