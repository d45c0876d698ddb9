"""The JSON API: what the command line can ask and order, by the same functions (contract §17)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import Field

from everycase.domain.access import Role
from everycase.domain.failures import Disposition, ErrorType, FailureStage
from everycase.domain.lineage import Stage, Status
from everycase.domain.orders import Order, RunProgress
from everycase.operations import cases, doctor, inbox, orders, overview, progress, runs, search, trace, work
from everycase.operations.orders import filter_failures
from everycase.web import cursors, schemas
from everycase.web.auth import VIEWERS, Everycase, Operator, requires
from everycase.web.problems import Problem

LONGEST_QUERY = 4000
Text = Annotated[str, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=300, description="`next` of the page before.")]
CaseKey = Annotated[str, Path(max_length=80, description="A record id or a case number.")]
IdempotencyKey = Annotated[
    str | None,
    Header(max_length=100, description="The same key of the same caller places the order once."),
]

PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "description": text, "content": {"application/problem+json": {}}}
    for code, text in (
        (401, "No valid token."),
        (403, "The role does not cover this, or the request comes from another site."),
        (404, "There is no such thing."),
        (409, "The state does not allow this."),
        (422, "A parameter cannot be used."),
        (503, "A dependency does not answer."),
    )
}

OPERATORS = [Depends(requires(Role.OPERATOR))]

router = APIRouter(prefix="/api", responses=PROBLEMS, dependencies=VIEWERS)


# ── the state of things ──────────────────────────────────────────────────────────────────────────


@router.get("/status", tags=["state"], operation_id="read_status")
def read_status(app: Everycase) -> schemas.SystemStatus:
    """The state of the whole, as the last run left it."""
    return schemas.SystemStatus.model_validate(overview.read_overview(app).as_dict())


@router.get("/freshness", tags=["state"], operation_id="read_freshness")
def read_freshness(app: Everycase) -> schemas.Freshness:
    """How long a change at the source takes until it is searchable."""
    return read_status(app).freshness


@router.get("/doctor", tags=["state"], operation_id="run_doctor", dependencies=OPERATORS)
def run_doctor(app: Everycase) -> list[schemas.Check]:
    """Check configuration, connections, permissions and the source's fields."""
    return [schemas.Check.model_validate(c.as_dict()) for c in doctor.diagnose(lambda: app.settings)]


# ── cases ────────────────────────────────────────────────────────────────────────────────────────


@router.get("/cases", tags=["cases"], operation_id="list_cases")
def list_cases(
    app: Everycase,
    status: Status | None = None,
    stage: Stage | None = None,
    space: Annotated[str | None, Query(max_length=200)] = None,
    limited: Annotated[bool, Query(description="Only cases that are complete with limited data.")] = False,
    after: Annotated[str, Query(max_length=18, description="`next` of the page before.")] = "",
    limit: Limit = 50,
) -> schemas.CaseList:
    """Cases by where they stand, in the order of their record ids."""
    page = cases.list_cases(
        app, status=status, stage=stage, space=space, limited=limited, after=after, limit=limit
    )
    return schemas.CaseList.model_validate(page)


@router.get("/cases/{key}", tags=["cases"], operation_id="trace_case")
def trace_case(app: Everycase, key: CaseKey) -> dict[str, Any]:
    """The journey of one case: its stages with their times, what was joined, what failed."""
    return trace.trace_case(app, key).as_dict()


@router.get("/cases/{key}/text", tags=["cases"], operation_id="read_case_text")
def read_case_text(app: Everycase, key: CaseKey) -> dict[str, str]:
    """The text of a case as it is indexed: without personal data."""
    return {"text": cases.read_case(app, key).text or ""}


# ── failures ─────────────────────────────────────────────────────────────────────────────────────


def _selection(
    stage: FailureStage | None = None,
    error_type: ErrorType | None = None,
    disposition: Disposition | None = None,
    case: Annotated[str | None, Query(max_length=80, description="A record id or case number.")] = None,
) -> orders.FailureSelection:
    return filter_failures(stage=stage, error_type=error_type, disposition=disposition, case=case)


Selection = Annotated[orders.FailureSelection, Depends(_selection)]


@router.get("/failures", tags=["failures"], operation_id="list_failures")
def list_failures(
    app: Everycase, selection: Selection, cursor: Cursor = None, limit: Limit = 50
) -> schemas.FailureList:
    """Open failures, newest first."""
    place = cursors.read(cursor)
    items = inbox.page(app, selection, before=place.at, before_id=place.id, limit=limit)
    last = items[-1] if len(items) == limit else None
    after = cursors.write(last["last_failed_at"], last["failure_id"]) if last else None
    return schemas.FailureList.model_validate({"items": items, "next": after})


@router.get("/failures/groups", tags=["failures"], operation_id="group_failures")
def group_failures(app: Everycase, selection: Selection) -> list[schemas.FailureGroup]:
    """Open failures by stage and type, most first."""
    return [schemas.FailureGroup.model_validate(g) for g in inbox.groups(app, selection)]


@router.post("/failures/forecast", tags=["failures"], operation_id="forecast_failures")
def forecast_failures(app: Everycase, selection: schemas.FailureSelection) -> schemas.Forecast:
    """How many failures an order with this selection would be about, and what it would cost at most."""
    return schemas.Forecast.model_validate(
        orders.forecast(app, filter_failures(**selection.model_dump())).as_dict()
    )


# ── orders ───────────────────────────────────────────────────────────────────────────────────────


@router.post("/orders", tags=["orders"], operation_id="place_order", status_code=202)
def place_order(
    app: Everycase, caller: Operator, order: schemas.NewOrder, idempotency_key: IdempotencyKey = None
) -> Order:
    """Order work. It is carried out by the next free replica; look at the order to see what became of it."""
    chosen = filter_failures(**order.selection.model_dump()) if order.selection is not None else None
    return orders.place(
        app, order.kind, caller, parameters=order.parameters, key=idempotency_key, chosen=chosen
    )


@router.get("/orders", tags=["orders"], operation_id="list_orders")
def list_orders(app: Everycase, cursor: Cursor = None, limit: Limit = 50) -> schemas.OrderList:
    """Orders, newest first."""
    place = cursors.read(cursor)
    items = orders.list_orders(app, before=place.at, before_id=place.id, limit=limit)
    last = items[-1] if len(items) == limit else None
    after = cursors.write(last.ordered_at, last.order_id) if last else None
    return schemas.OrderList(items=items, next=after)


@router.get("/orders/{order_id}", tags=["orders"], operation_id="read_order")
def read_order(app: Everycase, order_id: UUID) -> Order:
    """One order and what became of it."""
    return orders.read_order(app, order_id)


@router.post("/orders/{order_id}/cancel", tags=["orders"], operation_id="cancel_order")
def cancel_order(app: Everycase, caller: Operator, order_id: UUID) -> Order:
    """Cancel an order: at once where it waits, at the next batch where it runs."""
    return orders.cancel(app, order_id, caller)


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────


@router.get("/runs", tags=["runs"], operation_id="list_runs")
def list_runs(app: Everycase, cursor: Cursor = None, limit: Limit = 50) -> schemas.RunList:
    """Syncs and reconciliations, newest first."""
    place = cursors.read(cursor)
    items = runs.page(app, before=place.at, before_id=place.id, limit=limit)
    last = items[-1] if len(items) == limit else None
    after = cursors.write(last["start_time"], last["run_id"]) if last else None
    return schemas.RunList.model_validate({"items": items, "next": after})


@router.get("/runs/live", tags=["runs"], operation_id="list_live_runs")
def list_live_runs(app: Everycase) -> list[RunProgress]:
    """The runs that are at work now, wherever they run."""
    return progress.live_runs(app)


@router.get("/runs/{run_id}", tags=["runs"], operation_id="read_run")
def read_run(app: Everycase, run_id: UUID) -> dict[str, Any]:
    """The report of a sync or reconciliation, as the command prints it with --json."""
    return dict(runs.read_run(app, run_id).report)


@router.get("/runs/{run_id}/gaps", tags=["runs"], operation_id="list_gaps")
def list_gaps(app: Everycase, run_id: UUID, limit: Limit = 100) -> list[dict[str, Any]]:
    """The disagreements that a reconciliation found, and what became of each."""
    return runs.list_gaps(app, run_id, limit=limit)


@router.post("/runs/{run_id}/cancel", tags=["runs"], operation_id="cancel_run", status_code=202)
def cancel_run(app: Everycase, caller: Operator, run_id: UUID) -> RunProgress:
    """Ask a run to end at its next batch; what it has done stays done."""
    return progress.cancel_run(app, run_id, caller)


# ── search and plan ──────────────────────────────────────────────────────────────────────────────


@router.get("/search", tags=["search"], operation_id="search_cases")
def search_cases(
    app: Everycase,
    q: Annotated[str, Query(max_length=LONGEST_QUERY, description="What to look for.")] = "",
    similar: Annotated[str, Query(max_length=80, description="Or: cases like this one.")] = "",
    where: Annotated[
        list[Annotated[str, Field(max_length=300)]],
        Query(max_length=20, description="Filters like `status=Closed`; also != < <= > >=."),
    ] = [],  # noqa: B006 - FastAPI copies it
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    page: Annotated[int, Query(ge=1, le=50)] = 1,
) -> dict[str, Any]:
    """Find cases by meaning, by word and by identifier, with facets of all candidates."""
    return search.search(app, q, where=where, limit=limit, page=page, similar=similar).as_dict()


@router.get("/plan", tags=["state"], operation_id="plan_sync", dependencies=OPERATORS)
def plan_sync(app: Everycase) -> dict[str, Any]:
    """What a sync would do now, and what it would cost; nothing is written."""
    return work.plan(app, progress.Silence()).as_dict()
