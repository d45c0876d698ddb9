"""The catalogue of an organisation and the source of an export, as the settings describe them."""

from __future__ import annotations

import re
from pathlib import Path

from everycase.domain.catalogue import Catalogue
from everycase.domain.values import DateOrder
from everycase.settings import Settings
from everycase.sources.export.documents import CellHabits
from everycase.sources.export.source import ExportSource


def read_catalogue(s: Settings) -> Catalogue:
    """Raises `WrongUse` for a field or object that the catalogue does not have."""
    return Catalogue.remapped(
        s.fields,
        identity=s.identity if isinstance(s.identity, dict) else {},
        task_types=s.task_types,
        case_number=re.compile(s.case_number),
        without=s.without,
        is_without_identity=s.identity == "none",
    )


def open_export(s: Settings, catalogue: Catalogue) -> ExportSource:
    """Raises `WrongUse` where EVERYCASE_SOURCE is no export."""
    habits = CellHabits(encoding=s.encoding, dates=DateOrder(s.dates))
    return ExportSource(Path(s.source).expanduser(), catalogue, habits)
