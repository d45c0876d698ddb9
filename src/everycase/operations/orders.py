"""Orders: what the service was asked to do, carried out once, by whichever replica is free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import structlog

from everycase.app import App
from everycase.domain.access import Caller
from everycase.domain.errors import AnotherRunAtWork, EverycaseError, WrongUse
from everycase.domain.gaps import RunType
from everycase.domain.orders import Order, OrderKind, OrderState
from everycase.domain.runs import RunStatus
from everycase.operations import inbox, jobs, overview, progress, work
from everycase.operations.trace import case_keys
from everycase.operations.work import Progress
from everycase.store import access, db
from everycase.store import orders as store
from everycase.store.db import Connection
from everycase.store.orders import FailureCount, FailureSelection

__all__ = ["FailureSelection", "Order", "OrderKind"]

log = structlog.get_logger()

MOST_ATTEMPTS = 3
"""An order whose process has died so often is given up: it may be what kills it."""

_ABOUT_FAILURES = (OrderKind.RETRY, OrderKind.SKIP)
_PARAMETERS: Mapping[OrderKind, Mapping[str, type | tuple[type, ...]]] = {
    OrderKind.SYNC: {"allow_deletes": int, "max_cost": (int, float)},
    OrderKind.RECONCILE: {
        "type": str,
        "deep": bool,
        "dry_run": bool,
        "allow_deletes": int,
        "max_cost": (int, float),
    },
    OrderKind.RETRY: {},
    OrderKind.SKIP: {},
    OrderKind.PRUNE: {},
    OrderKind.RESUME: {},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What an order about failures would touch, and what it would cost at most."""

    failures: int
    cases: int
    tokens: int
    cost: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def filter_failures(
    *,
    stage: str | None = None,
    error_type: str | None = None,
    disposition: str | None = None,
    case: str | None = None,
    failures: list[UUID] | None = None,
) -> FailureSelection:
    """A filter from a person's words; a blank part means no limit."""
    return FailureSelection(
        stage=stage or None,
        error_type=error_type or None,
        disposition=disposition or None,
        case=case or None,
        records=tuple(case_keys(case)) if case else (),
        failures=failures,
    )


def forecast(app: App, chosen: FailureSelection) -> Forecast:
    """How many failures an order with this filter would be about, and what embedding them again costs.

    The cost is an upper bound: a vector that is kept is used again and costs nothing.
    """
    with app.pool.connection() as conn:
        return _priced(app, store.count_matching(conn, chosen))


def count_failures(app: App, chosen: FailureSelection) -> int:
    """How many failures an order with this filter would be about."""
    with app.pool.connection() as conn:
        return store.count_failures(conn, chosen)


def _priced(app: App, found: FailureCount) -> Forecast:
    tokens = app.embedder.estimate_tokens(found.characters)
    cost = round(tokens / 1e6 * app.processor.preferred_price, 4)
    return Forecast(failures=found.failures, cases=found.cases, tokens=tokens, cost=cost)


def place(
    app: App,
    kind: OrderKind,
    caller: Caller,
    *,
    parameters: Mapping[str, Any] | None = None,
    key: str | None = None,
    chosen: FailureSelection | None = None,
) -> Order:
    """Place an order; it is carried out by the next free replica. Same `key`, same order.

    An order to retry or skip is about the failures that `chosen` shows at this moment. Raises `WrongUse` for
    a parameter that the kind does not have.
    """
    given = dict(parameters or {})
    _check(kind, given)
    if (chosen is None) is (kind in _ABOUT_FAILURES):
        raise WrongUse(f"an order to {kind} {'needs' if chosen is None else 'takes no'} filter")
    new_id = uuid4()
    with app.pool.connection() as conn, conn.transaction():
        order = store.place(
            conn, kind, by=caller.name, parameters=given, key=key, chosen=chosen, order_id=new_id
        )
        if order.order_id == new_id:  # the same key again orders nothing
            details = {"order_id": str(new_id), **given, "failures": order.failures}
            access.audit(conn, caller, f"ordered {kind}", details)
    return order


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An order about failures that waits for its confirmation, and what it would cost."""

    order: Order
    forecast: Forecast


def propose(app: App, kind: OrderKind, caller: Caller, chosen: FailureSelection) -> Proposal:
    """Fix which failures an order would be about, and say what it would cost; `confirm` carries it out."""
    if kind not in _ABOUT_FAILURES:
        raise WrongUse(f"an order to {kind} needs no proposal")
    with app.pool.connection() as conn:
        order = store.place(
            conn, kind, by=caller.name, parameters={}, chosen=chosen, state=OrderState.PROPOSED
        )
        return Proposal(order=order, forecast=_priced(app, store.count_of_order(conn, order.order_id)))


def confirm(app: App, order_id: UUID, caller: Caller) -> Order:
    """Carry out what was proposed: exactly those failures. Confirming twice orders once.

    Raises `WrongUse` where this caller has not proposed it.
    """
    with app.pool.connection() as conn:
        is_new = store.confirm(conn, order_id, by=caller.name)
        order = store.one(conn, order_id)
        if not is_new and (order.ordered_by != caller.name or order.state is OrderState.PROPOSED):
            raise WrongUse(f"{caller.name} has not proposed order {order_id}")
        if is_new:
            details = {"order_id": str(order_id), "failures": order.failures}
            access.audit(conn, caller, f"ordered {order.kind}", details)
    return order


def _check(kind: OrderKind, given: Mapping[str, Any]) -> None:
    known = _PARAMETERS[kind]
    for name, value in given.items():
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise WrongUse(f"an order to {kind} has no parameter {name!r} (it has: {allowed})")
        if not isinstance(value, known[name]) or (isinstance(value, bool) and known[name] is not bool):
            raise WrongUse(f"parameter {name!r} has the wrong type")
        if isinstance(value, int | float) and value < 0:
            raise WrongUse(f"parameter {name!r} must not be negative")
    if "type" in given and given["type"] not in list(RunType):
        raise WrongUse(f"parameter 'type' is one of {', '.join(RunType)}")


def read_order(app: App, order_id: UUID) -> Order:
    """One order. Raises `WrongUse` where there is none."""
    with app.pool.connection() as conn:
        return store.one(conn, order_id)


def list_orders(
    app: App, *, before: datetime | None = None, before_id: UUID | None = None, limit: int = 50
) -> list[Order]:
    """Orders, newest first; `before` and `before_id`: of the last order of the page before."""
    with app.pool.connection() as conn:
        return store.page(conn, before=before, before_id=before_id, limit=limit)


def open_states(app: App) -> dict[str, str]:
    """The state of each order that waits or runs, by its id."""
    with app.pool.connection() as conn:
        return store.open_states(conn)


def cancel(app: App, order_id: UUID, caller: Caller) -> Order:
    """Cancel an order: at once where it waits, at the next batch where it runs.

    Raises `WrongUse` where it is over.
    """
    with app.pool.connection() as conn:
        order = store.one(conn, order_id)
        access.audit(conn, caller, "cancelled order", {"order_id": str(order_id)})
        if order.state is OrderState.QUEUED and store.cancel_queued(conn, order_id):
            return store.one(conn, order_id)
    if order.state is not OrderState.RUNNING or order.run_id is None:
        raise WrongUse(f"order {order_id} is over")
    progress.cancel_run(app, order.run_id, caller)
    return read_order(app, order_id)


# ── carrying out ─────────────────────────────────────────────────────────────────────────────────


def carry_out_next(app: App, new_progress: Callable[[], Progress], stop: threading.Event) -> Order | None:
    """Carry out the oldest order that waits, or whose process has died; None where there is none.

    `stop` ends it at the next batch; it is then taken up again later, by this or another replica.
    """
    with db.connect(app.dsn) as conn, store.claim_next(conn) as order:
        if order is None:
            return None
        run_id = uuid4()
        attempts = store.start(conn, order.order_id, run_id=run_id)
        if attempts is None:
            return None
        if attempts > MOST_ATTEMPTS:
            message = f"given up: the process that carried it out has died {MOST_ATTEMPTS} times"
            store.finish(conn, order.order_id, OrderState.FAILED, message=message, result=None)
        else:
            _carry_out(conn, app, order, run_id, new_progress(), stop)
        return store.one(conn, order.order_id)


def _carry_out(
    conn: Connection, app: App, order: Order, run_id: UUID, shown: Progress, stop: threading.Event
) -> None:
    try:
        done = _DO[order.kind](app, order, run_id, progress.EndedBy(shown, stop))
    except AnotherRunAtWork:
        store.requeue(conn, order.order_id)
        return
    except EverycaseError as e:
        done = _Done(state=OrderState.FAILED, message=str(e))
    except Exception as e:
        log.warning("order_failed", order_id=str(order.order_id), error=type(e).__name__, exc_info=True)
        message = f"unexpected {type(e).__name__}; everycase {order.kind} --debug shows where"
        done = _Done(state=OrderState.FAILED, message=message)
    if done.state is OrderState.QUEUED:
        store.requeue(conn, order.order_id)
    else:
        store.finish(conn, order.order_id, done.state, message=done.message, result=done.result)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What became of an order. `QUEUED`: this process is ending, and another takes it up again."""

    message: str
    state: OrderState = OrderState.DONE
    result: Mapping[str, Any] | None = None


def _sync(app: App, order: Order, run_id: UUID, shown: Progress) -> _Done:
    report = work.sync(app, shown, run_id=run_id, **order.parameters)
    return _of_run(app, run_id, report.status, jobs.say_sync(report), report.as_dict())


def _reconcile(app: App, order: Order, run_id: UUID, shown: Progress) -> _Done:
    given = dict(order.parameters)
    run_type = RunType(given.pop("type", RunType.MANUAL))
    report = work.reconcile(app, shown, run_type, run_id=run_id, **given)
    return _of_run(app, run_id, report.status, jobs.say_reconciliation(report), report.as_dict())


def _retry(app: App, order: Order, run_id: UUID, shown: Progress) -> _Done:
    with app.pool.connection() as conn:
        chosen = store.failure_ids(conn, order.order_id)
    retried = inbox.retry_these(app, shown, chosen, run_id=run_id)
    message = f"{retried.retried:,} tried again, {retried.recovered:,} recovered"
    return _of_run(app, run_id, retried.status, message, retried.as_dict())


def _of_run(app: App, run_id: UUID, status: RunStatus, message: str, result: Mapping[str, Any]) -> _Done:
    if status is not RunStatus.INTERRUPTED:
        return _Done(message=message, result=result)
    found = progress.progress_of(app, run_id)
    state = OrderState.CANCELLED if found and found.is_cancelling else OrderState.QUEUED
    return _Done(message=f"ended early: {message}", state=state, result=result)


def _skip(app: App, order: Order, _run_id: UUID, _shown: Progress) -> _Done:
    with app.pool.connection() as conn:
        skipped = store.skip(conn, order.order_id)
    overview.keep_census(app)
    return _Done(message=f"{skipped:,} failures are left alone until their cases change")


def _prune(app: App, _order: Order, _run_id: UUID, _shown: Progress) -> _Done:
    removed = work.prune(app)
    return _Done(message="what is over for long enough is removed", result=asdict(removed))


def _resume(app: App, _order: Order, _run_id: UUID, _shown: Progress) -> _Done:
    reason = work.resume(app)
    return _Done(message="the pipeline may run again" if reason else "the pipeline was not stopped")


_DO: Mapping[OrderKind, Callable[[App, Order, UUID, Progress], _Done]] = {
    OrderKind.SYNC: _sync,
    OrderKind.RECONCILE: _reconcile,
    OrderKind.RETRY: _retry,
    OrderKind.SKIP: _skip,
    OrderKind.PRUNE: _prune,
    OrderKind.RESUME: _resume,
}
