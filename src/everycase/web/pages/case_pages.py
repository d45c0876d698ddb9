"""Cases: the list by where they stand, one case with its journey, and the box that finds either."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from everycase.domain.errors import WrongUse
from everycase.domain.lineage import Stage, Status
from everycase.operations import cases, trace
from everycase.operations.cases import CasePage
from everycase.web.auth import VIEWERS, Everycase, Viewer
from everycase.web.pages.frame import show, to

router = APIRouter()

Blank = Annotated[str, Query(max_length=200)]


@router.get("/find", dependencies=VIEWERS)
def find(app: Everycase, q: Annotated[str, Query(max_length=4000)] = "") -> Response:
    """A case number or id leads to its case, anything else to the search."""
    key = q.strip()
    if key and " " not in key:
        try:
            trace.trace_case(app, key)
            return to(f"/cases/{quote(key)}")
        except WrongUse:
            pass
    return to(f"/search?{urlencode({'q': key})}" if key else "/search")


@router.get("/cases")
def list_cases(
    request: Request,
    app: Everycase,
    caller: Viewer,
    status: Blank = "",
    stage: Blank = "",
    space: Blank = "",
    limited: Blank = "",
    after: Annotated[str, Query(max_length=18)] = "",
) -> HTMLResponse:
    chosen: dict[str, Any] = {"status": status, "stage": stage, "space": space, "limited": limited}
    page = cases.list_cases(
        app,
        status=status or None,
        stage=stage or None,
        space=space or None,
        limited=limited == "true",
        after=after,
    )
    query = {k: v for k, v in chosen.items() if v}
    following = urlencode({**query, "after": page["next"]}) if page["next"] else None
    return show(
        request,
        "cases",
        caller,
        "/cases",
        items=page["items"],
        next=f"/cases?{following}" if following else None,
        is_filtered=bool(query) or bool(after),
        sentence="Cases that are " + status.replace("_", " ") if status else "Every case, and where it is",
        statuses=list(Status),
        stages=list(Stage),
        **{**chosen, "limited": limited == "true"},
    )


@router.get("/cases/{key}")
def one_case(request: Request, app: Everycase, caller: Viewer, key: str) -> HTMLResponse:
    found = cases.read_case(app, key)
    return show(request, "case", caller, "/cases", c=_Shown(found, app.settings.salesforce_link))


class _Shown:
    """A case with what only the page needs."""

    def __init__(self, page: CasePage, link: str) -> None:
        self.page, self._link = page, link
        self.case_number, self.record_id = page.case_number, page.record_id
        self.is_served, self.verdict, self.text = page.is_served, page.verdict, page.text
        self.steps, self.comparisons = page.steps, page.comparisons
        self.fields = page.row["total_fields_populated"]
        self.space, self.note = page.row["space"], page.row["note"]
        self.failures = page.journey.failures
        self.open_failures = [f for f in self.failures if not f["resolved"]]
        self.joins: dict[str, int] = page.journey.as_dict()["joins"]

    @property
    def subject_url(self) -> str:
        """The case in Salesforce; blank where no address is set."""
        return f"{self._link.rstrip('/')}/{self.record_id}" if self._link else ""
