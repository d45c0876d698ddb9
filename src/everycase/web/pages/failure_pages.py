"""The error inbox: filter, see how many, act on exactly those."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse

from everycase.domain.failures import Disposition, ErrorType, FailureStage
from everycase.domain.orders import OrderKind
from everycase.operations import inbox, orders
from everycase.web import cursors
from everycase.web.auth import Everycase, Operator, Viewer
from everycase.web.pages.frame import show

router = APIRouter()

Part = Annotated[str, Query(max_length=80)]
Given = Annotated[str, Form(max_length=80)]
PAGE = 50
_TITLES = {
    OrderKind.RETRY: "Try {n} {noun} again",
    OrderKind.SKIP: "Leave {n} {noun} alone",
}


@router.get("/failures")
def list_failures(
    request: Request,
    app: Everycase,
    caller: Viewer,
    stage: Part = "",
    error_type: Part = "",
    disposition: Part = "",
    case: Part = "",
    cursor: Annotated[str | None, Query(max_length=300)] = None,
) -> HTMLResponse:
    query = {"stage": stage, "error_type": error_type, "disposition": disposition, "case": case}
    chosen = orders.filter_failures(stage=stage, error_type=error_type, disposition=disposition, case=case)
    place = cursors.read(cursor)
    items = inbox.page(app, chosen, before=place.at, before_id=place.id, limit=PAGE)
    groups = inbox.groups(app, chosen)
    return show(
        request,
        "failures",
        caller,
        "/failures",
        chosen=query,
        items=items,
        groups=groups,
        to_act_on=orders.count_failures(app, chosen),
        next=_next(items, query),
        sentence=_sentence(groups, is_filtered=any(query.values())),
        is_filtered=any(query.values()),
        stages=list(FailureStage),
        types=list(ErrorType),
        dispositions=[Disposition.RETRY, Disposition.MANUAL_REVIEW, Disposition.SKIP],
    )


def _next(items: list[dict[str, Any]], query: dict[str, str]) -> str | None:
    if len(items) < PAGE:
        return None
    cursor = cursors.write(items[-1]["last_failed_at"], items[-1]["failure_id"])
    return f"/failures?{urlencode({**{k: v for k, v in query.items() if v}, 'cursor': cursor})}"


def _sentence(groups: list[dict[str, Any]], *, is_filtered: bool) -> str:
    waiting = [g for g in groups if g["disposition"] != Disposition.SKIP]
    n = sum(g["open"] for g in waiting)
    for_people = sum(g["open"] for g in groups if g["disposition"] == Disposition.MANUAL_REVIEW)
    if not n:
        return "No failure is like that" if is_filtered else "No failure waits"
    noun = "failure waits" if n == 1 else "failures wait"
    if n == for_people:
        return f"{n:,} {noun} for a person"
    return f"{n:,} {noun}, {for_people:,} of them for a person"


@router.post("/failures/act")
def confirm(
    request: Request,
    app: Everycase,
    caller: Operator,
    kind: Annotated[OrderKind, Form()],
    stage: Given = "",
    error_type: Given = "",
    disposition: Given = "",
    case: Given = "",
) -> HTMLResponse:
    """The dry run: how many, and what it costs. What is confirmed then is this list and nothing else."""
    chosen = orders.filter_failures(stage=stage, error_type=error_type, disposition=disposition, case=case)
    proposal = orders.propose(app, kind, caller, chosen)
    n = proposal.forecast.failures
    title = _TITLES[kind].format(n=f"{n:,}", noun="failure" if n == 1 else "failures")
    return show(
        request,
        "confirm",
        caller,
        "/failures",
        title=title,
        kind=kind,
        forecast=proposal.forecast,
        order=proposal.order,
    )
