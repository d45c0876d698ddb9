"""A case on its way: one frozen type a stage, so that embedding an unredacted case does not type-check.

`Record` (one row) → `JoinedCase` → `RedactedCase` → `EmbeddedCase` → `IndexObject`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from everycase.domain.catalogue import Catalogue, Part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vector: TypeAlias = "NDArray[np.float32]"
"""Shape (dimensions,), unit length."""

MOST_DIMENSIONS: Mapping[str, int] = MappingProxyType({"embedded": 4_000, "weaviate": 65_535})
"""The most dimensions that each index can search. `embedded`: the limit of pgvector's HNSW on `halfvec`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of one source table, in canonical form. Holds personal data: never log it."""

    object: str
    id: str
    parent_id: str | None = None
    values: Mapping[str, str] = field(repr=False, default_factory=dict)
    """Non-blank fields by API name as in the catalogue; moments as ISO 8601 in UTC, flags `true`/`false`."""
    identity: Mapping[str, str] = field(repr=False, default_factory=dict)
    """Non-blank identity columns by their catalogue name. For redaction alone."""
    when: datetime | None = None
    """What children are ordered by: MessageDate of an e-mail, CreatedDate of the others."""
    created_date: datetime | None = None
    last_modified_date: datetime | None = None
    system_modstamp: datetime | None = None
    row_hash: str = ""
    source_version: str = ""
    """What an inventory of the source gives as the version of the row, where that is of its own making."""
    line: int = field(default=0, compare=False)
    """Where it began in its file, or its number there; 0 once it is staged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedCase:
    """A case with its children, as staged. Holds personal data: never log it.

    `children` has every child object of the catalogue, each in its fixed order (contract §4).
    """

    case: Record
    children: Mapping[str, tuple[Record, ...]] = field(repr=False)
    generation: int
    """The staging generation that was read: rises whenever the case or a child of it changes."""

    @property
    def record_id(self) -> str:
        return self.case.id

    @property
    def case_number(self) -> str | None:
        return self.case.values.get("CaseNumber")

    def records(self) -> tuple[Record, ...]:
        """The case, then its children in order."""
        return (self.case, *(r for rows in self.children.values() for r in rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCounts:
    """How many of the catalogue's fields are non-blank in any joined row (contract §2)."""

    total: int
    issue: int
    resolution: int


def count_fields(catalogue: Catalogue, joined: JoinedCase) -> FieldCounts:
    """A field counts once, however many rows fill it."""
    seen = {"Case": _filled(joined.case), **{o: _filled(*rows) for o, rows in joined.children.items()}}
    parts = [f.part for obj in catalogue.objects for f in obj.counted if f.name in seen.get(obj.name, ())]
    return FieldCounts(
        total=len(parts), issue=parts.count(Part.ISSUE), resolution=parts.count(Part.RESOLUTION)
    )


def _filled(*records: Record) -> frozenset[str]:
    return frozenset(name for r in records for name in r.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedRecord:
    """A record without personal data and without identity columns."""

    object: str
    id: str
    when: datetime | None = None
    """What the record is ordered by: MessageDate of an e-mail, CreatedDate of the others."""
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedCase:
    """A case without personal data: the only form that the later stages accept."""

    record_id: str
    case_number: str
    generation: int
    case: RedactedRecord
    children: Mapping[str, tuple[RedactedRecord, ...]] = field(repr=False)
    redactions: Mapping[str, int]
    """How many spans of each type were removed, e.g. `{"PERSON": 3}`; never what they said."""
    residues: Mapping[str, int] = field(default_factory=dict)
    """What the residual scan found behind the rules and masked, by shape: faults of the rules."""

    def properties(self, catalogue: Catalogue) -> dict[str, str | list[str]]:
        """The index properties: a case field is a text, a child field the list of its children's texts."""
        found: dict[str, str | list[str]] = {}
        for obj, f in catalogue.fields():
            if obj is catalogue.case:
                if f.name in self.case.values:
                    found[f.property] = self.case.values[f.name]
            else:
                rows = self.children.get(obj.name, ())
                texts = [r.values[f.name] for r in rows if f.name in r.values]
                if texts:
                    found[f.property] = texts
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """The text of a case that is embedded, section by section."""

    text: str = field(repr=False)
    """What is stored and searched by word."""
    to_embed: str = field(repr=False)
    """What a model reads: the same case, in the order in which it tells (contract §4)."""
    full_length: int
    """Characters before the cut: `composite_text_length` of the join statistics."""
    was_truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedCase:
    """A redacted case with its composite text and vector."""

    case: RedactedCase
    composite: Composite = field(repr=False)
    vector: Vector = field(repr=False)
    space: str
    text_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """What an index object says of itself, and what the lineage row says it should (contract §8)."""

    object_id: UUID
    case_id: str
    case_number: str
    checksum: str
    children_checksum: str
    text_hash: str
    space: str
    recipe: str
    vector_hash: str
    object_hash: str
    """SHA-256 of the properties and the composite: says whether they are still what was written."""
    generation: int
    loaded_at: datetime

    def seal(self) -> bytes:
        """SHA-256 of all that lineage must agree with, but for the generation: 32 bytes instead of 500."""
        parts = (
            self.case_id,
            self.case_number,
            self.checksum,
            self.children_checksum,
            self.text_hash,
            self.space,
            self.recipe,
            self.vector_hash,
            self.object_hash,
        )
        return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexObject:
    """What the index holds of a case: one object, one vector, in one space (contract §8)."""

    stamps: Stamps
    properties: Mapping[str, str | list[str]] = field(repr=False)
    composite: str = field(repr=False)
    vector: Vector = field(repr=False)
