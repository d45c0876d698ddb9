"""A build of the index beside the served one: what it holds, what it lacks, and how it is adopted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple
from typing import Any
from uuid import UUID

from everycase.domain.cases import Stamps
from everycase.store.db import Connection, scalar
from everycase.store.queries import queries

SQL = queries("builds")

_LOWEST = UUID(int=0)


def opened(conn: Connection) -> str | None:
    """The collection that is being built; None where none is."""
    row = conn.execute(SQL["open"]).fetchone()
    return row[0] if row else None


def begin(conn: Connection, collection: str) -> None:
    conn.execute(SQL["begin"], {"collection": collection})


def end(conn: Connection) -> None:
    conn.execute(SQL["end"])


class Listing:
    """What a collection says it holds, beside what is staged, on one connection."""

    def __init__(self, conn: Connection, stamps: Iterable[Stamps]) -> None:
        self._conn = conn
        conn.execute(SQL["create"])
        with conn.cursor() as cursor, cursor.copy(SQL["add"]) as copy:
            for s in stamps:
                copy.write_row(astuple(s))
        conn.execute(SQL["analyze"])

    def __len__(self) -> int:
        return self._number("size")

    def due(self, *, recipe: str) -> int:
        """Staged cases that it lacks, or has of older content or of another recipe."""
        return self._number("due", recipe=recipe)

    def batches(self, *, recipe: str, size: int) -> Iterator[list[str]]:
        """Their ids, `size` at a time."""
        after = ""
        given = {"recipe": recipe, "limit": size}
        while ids := [r[0] for r in self._conn.execute(SQL["page"], {**given, "after": after})]:
            yield ids
            after = ids[-1]

    def extra(self, *, size: int) -> Iterator[list[UUID]]:
        """Its objects that no staged case has any more, `size` at a time."""
        after = _LOWEST
        while ids := [r[0] for r in self._conn.execute(SQL["extra"], {"after": after, "limit": size})]:
            yield ids
            after = ids[-1]

    def lacking(self) -> int:
        """Cases that can be found in the served collection and could not in this one."""
        return self._number("lacking")

    def sample(self, *, size: int, seed: int) -> list[UUID]:
        """Some of its objects."""
        return [r[0] for r in self._conn.execute(SQL["sample"], {"sample": size, "seed": seed})]

    def adopt(self) -> int:
        """Write into lineage what this collection holds of each loaded case; how many cases."""
        return self._conn.execute(SQL["adopt"]).rowcount

    def _number(self, name: str, **given: Any) -> int:
        return int(scalar(self._conn, SQL[name], given))
