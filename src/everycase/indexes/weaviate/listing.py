"""List the stamps of a collection in the order of its ids, reading several ranges of ids at the same time.

A server answers one question for a page with one core, and Python needs half as long again to take the page
apart. Three ranges under way keep both of them at work, and hold at most some 50,000 stamps in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from everycase.domain.buckets import Range
from everycase.domain.cases import Stamps
from everycase.indexes.weaviate import schema

PAGE = 1000
"""Objects per request."""
_RANGE = 10_000
"""Objects per range, where ids are spread evenly, as hashes are."""
_PAGES = 12
"""The most pages of a range that are read before somebody asks for them."""
_AT_ONCE = 3
_HIGHEST = (1 << 128) - 1

Fetch = Callable[[UUID | None], Sequence[Any]]
"""The next `PAGE` objects after an id. None: from the first one."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The stamps of the first pages of a range; `is_whole`: of all of it."""

    stamps: list[Stamps]
    is_whole: bool


class Listing:
    """Lists a collection. `count` tells about how many objects it holds."""

    def __init__(self, fetch: Fetch, count: Callable[[], int]) -> None:
        self._fetch, self._count = fetch, count

    def stamps(self, wanted: Range) -> Iterator[Stamps]:
        """The stamps of the objects in a range. Nothing is read ahead until the first page has been taken."""
        first = self._read(wanted, 1)
        yield from first.stamps
        if not first.is_whole:
            left = Range(first.stamps[-1].object_id, wanted.until)
            yield from self._ahead(divide(left, self._count()))

    def _ahead(self, ranges: Sequence[Range]) -> Iterator[Stamps]:
        """The stamps of the ranges, in order. While those of one are taken, the next ranges are read."""
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="listing")
        waiting: deque[tuple[Range, Future[_Stretch]]] = deque()
        try:
            for wanted in ranges:
                waiting.append((wanted, pool.submit(self._read, wanted, _PAGES)))
                if len(waiting) > _AT_ONCE:
                    yield from self._finish(*waiting.popleft())
            while waiting:
                yield from self._finish(*waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _finish(self, wanted: Range, beginning: Future[_Stretch]) -> Iterator[Stamps]:
        """The stamps of a range: first those that were read ahead, then the rest, a page at a time."""
        stretch = beginning.result()
        yield from stretch.stamps
        while not stretch.is_whole:
            stretch = self._read(Range(stretch.stamps[-1].object_id, wanted.until), 1)
            yield from stretch.stamps

    def _read(self, wanted: Range, pages: int) -> _Stretch:
        after, found = wanted.after, list[Stamps]()
        for _ in range(pages):
            page = self._fetch(after)
            inside = [o for o in page if not wanted.until or o.uuid.int <= wanted.until.int]
            found += [schema.stamps_of(o.uuid, o.properties) for o in inside]
            if len(inside) < len(page) or not page:
                return _Stretch(found, is_whole=True)
            after = page[-1].uuid
        return _Stretch(found, is_whole=False)


def divide(wanted: Range, objects: int) -> list[Range]:
    """Cut a range into equal parts of about 10,000 objects, of `objects` with evenly spread ids in all."""
    low = wanted.after.int if wanted.after else -1
    high = wanted.until.int if wanted.until else _HIGHEST
    share = objects * (high - low) // (_HIGHEST + 1)
    parts = max(share // _RANGE, 1)
    inner = [UUID(int=low + (high - low) * n // parts) for n in range(1, parts)]
    bounds = [wanted.after, *inner, wanted.until]
    return [Range(a, b) for a, b in pairwise(bounds)]
