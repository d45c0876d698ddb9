"""A comparison that skips what agrees finds what the whole one finds, and reads less."""

from __future__ import annotations

from pathlib import Path

import pytest

from everycase.domain.gaps import RunType
from everycase.sources.sample.source import write_sample
from tests.support.damage import Damage
from tests.support.world import World

CASES = 120


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("buckets") / "sample"
    write_sample(folder, cases=CASES, seed=3)
    return folder


class Counting:
    """Counts the objects that an index lists."""

    def __init__(self, inner) -> None:
        self._inner, self.listed = inner, 0

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def manifest(self, **given):
        for stamps in self._inner.manifest(**given):
            self.listed += 1
            yield stamps


def look(world: World, source: Path, run_type: RunType) -> tuple[dict[str, int], int]:
    """The gaps of a dry run, and how many objects it listed."""
    from everycase.operations import work
    from everycase.operations.progress import Silence

    with world.app(source) as app:
        app.index = counting = Counting(app.index)  # type: ignore[assignment]
        report = work.reconcile(app, Silence(), run_type, dry_run=True)
    return dict(report.gaps), counting.listed


DAMAGES = {
    "nothing": lambda d: None,
    "lost objects": lambda d: d.lose(3),
    "other stamps": lambda d: d.alter_stamps(3),
    "another space": lambda d: d.move_to_another_space(2),
    "strangers": lambda d: d.insert_foreign(3),
    "duplicates": lambda d: d.duplicate(3),
    "lost lineage": lambda d: d.drop_lineage(3),
    "left half-way": lambda d: d.leave_in_progress(3),
    "lineage that names no object": lambda d: d.forget_object_ids(3),
    "lineage that names no object, and lost objects": lambda d: (d.forget_object_ids(3), d.lose(3)),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_it_finds_what_the_whole_comparison_finds(world: World, source: Path, what: str) -> None:
    """Of every kind of damage to the sets, and lists a fraction of the objects; then it mends them."""
    world.sync(source)
    DAMAGES[what](Damage(world))
    skipping, listed = look(world, source, RunType.MANUAL)
    whole, everything = look(world, source, RunType.DAILY)
    assert skipping == whole
    assert everything >= CASES - 3
    assert listed <= everything / 4
    done = world.reconcile(source, run_type=RunType.MANUAL)
    assert (done["status"], done["gaps_left"]) == ("completed", {})
    world.must_be_healthy(source)
