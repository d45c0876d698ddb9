"""Buckets of object ids: where two digests of a bucket agree, nothing in it has to be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

COUNT = 4096
"""Buckets, by the first twelve bits of the id. Ten differences among a million then cost 2,500 rows."""

_WIDTH = 1 << (128 - 12)


class Digest(NamedTuple):
    """Of one bucket: how many objects, the sum of the hashes of their stamps, the newest generation."""

    objects: int
    hashes: int
    newest: int


Digests = Mapping[int, Digest]
"""By bucket; one that is empty is absent."""


class Range(NamedTuple):
    """Ids after `after`, up to and with `until`; None: from the beginning, to the end."""

    after: UUID | None
    until: UUID | None


EVERYTHING = Range(None, None)


def agreeing(index: Digests, expected: Digests) -> dict[int, Digest]:
    """The buckets in which the index has exactly what is expected, and nothing newer."""
    return {
        b: d for b, d in index.items() if (e := expected.get(b)) and d[:2] == e[:2] and d.newest <= e.newest
    }


def ranges(buckets: Iterable[int]) -> Iterator[Range]:
    """The ids of these buckets; neighbours together."""
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
