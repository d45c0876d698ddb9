"""The source of an export, as the settings describe it."""

from __future__ import annotations

from pathlib import Path

from everycase.domain.catalogue import Catalogue
from everycase.domain.values import DateOrder
from everycase.settings import Settings
from everycase.sources.export.documents import CellHabits
from everycase.sources.export.source import ExportSource


def open_export(s: Settings, catalogue: Catalogue) -> ExportSource:
    """Raises `WrongUse` where EVERYCASE_SOURCE is no export."""
    habits = CellHabits(encoding=s.encoding, dates=DateOrder(s.dates))
    return ExportSource(Path(s.source).expanduser(), catalogue, habits)
