"""The fence round index objects: one at a time inside with an id, whoever they are."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from everycase.store.fence import ObjectFence

IDS = [UUID(int=n) for n in range(10)]


@pytest.fixture
def fences(database_url: str) -> Iterator[tuple[ObjectFence, ObjectFence]]:
    """Two processes' fences; the second does not wait."""
    impatient = {"autocommit": True, "options": "-c lock_timeout=50ms"}
    with (
        ConnectionPool(database_url, min_size=1, kwargs={"autocommit": True}) as one,
        ConnectionPool(database_url, min_size=1, kwargs=impatient) as two,
    ):
        yield ObjectFence(one), ObjectFence(two)


def test_nobody_else_is_inside_with_an_id(fences: tuple[ObjectFence, ObjectFence]) -> None:
    """With other ids they are; and afterwards with these."""
    ours, theirs = fences
    with ours(IDS[:5]):
        with pytest.raises(psycopg.errors.LockNotAvailable), theirs(IDS[4:]):
            pass
        with theirs(IDS[5:]):
            pass
    with theirs(IDS):
        pass


def test_what_fails_inside_lets_go(fences: tuple[ObjectFence, ObjectFence]) -> None:
    """The error is the caller's own."""
    ours, theirs = fences
    with pytest.raises(ValueError, match="theirs"), ours(IDS):
        raise ValueError("theirs")
    with theirs(IDS):
        pass
