"""The source that a database is bound to, and the balance of every read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from everycase.domain.errors import WrongUse
from everycase.ports import ReadProof
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("reads")


class ReadPurpose(StrEnum):
    """What a read was for: the method of `ports.Source` that made it."""

    CHANGES = "changes"
    INVENTORY = "inventory"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read of one object, and what it came to."""

    object: str
    purpose: ReadPurpose
    proof: ReadProof

    def as_dict(self) -> dict[str, Any]:
        p = self.proof
        return {
            "object": self.object,
            "purpose": self.purpose,
            "window": p.window,
            "announced": p.announced,
            "read": p.read,
            "counted": p.counted,
            "whole": p.is_whole,
            "problem": p.problem,
        }


def add(conn: Connection, reads: Sequence[Read], *, run_id: UUID) -> None:
    """Keep the balances of a run."""
    proofs = [r.proof for r in reads]
    conn.execute(
        SQL["add"],
        {
            "run_id": run_id,
            "purposes": [r.purpose for r in reads],
            "objects": [r.object for r in reads],
            "windows": [p.window for p in proofs],
            "announced": [p.announced for p in proofs],
            "read": [p.read for p in proofs],
            "counted": [p.counted for p in proofs],
            "whole": [p.is_whole for p in proofs],
            "problems": [p.problem for p in proofs],
        },
    )


def prune(conn: Connection, *, before: datetime) -> int:
    """Remove the balances of reads before then; how many."""
    return conn.execute(SQL["prune"], {"before": before}).rowcount


def check(conn: Connection, identity: str) -> bool:
    """Whether the database is bound to this source yet. Raises `WrongUse` where it holds another one."""
    row = conn.execute(SQL["bound_to"]).fetchone()
    if row is not None and row[0] != identity:
        raise WrongUse(
            f"this database holds the cases of the source {row[0]}, and EVERYCASE_SOURCE is {identity}: set "
            "EVERYCASE_DATABASE_URL (or EVERYCASE_HOME) to another one; or, if these are the same cases by "
            "another way, take the new source once with --adopt-source"
        )
    return row is not None


def bind(conn: Connection, identity: str, *, adopt: bool = False) -> None:
    """Bind the database to its source: the first one that comes, or the one to `adopt`.

    Raises `WrongUse` for another source.
    """
    if adopt or not check(conn, identity):
        conn.execute(SQL["bind"], {"identity": identity})
