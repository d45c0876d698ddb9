"""When so much vanishes that a person must say so."""

import pytest

from everycase.domain.thresholds import is_mass_vanishing


@pytest.mark.parametrize(
    ("read", "live", "vanished", "allowed", "withheld"),
    [
        (100, 100, 0, 0, False),
        (90, 100, 10, 0, False),
        (89, 100, 11, 0, True),
        (89, 100, 11, 11, False),
        (89, 100, 11, 10, True),
        (980, 1000, 20, 0, False),
        (0, 3, 3, 0, True),
        (0, 3, 3, 3, False),
        (2, 5, 3, 0, False),
        (0, 0, 0, 0, False),
    ],
)
def test_more_than_ten_and_more_than_ten_percent(
    read: int, live: int, vanished: int, allowed: int, withheld: bool
) -> None:
    """Or everything, by an enumeration that is empty (contract §12)."""
    assert is_mass_vanishing(read=read, live=live, vanished=vanished, allowed=allowed) is withheld
