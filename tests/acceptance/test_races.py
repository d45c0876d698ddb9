"""A case that is loaded, changed or deleted while a run is at work is never deleted, doubled or reverted.

`python -m tests.races --seeds 200` runs more of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.databases import Databases
from tests.support.race import MODEL, Race
from tests.support.world import World


@pytest.fixture(scope="module")
def prepared(postgres: str) -> Databases:
    """Databases whose index has its tables already."""
    return Databases(postgres, MODEL.spaces)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 41))
def test_a_race_leaves_every_case_as_the_source_has_it(
    prepared: Databases, tmp_path: Path, seed: int
) -> None:
    """Right after the run nothing is deleted, doubled or reverted; the next sync and reconcile agree."""
    with prepared.fresh() as dsn:
        Race(World(dsn, tmp_path), seed).run()
