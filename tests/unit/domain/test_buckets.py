"""Buckets divide the ids, and only what agrees is skipped."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.buckets import COUNT, Digest, agreeing, ranges

BUCKETS = st.sets(st.integers(0, COUNT - 1) | st.sampled_from([0, 1, 2, COUNT - 2, COUNT - 1]), max_size=30)
IDS = st.integers(0, 2**128 - 1)


@given(chosen=BUCKETS, ids=st.lists(IDS, max_size=20))
def test_the_ranges_hold_the_ids_of_their_buckets_and_no_others(chosen: set[int], ids: list[int]) -> None:
    """Each id once, also at the edges of a bucket."""
    edges = [e for b in chosen for e in (b << 116, ((b + 1) << 116) - 1)]
    found = list(ranges(chosen))
    for i in [*ids, *edges]:
        holding = [r for r in found if (r.after is None or i > r.after.int) and r.until and i <= r.until.int]
        assert len(holding) == (i >> 116 in chosen)


def test_neighbours_are_one_range() -> None:
    """So an index that agrees in nothing is listed in one stream."""
    [whole] = ranges(range(COUNT))
    assert whole == (None, UUID(int=2**128 - 1))


def test_what_differs_in_anything_does_not_agree() -> None:
    """Count, hashes, a newer generation, a bucket that nothing is expected in."""
    expected = {1: Digest(2, 10, 5), 2: Digest(2, 10, 5), 3: Digest(2, 10, 5), 4: Digest(2, 10, 5)}
    there = {
        1: Digest(2, 10, 4),
        2: Digest(3, 10, 5),
        3: Digest(2, 11, 5),
        4: Digest(2, 10, 6),
        9: Digest(1, 1, 1),
    }
    assert set(agreeing(there, expected)) == {1}
