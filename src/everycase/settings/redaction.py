"""What redaction keeps, what always goes or never does, and a model beside the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import NoDecode

from everycase.settings.kinds import CommaSeparated

Kept = Literal["mac", "wwn", "serials", "hosts", "masks"]


class RedactionSettings(BaseModel):
    """Each of them is part of the version of the rules: a change makes old cases stale."""

    model_config = ConfigDict(extra="forbid")

    keep: Annotated[tuple[Kept, ...], NoDecode, CommaSeparated] = Field(
        default=("mac", "wwn", "serials", "hosts", "masks"),
        description="Technical tokens that stay: `mac`, `wwn`, `serials`, `hosts`, `masks` (and loopback).",
    )
    own_domains: Annotated[tuple[str, ...], NoDecode, CommaSeparated] = Field(
        default=(), description="Domains of your own organisation, which are no company of a case."
    )
    deny: Path | None = Field(
        default=None, description="File of values that always go, one a line, `TYPE: value` or `value`."
    )
    allow: Path | None = Field(
        default=None, description="File of texts that are never masked, one a line, whatever rule finds them."
    )
    model: Literal["none", "presidio"] = Field(
        default="none", description="`presidio` asks Presidio too; needs everycase[presidio]."
    )
    model_seconds: float = Field(
        default=30.0, gt=0, description="A model that takes longer for one case fails the case."
    )
