"""Rows that the user may not see: Salesforce leaves them out without an error, so a figure must show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everycase.domain.batching import pages
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.errors import ReadFailure
from everycase.sources.salesforce.rest import MOST_IDS, RestQueries


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What an administrator, who sees everything, knows of the organisation."""

    rows: Mapping[str, int] = field(default_factory=dict)
    """At least so many rows that are not deleted, by object."""
    canaries: tuple[str, ...] = ()
    """Ids of cases, one of each owner or queue: all of them must be seen."""


def hidden_rows(
    rest: RestQueries, obj: SourceObject, catalogue: Catalogue, expectations: Expectations
) -> list[str]:
    """A sentence for each expectation that what can be seen does not meet."""
    found = []
    try:
        if (least := expectations.rows.get(obj.name)) is not None:
            found += _too_few(rest, obj, catalogue, least)
        if not obj.parent and expectations.canaries:
            found += _unseen(rest, obj, expectations.canaries)
    except ReadFailure as e:
        found.append(f"whether rows of {obj.name} are hidden could not be asked: {e}")
    return found


def _too_few(rest: RestQueries, obj: SourceObject, catalogue: Catalogue, least: int) -> list[str]:
    seen = rest.count(obj.name, soql.every(soql.ours(obj, catalogue), "IsDeleted = false"))
    if seen >= least:
        return []
    return [
        f"{obj.name}: {seen:,} rows can be seen where EVERYCASE_SALESFORCE__EXPECTED_ROWS says {least:,}: "
        f"{least - seen:,} ({(least - seen) / least:.1%}) are hidden from this user: give it View All Data"
    ]


def _unseen(rest: RestQueries, obj: SourceObject, canaries: tuple[str, ...]) -> list[str]:
    seen: set[str] = set()
    for ids in pages(canaries, MOST_IDS):
        query = soql.select(["Id"], obj.name, soql.one_of("Id", ids))
        seen |= {r.record_id("Id")[:15] for r in rest.raw(query, f"the canaries of {obj.name}")}
    unseen = [c for c in canaries if c[:15] not in seen]
    if not unseen:
        return []
    return [
        f"{obj.name}: {len(unseen):,} of {len(canaries):,} records of EVERYCASE_SALESFORCE__CANARIES cannot "
        f"be seen ({', '.join(unseen[:5])}): sharing hides rows from this user: give it View All Data"
    ]
