"""The vector cache: by text hash and space, at half precision (contract §7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from everycase.domain.cases import Vector
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("vectors")


def cached(conn: Connection, hashes: Sequence[str], space: str) -> dict[str, Vector]:
    """The vectors that are kept of these texts in `space`."""
    rows = conn.execute(SQL["cached"], {"hashes": list(hashes), "space": space}, binary=True)
    return {h: np.frombuffer(v, dtype="<f2").astype(np.float32) for h, v in rows}


def keep(conn: Connection, vectors: Iterable[tuple[str, str, Vector]]) -> None:
    """Keep `(text_hash, space, vector)`; what is there stays."""
    rows = list(vectors)
    if not rows:
        return
    given = {
        "hashes": [h for h, _, _ in rows],
        "spaces": [s for _, s, _ in rows],
        "vectors": [v.astype("<f2").tobytes() for _, _, v in rows],
    }
    conn.execute(SQL["keep"], given)
