"""Where a case is on its way from Salesforce to the index (contract §10)."""

from __future__ import annotations

from enum import StrEnum


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


class Decision(StrEnum):
    """What a run does about a case (contract §5)."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    WAITING = "waiting"
    """Failed, and neither due for another try nor changed."""
    DELETE = "delete"
