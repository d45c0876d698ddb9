"""What doctor asks an organisation: who we are there, what we may see, and how much is left of its quota."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import EverycaseError
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.answers import Answer
from everycase.sources.salesforce.errors import ReadFailure
from everycase.sources.salesforce.source import SalesforceSource

_MOST_CLOCK_DIFFERENCE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One thing that was looked at."""

    name: str
    is_ok: bool
    detail: str


class Examination:
    """Asks a few things of an organisation. Writes nothing there."""

    def __init__(self, source: SalesforceSource, catalogue: Catalogue) -> None:
        self._source, self._catalogue = source, catalogue
        self._session = source.session

    def findings(self) -> Iterator[Observation]:
        """Raises `WrongUse` or `DependencyUnreachable` where there is no way in."""
        self._session.log_in()
        looks: dict[str, Callable[[], tuple[bool, str]]] = {
            "organisation": self._organisation,
            "API version": self._version,
            "View All Data": self._sees_everything,
            **{obj.name: partial(self._object, obj) for obj in self._catalogue.objects},
            "quota": self._quota,
            "clock": self._clock,
        }
        for name, look in looks.items():
            try:
                is_ok, detail = look()
            except ReadFailure as e:
                is_ok, detail = False, str(e)
            yield Observation(name=f"salesforce {name}", is_ok=is_ok, detail=detail)

    def _organisation(self) -> tuple[bool, str]:
        fields = ["Id", "Name", "OrganizationType", "IsSandbox", "InstanceName"]
        found = self._source.rest.one(soql.select(fields, "Organization"), "the organisation")
        kind = "sandbox" if found.flag("IsSandbox") else "production"
        edition = found.optional_text("OrganizationType") or "edition not told"
        instance = found.optional_text("InstanceName")
        return True, f"{found.text('Id')}, {kind}, {edition}, {instance}".rstrip(", ")

    def _version(self) -> tuple[bool, str]:
        what = "the API versions"
        body = self._session.get_json("/services/data/", what, is_free=True)
        offered = [v.text("version") for v in Answer({"versions": body}, what).objects("versions")]
        ours = self._session.version
        newest = max(offered, key=_as_number, default="none")
        return ours in offered, f"{ours} is used; the newest that is offered is {newest}"

    def _sees_everything(self) -> tuple[bool, str]:
        """By the permission sets of the user, the one behind its profile among them."""
        user = self._session.log_in().user
        if not user:
            return False, "the log-in does not say who we are, so it could not be asked"
        query = soql.select(
            ["Id"],
            "PermissionSetAssignment",
            soql.every(f"AssigneeId = {soql.text(user)}", "PermissionSet.PermissionsViewAllData = true"),
        )
        if self._source.rest.raw(query, "the permissions of the user"):
            return True, "granted"
        return False, "not granted: sharing may hide rows from this user, and Salesforce does not say so"

    def _object(self, obj: SourceObject) -> tuple[bool, str]:
        state = self._source.state(obj)
        columns = self._source.columns(obj) if state.is_present else None
        if columns is None:
            return False, state.problem
        rows = self._source.rest.count(
            obj.name, soql.every(soql.ours(obj, self._catalogue), "IsDeleted = false")
        )
        detail = f"{rows:,} rows, {len(columns.selected)} columns"
        return not state.problem, f"{detail}; {state.problem}" if state.problem else detail

    def _quota(self) -> tuple[bool, str]:
        quota = self._session.quota
        if quota.usage is None:
            return True, "Salesforce does not say how many calls are left"
        used = f"{quota.usage.used:,} of {quota.usage.limit:,} daily calls are used"
        return not quota.is_spent, used if not quota.is_spent else str(quota.spent())

    def _clock(self) -> tuple[bool, str]:
        seconds = self._session.clock_difference.total_seconds()
        is_ok = abs(seconds) < _MOST_CLOCK_DIFFERENCE_S
        detail = f"Salesforce's clock is {seconds:+.0f} s from ours"
        return is_ok, detail if is_ok else f"{detail}: windows go by Salesforce's, times in reports by ours"


def _as_number(version: str) -> list[int]:
    """`62.0` as what versions are compared by."""
    return [int(part) for part in re.findall(r"[0-9]{1,9}", version)]


def examine(source: SalesforceSource, catalogue: Catalogue) -> list[Observation]:
    """Everything that can be asked; a log-in that is refused is the one finding."""
    try:
        return list(Examination(source, catalogue).findings())
    except EverycaseError as e:
        return [Observation(name="salesforce log-in", is_ok=False, detail=str(e))]
