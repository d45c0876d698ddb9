"""Shards: N parts of the cases, chosen by the remainder of a hash of the case id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from everycase.domain.errors import WrongUse

MOST = 1000


class ShardedWork(StrEnum):
    """The kinds of work that can be divided into shards."""

    SYNC = "sync"
    DEEP = "deep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Part `number` (from 1) of `count`."""

    number: int
    count: int

    @staticmethod
    def parse(text: str) -> Shard:
        """`2/4`. Raises `WrongUse`."""
        found = re.fullmatch(r"\s*(\d{1,4})\s*/\s*(\d{1,4})\s*", text)
        number, count = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= count <= MOST:
            raise WrongUse(f"--shard {text!r} is none: 2/4 is the second of four, at most {MOST:,}")
        return Shard(number=number, count=count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def as_given(self) -> dict[str, int]:
        """For a statement: the number of parts, and the remainder of this one."""
        return {"shards": self.count, "shard": self.number - 1}


WHOLE = {"shards": None, "shard": None}
"""The parameters of a statement that is about all cases."""
