"""Much, a little at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def pages(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """At most `size` at a time, in their order."""
    left = iter(things)
    while page := list(islice(left, size)):
        yield page
