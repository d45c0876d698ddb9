"""Whatever goes wrong at Salesforce, a sync finishes or fails with a sentence, and the next one completes.

`EVERYCASE_TEST_HISTORIES=200` runs as many; a history is a seed, counted from
`EVERYCASE_TEST_HISTORIES_FROM`.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from everycase.domain.errors import EverycaseError
from everycase.sources.salesforce.source import SalesforceSource
from everycase.store import db
from everycase.store.source_state import StoredReadState
from tests.support.salesforce.far_end import source_of
from tests.support.salesforce.faults import Fault, Faults
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.server import SalesforceServer
from tests.support.salesforce.world import (
    MovedClock,
    expected_rows,
    extract,
    sample_organisation,
    staged_rows,
    sweep,
)

HISTORIES = int(os.environ.get("EVERYCASE_TEST_HISTORIES", "12"))
FROM = int(os.environ.get("EVERYCASE_TEST_HISTORIES_FROM", "0"))
STEPS = 4
_OBJECTS = ("Case", "Task", "WorkOrder", "CaseComment", "EmailMessage", "WorkOrderFeed")


def change_something(organisation: Organisation, dice: random.Random) -> None:
    """A few edits, new children, deletions and merges."""
    for _ in range(dice.randint(1, 6)):
        name = dice.choice(_OBJECTS)
        live = sorted(i for i, _ in organisation.live(name))
        cases = sorted(i for i, _ in organisation.live("Case"))
        one = dice.choice(live)
        match dice.randrange(5):
            case 0:
                organisation.change(name, one)
            case 1:
                organisation.add("CaseComment", ParentId=dice.choice(cases), CommentBody=f"{dice.random()}")
            case 2:
                organisation.delete(name, one)
            case 3 if name != "WorkOrderFeed":
                organisation.purge(name, one)
            case 4:
                organisation.merge(*dice.sample(cases, 2))


def try_once(dsn: str, source: SalesforceSource, seen: dict[str, set[str]]) -> bool:
    """One extraction; whether it was whole. Nothing that is there may be gone afterwards."""
    try:
        results = extract(dsn, source)
    except EverycaseError:
        return False
    finally:
        source.session.close()
        staged = staged_rows(dsn)
        for name, ids in seen.items():
            assert ids <= set(staged[name]), f"rows of {name} that are there were deleted"
    broken = [r for r in results if not r.is_whole]
    assert all(r.problem for r in broken)
    return not broken


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FROM, FROM + HISTORIES))
def test_a_history_of_faults_ends_in_agreement(database_url: str, tmp_path: Path, seed: int) -> None:
    """No row lost, no window skipped, no job left behind, nothing deleted that is there."""
    dice = random.Random(seed)
    organisation, clock = sample_organisation(tmp_path / "sample", cases=40, seed=seed)
    pool = db.open_pool(database_url, size=4)
    with SalesforceServer(organisation, faults=Faults(seed=seed)) as server, pool:
        server.jobs.page, server.queries.page = dice.choice((15, 40, 1000)), dice.choice((20, 70, 2000))
        server.jobs.polls = dice.choice((1, 2))
        options: dict[str, Any] = {"state": StoredReadState(pool), "bulk_from": dice.choice((1, 60, 2000))}
        for step in range(STEPS):
            if step:
                change_something(organisation, dice)
            clock.move(minutes=dice.choice((3, 30, 600)))
            server.faults.kinds = tuple(dice.sample(list(Fault), dice.randint(1, len(Fault))))
            server.faults.share = dice.choice((0.02, 0.1, 0.3))
            present = staged_rows(database_url) if step else {n: {} for n in _OBJECTS}
            live = {n: {i for i, _ in organisation.live(n)} & set(present[n]) for n in _OBJECTS}
            for _ in range(dice.randint(1, 3)):
                try_once(database_url, source_of(server, **options), live)
        finish(database_url, server, options, clock)
        assert staged_rows(database_url) == expected_rows(organisation, tmp_path / "export")
        assert not server.jobs.open


def finish(dsn: str, server: SalesforceServer, options: dict[str, Any], clock: MovedClock) -> None:
    """Salesforce is well again: the next run is whole. A sweep finds what left no trace for an increment,
    such as the children of a merged case that was purged."""
    server.faults.clear()
    clock.move(minutes=3)
    assert try_once(dsn, source_of(server, **options), {})
    sweep(dsn, source_of(server, **options))
