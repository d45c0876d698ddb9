"""Before a run: check that database and index are those that the last run left.

Where a part was restored from a backup, a new epoch begins, so that no number of the other life keeps newer
content out, and the next reconciliation of any type compares the index object by object.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from everycase.ports import VectorIndex
from everycase.store import continuity
from everycase.store.continuity import Life
from everycase.store.db import Connection

NEWEST = 32
"""So many of the objects loaded last are checked: an older index lacks them, or holds them older."""

_THEN = "`everycase reconcile` compares everything and mends it"


def open_database(conn: Connection, *, now: datetime) -> list[str]:
    """Before anything is staged: what was found of the database, one sentence each.

    Counters that are behind, and times that have not come yet, are put right.
    """
    clock = continuity.future_times(conn)
    continuity.bound_times(conn)
    life, behind = continuity.read(conn), continuity.behind(conn)
    restored = [*_in_database(life, behind), *_counters(conn)]
    if restored or life.token is None:
        continuity.begin_epoch(conn, now=now)
    if behind:
        continuity.level(conn)
    return [*_doubted(conn, restored), *clock]


def open_index(conn: Connection, index: VectorIndex, *, run_id: UUID, now: datetime) -> list[str]:
    """What was found of the index, which is prepared; from now on this run is the one that wrote last.

    Raises `LoadFailure`.
    """
    life = continuity.read(conn)
    restored = _in_index(conn, index, life)
    if restored:
        continuity.begin_epoch(conn, now=now)
    _doubted(conn, restored)
    continuity.renew(conn, run_id, server=life.is_at)
    index.set_life(str(run_id))
    return restored


def look(conn: Connection, index: VectorIndex) -> list[str]:
    """The same without writing anything, for whoever asks before a run. Raises `LoadFailure`."""
    life = continuity.read(conn)
    behind = continuity.behind(conn)
    found = [life.doubt] if life.doubt else [*_in_database(life, behind), *_in_index(conn, index, life)]
    return [*found, *continuity.future_times(conn)]


def _doubted(conn: Connection, restored: list[str]) -> list[str]:
    """Note that something was restored, until a reconciliation has compared everything."""
    if restored:
        continuity.doubt(conn, "; ".join(restored))
    return restored


def _in_database(life: Life, behind: int) -> list[str]:
    if behind:
        return [f"{behind:,} staged cases are older than what was loaded: staging was restored; {_THEN}"]
    if life.token is None:
        return []
    if life.staged != life.token:
        return [f"the schemas udp and recon are not of the same time, one was restored: {_THEN}"]
    if life.was_at and life.was_at != life.is_at:
        return [f"this database was restored or moved to another server since the last run: {_THEN}"]
    return []


def _counters(conn: Connection) -> list[str]:
    if not continuity.lift_counters(conn):
        return []
    return [f"the counter udp.generation was behind the cases, as after a restore without sequences: {_THEN}"]


def _in_index(conn: Connection, index: VectorIndex, life: Life) -> list[str]:
    """A token that the database does not know, or objects that are not those which were loaded last."""
    token = index.life()
    known = {str(t) for t in (life.token, life.previous) if t}
    if token and token not in known:
        return [f"the index was last written by another state of this database, or by another one: {_THEN}"]
    if not life.has_loaded:
        is_full = not token and index.count() > 0
        return [f"the index holds objects that this database knows nothing of: {_THEN}"] if is_full else []
    expected = continuity.newest(conn, NEWEST)
    there = {s.object_id: s.seal() for s in index.stamps([s.object_id for s in expected])}
    unlike = sum(there.get(s.object_id) != s.seal() for s in expected)
    if unlike:
        return [
            f"{unlike} of the {len(expected)} objects that were loaded last are not in the index as "
            f"they were loaded, as after a restore of the index: {_THEN}"
        ]
    return []
