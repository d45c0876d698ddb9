"""Runs and orders: what is at work, what was done, and starting or ending it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from everycase.domain.orders import OrderKind, RunProgress
from everycase.operations import access, orders, progress, runs
from everycase.operations.runs import RunView
from everycase.web import cursors
from everycase.web.auth import VIEWERS, Everycase, Operator, Viewer
from everycase.web.pages import charts
from everycase.web.pages.frame import show, to

router = APIRouter()

PAGE = 30
_FIGURES = {
    "Cases": ("created", "updated", "unchanged", "deleted", "failed", "superseded", "deferred"),
    "Embedding": ("embedded", "reused", "embedding_calls", "tokens", "cost", "cut"),
    "Found": ("records_checked", "discrepancies", "due_failures", "few_fields", "limited_data", "debt"),
}


@router.get("/runs")
def list_runs(
    request: Request,
    app: Everycase,
    caller: Viewer,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
) -> HTMLResponse:
    place = cursors.read(cursor)
    items = runs.page(app, before=place.at, before_id=place.id, limit=PAGE)
    last = items[-1] if len(items) == PAGE else None
    live = progress.live_runs(app)
    return show(
        request,
        "runs",
        caller,
        "/runs",
        items=items,
        next=f"/runs?cursor={cursors.write(last['start_time'], last['run_id'])}" if last else None,
        live=live,
        charts=charts.of_days(runs.days(app)) if cursor is None else [],
        orders=orders.list_orders(app, limit=12),
        sentence=_sentence(live, items),
    )


def _sentence(live: list[RunProgress], items: list[dict[str, Any]]) -> str:
    if live:
        return f"{live[0].kind.capitalize()} is at work"
    return "Nothing is at work" if items else "No run yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Some figures of a report under one heading."""

    name: str
    figures: list[tuple[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A report as the page shows it."""

    run_id: UUID
    kind: str
    status: str
    started_at: datetime | None
    duration: float | None
    problems: list[str]
    groups: list[_Group]
    reads: Sequence[Mapping[str, Any]]
    text: str | None


@router.get("/runs/{run_id}")
def one_run(request: Request, app: Everycase, caller: Viewer, run_id: UUID) -> HTMLResponse:
    live = progress.progress_of(app, run_id)
    found = runs.read_run(app, run_id)
    is_live = live is not None and live.ended_at is None
    return show(request, "run", caller, "/runs", r=_shown(found), live=live if is_live else None)


def _shown(found: RunView) -> _Shown:
    r = found.report
    return _Shown(
        run_id=found.run_id,
        kind=found.kind,
        status=found.status,
        started_at=found.started_at,
        duration=found.duration,
        problems=[str(p) for p in r.get("problems", [])],
        groups=[g for g in (_group(n, keys, r) for n, keys in _FIGURES.items()) if g.figures],
        reads=found.reads,
        text=found.as_text(),
    )


def _group(name: str, keys: tuple[str, ...], report: Mapping[str, Any]) -> _Group:
    return _Group(name=name, figures=[(k, report[k]) for k in keys if report.get(k) is not None])


@router.get("/runs/{run_id}/report", dependencies=VIEWERS)
def report_page(app: Everycase, run_id: UUID) -> Response:
    """A reconciliation as a page that can be sent on, its style sheet inside; a sync's report is its page."""
    if not runs.read_run(app, run_id).is_reconciliation:
        return to(f"/runs/{run_id}")
    page = HTMLResponse(runs.read_report(app, str(run_id)).as_html())
    page.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    )
    return page


@router.post("/runs/{run_id}/cancel")
def cancel_run(app: Everycase, caller: Operator, run_id: UUID) -> Response:
    progress.cancel_run(app, run_id, caller)
    return to("/runs")


@router.post("/orders")
def place(
    app: Everycase,
    caller: Operator,
    kind: Annotated[OrderKind, Form()],
    key: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    order = orders.place(app, kind, caller, key=key or str(uuid4()))
    return to(f"/orders/{order.order_id}")


@router.post("/orders/{order_id}/confirm")
def confirm(app: Everycase, caller: Operator, order_id: UUID) -> Response:
    orders.confirm(app, order_id, caller)
    return to(f"/orders/{order_id}")


@router.get("/orders/{order_id}")
def one_order(request: Request, app: Everycase, caller: Viewer, order_id: UUID) -> HTMLResponse:
    order = orders.read_order(app, order_id)
    live = progress.progress_of(app, order.run_id) if order.run_id else None
    is_live = live is not None and live.ended_at is None
    return show(request, "order", caller, "/runs", o=order, live=live if is_live else None)


@router.post("/orders/{order_id}/cancel")
def cancel_order(app: Everycase, caller: Operator, order_id: UUID) -> Response:
    orders.cancel(app, order_id, caller)
    return to(f"/orders/{order_id}")


@router.get("/audit")
def audit(
    request: Request, app: Everycase, caller: Operator, before: Annotated[int | None, Query(ge=1)] = None
) -> HTMLResponse:
    items = access.read_audit(app, before=before)
    following = f"/audit?before={items[-1]['audit_id']}" if len(items) == 100 else None
    return show(request, "audit", caller, "", items=items, next=following)
