"""Whether a source names the people whose names are to be removed (contract §2)."""

from __future__ import annotations

from collections.abc import Iterable

from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import WrongUse
from everycase.ports import ObjectState

REMARK = (
    "EVERYCASE_IDENTITY=none: no column names a person, so names that stand in texts alone are not removed"
)
"""What every report repeats."""

MISSING = (
    "the source has not one column that names a person (Contact.Name, Owner.Name, …), so that names in the "
    "texts could not be removed: export the names with the cases, or Contact.csv and User.csv beside them; "
    "if there really are none, set EVERYCASE_IDENTITY=none"
)


def remark(catalogue: Catalogue, obj: SourceObject) -> str:
    """What is to be said with the cases of a source that names nobody."""
    return REMARK if catalogue.is_without_identity and obj.name == "Case" else ""


def is_missing(catalogue: Catalogue, states: Iterable[ObjectState]) -> bool:
    """No object has an identity column of a person, as far as the source knows, and no setting says so."""
    known = [s.people for s in states if s.is_present and s.people is not None]
    return bool(known) and not any(known) and not catalogue.is_without_identity


def check(catalogue: Catalogue, states: Iterable[ObjectState]) -> None:
    """Raises `WrongUse` where names could not be removed."""
    if is_missing(catalogue, states):
        raise WrongUse(MISSING)
