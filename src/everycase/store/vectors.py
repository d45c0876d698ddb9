"""The vector cache: by text hash and space, at half precision if not told otherwise (contract §7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from everycase.domain.cases import Vector
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("vectors")


def cached(conn: Connection, hashes: Sequence[str], space: str) -> dict[str, Vector]:
    """The vectors that are kept of these texts in `space`."""
    rows = conn.execute(SQL["cached"], {"hashes": list(hashes), "space": space}, binary=True)
    width = int(space.rpartition("@")[2])
    return {h: np.frombuffer(v, dtype=_dtype(v, width)).astype(np.float32) for h, v in rows}


def _dtype(kept: bytes, width: int) -> str:
    return "<f2" if len(kept) == 2 * width else "<f4"


def keep(
    conn: Connection, vectors: Iterable[tuple[str, str, Vector]], *, half_precision: bool = True
) -> None:
    """Keep `(text_hash, space, vector)`; what is there stays."""
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
