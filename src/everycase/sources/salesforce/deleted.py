"""The list of deletions that Salesforce keeps for a while: hard deletions leave no other trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from everycase.sources.salesforce import soql
from everycase.sources.salesforce.errors import QueryRefused
from everycase.sources.salesforce.session import Session

_LONGEST = timedelta(days=14)
"""Of one question; Salesforce allows 15 days."""
_OLDEST = timedelta(days=29)
_LEAST = timedelta(minutes=2)


@dataclass(slots=True, kw_only=True)
class Deletions:
    """Ids that were deleted, and up to when the list is known to be complete."""

    covered: datetime
    ids: set[str] = field(default_factory=set)
    problem: str = ""
    """Why the list could not be had: the sweep finds what it would have named."""


class DeletedRows:
    def __init__(self, session: Session) -> None:
        self._session = session

    def since(self, name: str, start: datetime, now: datetime) -> Deletions:
        """What was deleted from `start` on. The next question begins at `covered`."""
        if now - start > _OLDEST:
            return Deletions(
                covered=now, problem=f"{name} was last read before Salesforce's list of deletions begins"
            )
        found = Deletions(covered=start)
        try:
            for first, last in _spans(start, now):
                self._add(found, name, first, last)
        except QueryRefused as e:
            if e.code == "LIMIT_EXCEEDED":  # it is put off, so it is asked for again
                raise
            found.covered, found.problem = now, str(e)
        return found

    def _add(self, found: Deletions, name: str, first: datetime, last: datetime) -> None:
        params = {"start": soql.moment(first), "end": soql.moment(last)}
        path = f"{self._session.path}/sobjects/{name}/deleted/"
        answer = self._session.get_object(path, f"the deletions of {name}", params=params)
        rows = () if answer.is_null("deletedRecords") else answer.objects("deletedRecords")
        found.ids |= {row.record_id("id") for row in rows}
        found.covered = max(found.covered, answer.moment("latestDateCovered"))


def _spans(start: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Salesforce leaves seconds out of account and wants more than a minute between start and end."""
    first = start.replace(second=0, microsecond=0) - timedelta(minutes=1)
    while first < now:
        last = min(first + _LONGEST, max(now, first + _LEAST))
        yield first, last
        first = last
