"""Split an iterable into lists of a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def pages(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Split `things` into lists of at most `size`, in their order."""
    left = iter(things)
    while page := list(islice(left, size)):
        yield page
