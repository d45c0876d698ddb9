"""The vector cache gives back what was kept, or nothing (a hash is recomputed where it is relied on)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from everycase.store import db, vectors
from everycase.store.db import Connection

SPACE = "test/model@8"
ALTERATIONS = {
    "another sign": "set_byte(vector, 1, get_byte(vector, 1) # 128)",
    "another order": "substring(vector from 9) || substring(vector for 8)",
    "shorter": "substring(vector for 8)",
    "zeros": "decode(repeat('00', length(vector)), 'hex')",
}


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    with db.connect(database_url) as conn:
        yield conn


@pytest.fixture
def kept(conn: Connection) -> np.ndarray:
    vector = np.arange(1, 9, dtype=np.float32)
    vector /= np.linalg.norm(vector)
    vectors.keep(conn, [("a", SPACE, vector), ("b", SPACE, vector)])
    return vector


def test_a_kept_vector_comes_back_at_half_precision(conn: Connection, kept: np.ndarray) -> None:
    found = vectors.cached(conn, ["a", "unknown"], SPACE)
    assert found.altered == []
    assert found.vectors.keys() == {"a"}
    assert np.allclose(found.vectors["a"], kept, atol=1e-3)


@pytest.mark.parametrize("alteration", ALTERATIONS.values(), ids=ALTERATIONS)
@pytest.mark.usefixtures("kept")
def test_a_vector_that_was_altered_in_place_is_not_used(conn: Connection, alteration: str) -> None:
    conn.execute(f"update recon.embedding_cache set vector = {alteration} where text_hash = 'a'")  # type: ignore[arg-type]
    found = vectors.cached(conn, ["a", "b"], SPACE)
    assert (found.altered, found.vectors.keys()) == (["a"], {"b"})
    vectors.forget(conn, found.altered, SPACE)
    assert vectors.cached(conn, ["a", "b"], SPACE).vectors.keys() == {"b"}


@pytest.mark.usefixtures("kept")
def test_a_vector_that_was_kept_before_there_were_digests_is_used(conn: Connection) -> None:
    conn.execute("update recon.embedding_cache set digest = null")
    assert vectors.cached(conn, ["a"], SPACE).vectors.keys() == {"a"}
