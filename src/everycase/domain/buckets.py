"""Buckets of object ids. If both sides have the same digest of a bucket, its objects need no comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

COUNT = 4096
"""The number of buckets, one for each value of an id's first twelve bits: 244 objects each of a million."""

_WIDTH = 1 << (128 - 12)


class Digest(NamedTuple):
    """The digest of one bucket: number of objects, sum of the hashes of their stamps, newest generation."""

    objects: int
    hashes: int
    newest: int


Digests = Mapping[int, Digest]
"""Digests by bucket number. Empty buckets are absent."""


class Range(NamedTuple):
    """A range of ids: greater than `after`, up to and including `until`. None means no limit."""

    after: UUID | None
    until: UUID | None


EVERYTHING = Range(None, None)


def agreeing(index: Digests, expected: Digests) -> dict[int, Digest]:
    """The buckets in which the index has exactly the expected objects, none of a newer generation."""
    return {
        b: d for b, d in index.items() if (e := expected.get(b)) and d[:2] == e[:2] and d.newest <= e.newest
    }


def ranges(buckets: Iterable[int]) -> Iterator[Range]:
    """The id ranges of these buckets. Neighbouring buckets share one range."""
    first = last = None
    for b in sorted(buckets):
        if last is not None and b == last + 1:
            last = b
            continue
        if first is not None and last is not None:
            yield _range(first, last)
        first = last = b
    if first is not None and last is not None:
        yield _range(first, last)


def _range(first: int, last: int) -> Range:
    after = UUID(int=first * _WIDTH - 1) if first else None
    return Range(after=after, until=UUID(int=(last + 1) * _WIDTH - 1))
