"""The catalogue of an organisation, as the settings describe it."""

from __future__ import annotations

import re

from everycase.domain.catalogue import Catalogue
from everycase.settings import Settings


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
