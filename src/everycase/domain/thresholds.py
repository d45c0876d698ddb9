"""The limits that decide what is normal (contract §12, §13)."""

from __future__ import annotations

VANISHING_CASES = 10
VANISHING_SHARE = 0.10


def is_mass_vanishing(*, read: int, live: int, vanished: int, allowed: int) -> bool:
    """Whether so much is gone that a person must approve it first (contract §12).

    More than 10 *and* more than 10 % of what was there; or all of it, by an enumeration that is empty.
    `allowed`: what a person has approved for this run (`--allow-deletes N`).
    """
    if vanished <= allowed:
        return False
    return read == 0 or (vanished > VANISHING_CASES and vanished > VANISHING_SHARE * live)
