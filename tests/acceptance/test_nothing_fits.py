"""A search that no case answers says so, and does not show the least unlike ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from everycase.operations import search
from tests.support.exports import case, write_export
from tests.support.world import World

SUBJECTS = (
    "Fan of a rack server is loud",
    "Memory module reports uncorrectable errors",
    "Storage array loses a disk at each reboot",
    "Firmware update of a switch stops half way",
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    cases = [
        case(
            n, Subject=s, Description=s, Resolution_Plain_Text__c="", Error_Codes__c="E1745-B12" if n else ""
        )
        for n, s in enumerate(SUBJECTS * 3)
    ]
    return write_export(tmp_path / "export", Case=cases)


@pytest.mark.parametrize(
    ("query", "is_answered"),
    [
        ("the memory module has errors", True),
        ("noisy fan", True),
        ("E1745-B12", True),
        ("40000003", True),
        ("recipe for apple cake with cinnamon", False),
        ("parliament votes on holiday pay for teachers", False),
        ("E9999-Z99", False),
    ],
)
def test_nothing_fits_is_said_where_nothing_does(
    world: World, export: Path, query: str, is_answered: bool
) -> None:
    """By words, by meaning or by an identifier a case is about the query; else no hits and a note."""
    world.sync(export)
    with world.app(export) as app:
        answer = search.search(app, query)
    assert bool(answer.hits) is is_answered, [(h.subject, h.similarity, h.coverage) for h in answer.hits[:2]]
    assert any(note.startswith("nothing fits") for note in answer.notes) is not is_answered
