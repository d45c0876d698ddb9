"""The vector cache: by text hash and space, at half precision (contract §7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from everycase.domain.cases import Vector
from everycase.store.db import Connection
from everycase.store.queries import queries

SQL = queries("vectors")

_ROUNDING = 0.01
"""How far from 1 half precision may bring the length of a unit vector."""


def cached(conn: Connection, hashes: Sequence[str], space: str) -> dict[str, Vector]:
    """The vectors that are kept of these texts in `space`.

    What is no unit vector of the space (it was altered behind our back) is forgotten, and embedded anew.
    """
    rows = conn.execute(SQL["cached"], {"hashes": list(hashes), "space": space}, binary=True)
    read = {h: _vector(raw, space) for h, raw in rows}
    if spoilt := [h for h, vector in read.items() if vector is None]:
        conn.execute(SQL["forget"], {"hashes": spoilt, "space": space})
    return {h: vector for h, vector in read.items() if vector is not None}


def _vector(raw: bytes, space: str) -> Vector | None:
    if len(raw) != 2 * int(space.rpartition("@")[2]):
        return None
    vector = np.frombuffer(raw, dtype="<f2").astype(np.float32)
    is_unit = bool(np.isfinite(vector).all()) and abs(float(np.linalg.norm(vector)) - 1) < _ROUNDING
    return vector if is_unit else None


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
