"""Cursors: where the next page of a list begins, as one opaque word."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from everycase.domain.errors import WrongUse


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorPlace:
    """The last row of a page, in a list that is ordered by time and id, newest first."""

    at: datetime | None = None
    id: UUID | None = None


START = CursorPlace()


def write(at: datetime, id: UUID) -> str:
    """The cursor of the page behind this row."""
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), str(id)]).encode()).decode().rstrip("=")


def read(cursor: str | None) -> CursorPlace:
    """Raises `WrongUse` for a word that is no cursor of ours."""
    if not cursor:
        return START
    try:
        at, id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError
        return CursorPlace(at=moment, id=UUID(id))
    except (ValueError, TypeError, AttributeError):
        raise WrongUse("this cursor is not one of ours: use `next` of the page before, as it is") from None
