"""Where a case is on its way from Salesforce to the index (contract §10)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Stage(StrEnum):
    """The four stages that a lineage row can stand at, in order."""

    EXTRACTED = "extracted"
    PII_REMOVED = "pii_removed"
    EMBEDDING_GENERATED = "embedding_generated"
    WEAVIATE_LOADED = "weaviate_loaded"


class Status(StrEnum):
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    DELETED = "deleted"


class IndexState(StrEnum):
    """What the index holds of a case, as far as lineage knows; the diagram is in docs/states.md."""

    NEVER = "never"
    """Nothing was ever loaded."""
    LOADED = "loaded"
    """The index has confirmed the object that the fingerprints describe."""
    DOUBTFUL = "doubtful"
    """The object may be there, damaged or half written: it is deleted before it is written again."""
    TO_REMOVE = "to_remove"
    """The object must not be served any more (its text may hold personal data), and may still be there."""
    REMOVED = "removed"
    """The object was taken out."""


class EventKind(StrEnum):
    """What the audit trail says of a case."""

    ENTERED = "entered"
    EXITED = "exited"
    FAILED = "failed"
    DELETED = "deleted"
    GAP = "gap"
    REMOVED = "removed"
    """Its object was taken out of the index, though the case lives."""


class Decision(StrEnum):
    """What a run does about a case (contract §5)."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    WAITING = "waiting"
    """Failed, and neither due for another try nor changed."""
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """An object of the index, and the case that it is taken to belong to."""

    object_id: UUID
    case_id: str
