"""Functions that bring a cell into its canonical form, one for each kind of field."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from everycase.domain.catalogue import Catalogue, Field, Kind
from everycase.domain.values import (
    DateOrder,
    MalformedRow,
    Moment,
    flag,
    is_null,
    optional_id,
    read_moment,
)

_ID_FIELDS = frozenset({"Id", "ParentId", "CreatedById"})


def field_reader(field: Field, *, catalogue: Catalogue, dates: DateOrder) -> Callable[[str], str]:
    """The function that brings a cell of this field into canonical form. It returns "" for a blank cell."""
    if field.name in _ID_FIELDS:
        return _read_id
    if field.name == "CaseNumber":
        return partial(_read_number, pattern=catalogue.case_number)
    if field.kind is Kind.MOMENT:
        return partial(_read_moment, dates=dates)
    if field.kind is Kind.FLAG:
        return _read_flag
    return str.strip if field.kind is Kind.CODE else read_text


def read_text(text: str) -> str:
    """A text with Unix line ends, otherwise unchanged."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _read_id(text: str) -> str:
    return optional_id(text) or ""


def _read_number(text: str, *, pattern: re.Pattern[str]) -> str:
    """A case number. It is indexed unredacted, so anything else raises `MalformedRow`."""
    number = text.strip()
    if is_null(number):
        return ""
    if len(number) > LONGEST_NUMBER or not pattern.fullmatch(number):
        raise MalformedRow("does not look like a case number (EVERYCASE_CASE_NUMBER says how one looks)")
    return number


LONGEST_NUMBER = 80
"""The most characters of a case number."""


def optional_moment(text: str, *, dates: DateOrder) -> Moment | None:
    """The moment in a cell; None if the cell is blank. Raises `MalformedRow`."""
    plain = text.strip()
    return None if is_null(plain) else read_moment(plain, dates)


def _read_moment(text: str, *, dates: DateOrder) -> str:
    found = optional_moment(text, dates=dates)
    return found.text if found else ""


def _read_flag(text: str) -> str:
    if is_null(text.strip()):
        return ""
    return "true" if flag(text) else "false"
