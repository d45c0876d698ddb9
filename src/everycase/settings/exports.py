"""How the rows of exports are meant (docs/exports.md)."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from everycase.domain.catalogue import CASE_NUMBER
from everycase.settings.kinds import CommaSeparated


class ExportSettings(BaseModel):
    """What an export does not say of itself; part of the settings' first level."""

    without: Annotated[tuple[str, ...], NoDecode, CommaSeparated] = Field(
        default=(), description="Objects that the organisation does not have: `WorkOrder,WorkOrderFeed`."
    )
    case_number: str = Field(
        default=CASE_NUMBER.pattern, description="Regular expression that every case number matches."
    )
    encoding: str = Field(default="", description="Of export files that are not Unicode, such as `cp1252`.")
    dates: Literal["", "dmy", "mdy"] = Field(
        default="", description="What `1/5/2026` means in an export: 1 May (`dmy`) or 5 January (`mdy`)."
    )

    @field_validator("case_number")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error:
            raise ValueError("is not a regular expression") from None
        return pattern

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, name: str) -> str:
        try:
            return codecs.lookup(name).name if name else name
        except LookupError:
            raise ValueError("is not the name of an encoding, such as cp1252 or iso-8859-1") from None
