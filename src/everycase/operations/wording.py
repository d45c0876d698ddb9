"""How figures, stages and failures are written: the same words on the command line and on a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from everycase.domain.completeness import percent, whole_percent
from everycase.domain.failures import NO_TEXT, Disposition, ErrorType, FailureStage
from everycase.reconcile.text import as_text, completeness, few_fields, provider_lines, withheld_deletions

__all__ = [
    "as_text",
    "completeness",
    "few_fields",
    "minute",
    "percent",
    "place_of",
    "provider_lines",
    "remedy",
    "stage_words",
    "whole_percent",
    "withheld_deletions",
]

STAGES = {
    "extraction": FailureStage.EXTRACTION,
    "join": FailureStage.JOIN,
    "redact": FailureStage.PII_REMOVAL,
    "embed": FailureStage.EMBEDDING_GENERATION,
    "load": FailureStage.WEAVIATE_LOAD,
}
"""The words for stages in every output. Filters take these words and the names in the tables."""

_WORDS = {str(stage): word for word, stage in STAGES.items()} | {
    "extracted": "extraction",
    "pii_removed": "redact",
    "embedding_generated": "embed",
    "weaviate_loaded": "load",
}


def stage_words(stage: str) -> str:
    """The word for a stage of a failure or of lineage: `load` for `weaviate_load` and `weaviate_loaded`."""
    return _WORDS.get(stage, stage)


def minute(moment: datetime) -> str:
    """`2026-01-06 06:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def remedy(failure: Mapping[str, Any]) -> str:
    """What to do about an open failure, in a few words."""
    if failure["disposition"] == Disposition.SKIP:
        return "nothing to do: it is indexed with what there is"
    if failure["next_retry_time"]:
        return f"tried again by itself after {minute(failure['next_retry_time'])}"
    if failure["error_type"] == ErrorType.MISSING_CHILD_DATA:
        return "nothing to do: joined when its parent comes"
    if failure["error_type"] == ErrorType.MALFORMED_RECORD:
        return "put it right at the source: looked at again when the row changes"
    if failure["error_type"] == ErrorType.MISSING_REQUIRED_FIELD:
        hint = (
            "; if no case has them, everycase doctor lists columns that may" if _lacks_text(failure) else ""
        )
        return f"complete the case at the source: looked at again when it changes{hint}"
    if failure["disposition"] == Disposition.RETRY:
        return "tried again by the next run"
    return f"look, then everycase retry {failure['case_number'] or failure['record_id']}"


def _lacks_text(failure: Mapping[str, Any]) -> bool:
    """Whether a case lacks both subject and description, which a file may have under other names."""
    return bool(failure["error_message"] == NO_TEXT)


def place_of(failure: Mapping[str, Any]) -> str:
    """`Case.csv:280` where the failure is a row of a file, else the case's number or the record's id."""
    place = str((failure.get("payload") or {}).get("place", ""))
    found = re.fullmatch(r"(.+) line ([\d,]+)", place)
    return f"{found[1]}:{found[2]}" if found else place or failure["case_number"] or failure["record_id"]
