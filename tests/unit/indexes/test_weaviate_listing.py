"""The manifest of a Weaviate collection is read in ranges: none of it is lost, doubled or out of order."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid5

import pytest

from everycase.domain.buckets import EVERYTHING, Range
from everycase.indexes.weaviate.listing import PAGE, Listing, divide

EVEN = sorted(uuid5(UUID(int=0), str(n)) for n in range(25_000))
CLUSTERED = [UUID(int=(3 << 120) + n) for n in range(25_000)]
"""As ids are that somebody counted up: all of them are in one range."""


class Server:
    """Objects behind a cursor, and how often it was asked."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        self._ids, self.questions, self._lock = ids, 0, threading.Lock()

    def fetch(self, after: UUID | None) -> list[Any]:
        with self._lock:
            self.questions += 1
        start = bisect_right(self._ids, after) if after else 0
        return [SimpleNamespace(uuid=i, properties={}) for i in self._ids[start : start + PAGE]]

    def listing(self, *, count: int | None = None) -> Listing:
        return Listing(self.fetch, lambda: len(self._ids) if count is None else count)


@pytest.mark.parametrize("ids", [EVEN, CLUSTERED, EVEN[:1], EVEN[:PAGE], []])
def test_a_listing_has_every_object_once_in_order(ids: Sequence[UUID]) -> None:
    """However the ids are spread."""
    assert [s.object_id for s in Server(ids).listing().stamps(EVERYTHING)] == list(ids)


@pytest.mark.parametrize("count", [0, 10, 10_000_000])
def test_a_count_that_is_far_off_changes_nothing(count: int) -> None:
    """It only says how to divide."""
    ids = EVEN[:3000]
    assert [s.object_id for s in Server(ids).listing(count=count).stamps(EVERYTHING)] == ids


@pytest.mark.parametrize("ids", [EVEN, CLUSTERED])
def test_a_range_has_what_is_after_its_beginning_up_to_its_end(ids: Sequence[UUID]) -> None:
    """Its end included."""
    found = Server(ids).listing().stamps(Range(ids[1234], ids[22_000]))
    assert [s.object_id for s in found] == list(ids[1235:22_001])


def test_who_takes_the_first_objects_asks_for_one_page() -> None:
    """Nothing is read ahead before the second page is wanted."""
    server = Server(EVEN)
    listing = server.listing().stamps(EVERYTHING)
    assert [next(listing).object_id for _ in range(PAGE)] == EVEN[:PAGE]
    assert server.questions == 1


def test_an_error_of_one_range_comes_out() -> None:
    """A listing that lacks a range is none."""
    server = Server(EVEN)

    def fetch(after: UUID | None) -> list[Any]:
        if after and after > EVEN[20_000]:
            raise ConnectionError
        return server.fetch(after)

    with pytest.raises(ConnectionError):
        list(Listing(fetch, lambda: len(EVEN)).stamps(EVERYTHING))


def test_parts_join_without_a_gap() -> None:
    """From the beginning of the range to its end."""
    parts = divide(Range(EVEN[5], None), 100_000)
    assert len(parts) == 9
    assert (parts[0].after, parts[-1].until) == (EVEN[5], None)
    assert all(a.until == b.after for a, b in pairwise(parts))
