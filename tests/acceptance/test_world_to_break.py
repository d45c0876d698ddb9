"""A world that is broken at every boundary heals: whatever happened, every case is accounted for.

`make soak SEEDS=200` lives through longer histories, with real processes that are killed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.support.changing_export import POISON
from tests.support.databases import Databases
from tests.support.faults import Model
from tests.support.providers import standing_in
from tests.support.trial import MODEL, Trial, live_through


@pytest.fixture(scope="module")
def prepared(postgres: str) -> Databases:
    """Databases whose index has its tables already: what only reads must not make them."""
    return Databases(postgres, MODEL.spaces)


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of a provider that refuses poisoned texts."""
    with standing_in("openai", Model.dimensions) as found:
        found.tell(poison=POISON, keeps_texts=True)
        yield found.url


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 33, 109])
def test_a_history_of_faults_heals(prepared: Databases, provider: str, tmp_path: Path, seed: int) -> None:
    """Histories of the soak, by seed: loaded and equal, deleted, or openly failed; nothing paid twice."""
    with prepared.fresh() as dsn:
        live_through(Trial(dsn, tmp_path, seed, provider), steps=8, kills=0)


class WorldToBreak(RuleBasedStateMachine):
    """Whatever order faults and runs come in, in the end everything is in order."""

    databases: Databases
    provider: str

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()

    @initialize(seed=st.integers(0, 10_000))
    def begin(self, seed: int) -> None:
        home = Path(tempfile.mkdtemp(prefix="world-"))
        self.open.callback(shutil.rmtree, home, ignore_errors=True)
        self.trial = Trial(self.open.enter_context(self.databases.fresh()), home, seed, self.provider)

    @rule()
    def change_source(self) -> None:
        self.trial.change_source()

    @rule()
    def damage_source(self) -> None:
        self.trial.damage_source()

    @rule()
    def mend_source(self) -> None:
        self.trial.mend_source()

    @rule()
    def do_harm(self) -> None:
        self.trial.do_harm()

    @rule()
    def turn_weather(self) -> None:
        self.trial.turn_weather()

    @rule()
    def run_something(self) -> None:
        self.trial.run_something()

    @rule()
    def die_at_something(self) -> None:
        self.trial.die_at_something()

    def teardown(self) -> None:
        with self.open:
            if hasattr(self, "trial"):
                self.trial.heal()
                self.trial.judge()


@pytest.mark.slow
def test_faults_and_runs_in_any_order_heal(prepared: Databases, provider: str) -> None:
    """Hypothesis chooses; what it finds it makes as short as it can."""
    machine = type("Machine", (WorldToBreak,), {"databases": prepared, "provider": provider})
    machine.TestCase.settings = settings(
        max_examples=5,
        stateful_step_count=8,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    machine.TestCase("runTest").runTest()
