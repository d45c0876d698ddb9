"""Waiting for something to become true, for as long as a busy machine may need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONGEST_S = 120.0
_STEP_S = 0.05


def until(look: Callable[[], T | None]) -> T:
    """The first true value of `look`. Fails after two minutes, which only a hang takes."""
    deadline = time.monotonic() + LONGEST_S
    while not (found := look()):
        assert time.monotonic() < deadline, "waited two minutes in vain"
        time.sleep(_STEP_S)
    return found
