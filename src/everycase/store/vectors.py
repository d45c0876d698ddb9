"""The vector cache: by text hash and space, at half precision if not told otherwise (contract §7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from everycase.domain.cases import Vector
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("vectors")

_ROUNDING = 0.01
"""How far from 1 half precision may bring the length of a unit vector."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of some texts. `altered`: hashes of texts whose vector is not the one that was kept."""

    vectors: dict[str, Vector]
    altered: list[str]


def cached(conn: Connection, hashes: Sequence[str], space: str) -> Kept:
    """The vectors that are kept of these texts in `space`, each checked against its digest and its length."""
    rows = conn.execute(SQL["cached"], {"hashes": list(hashes), "space": space}, binary=True)
    read = {h: _vector(raw, space) if is_as_kept else None for h, raw, is_as_kept in rows}
    whole = {h: vector for h, vector in read.items() if vector is not None}
    return Kept(vectors=whole, altered=[h for h in read if h not in whole])


def forget(conn: Connection, hashes: Sequence[str], space: str) -> None:
    """Remove the vectors of these texts from the cache, so that the texts are embedded anew."""
    conn.execute(SQL["forget"], {"hashes": list(hashes), "space": space})


def _vector(raw: bytes, space: str) -> Vector | None:
    """A kept vector, or None for bytes that are no unit vector of the space."""
    import numpy as np  # commands that read no vector need not wait for it

    width = int(space.rpartition("@")[2])
    dtype = {2 * width: "<f2", 4 * width: "<f4"}.get(len(raw))
    if dtype is None:
        return None
    vector = np.frombuffer(raw, dtype=dtype).astype(np.float32)
    is_unit = bool(np.isfinite(vector).all()) and abs(float(np.linalg.norm(vector)) - 1) < _ROUNDING
    return vector if is_unit else None


def keep(
    conn: Connection, vectors: Iterable[tuple[str, str, Vector]], *, half_precision: bool = True
) -> None:
    """Store `(text_hash, space, vector)`; a vector that is stored already is left as it is."""
    rows = list(vectors)
    if not rows:
        return
    dtype = "<f2" if half_precision else "<f4"
    given = {
        "hashes": [h for h, _, _ in rows],
        "spaces": [s for _, s, _ in rows],
        "vectors": [v.astype(dtype).tobytes() for _, _, v in rows],
    }
    conn.execute(SQL["keep"], given)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSize:
    """`bytes`: on disk, with its index."""

    vectors: int
    bytes: int


def size(conn: Connection) -> CacheSize:
    row = conn.execute(SQL["size"]).fetchone()
    assert row is not None
    return CacheSize(vectors=row[0], bytes=row[1])


def prune(conn: Connection, *, before: datetime) -> int:
    """Remove vectors that were kept before then and that no case refers to; how many."""
    return conn.execute(SQL["prune"], {"before": before}).rowcount
