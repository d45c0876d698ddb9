"""Orders as rows: placed once, claimed under a lock, taken up again when their process dies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from everycase.domain.errors import NotFound, WrongUse
from everycase.domain.orders import Order, OrderKind, OrderState
from everycase.store import locks
from everycase.store.db import Connection, scalar
from everycase.store.queries import queries

SQL = queries("orders")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSelection:
    """Which open failures: each part that is given narrows the choice."""

    stage: str | None = None
    error_type: str | None = None
    disposition: str | None = None
    case: str | None = None
    """A record id or a case number."""
    records: Sequence[str] = ()
    """The record ids that `case` may mean."""
    failures: Sequence[UUID] | None = None
    """Only these failures."""

    def as_sql(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "type": self.error_type,
            "disposition": self.disposition,
            "case": self.case,
            "records": list(self.records),
            "failures": list(self.failures) if self.failures is not None else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCount:
    """What a filter shows: failures, the cases they are of, and characters that would be embedded again."""

    failures: int
    cases: int
    characters: int


def count_matching(conn: Connection, chosen: FailureSelection) -> FailureCount:
    """What an order with this filter would be about, were it placed now."""
    row = conn.execute(SQL["count_matching"], chosen.as_sql()).fetchone()
    assert row is not None
    return FailureCount(failures=row[0], cases=row[1], characters=int(row[2]))


def count_failures(conn: Connection, chosen: FailureSelection) -> int:
    """How many failures an order with this filter would be about."""
    return int(scalar(conn, SQL["count_failures"], chosen.as_sql()))


def count_of_order(conn: Connection, order_id: UUID) -> FailureCount:
    """What an order is about, as far as it is still open."""
    row = conn.execute(SQL["count_of_order"], {"order_id": order_id}).fetchone()
    assert row is not None
    return FailureCount(failures=row[0], cases=row[1], characters=int(row[2]))


def confirm(conn: Connection, order_id: UUID, *, by: str) -> bool:
    """Turn a proposal of this caller into an order; False where it is none (any more)."""
    return conn.execute(SQL["confirm"], {"order_id": order_id, "by": by}).fetchone() is not None


def place(
    conn: Connection,
    kind: OrderKind,
    *,
    by: str,
    parameters: Mapping[str, Any],
    key: str | None = None,
    chosen: FailureSelection | None = None,
    state: OrderState = OrderState.QUEUED,
    order_id: UUID | None = None,
) -> Order:
    """Place an order; with a `key` that this caller has used before, the order of that time.

    `order_id`: of a new order, so that the caller can tell whether it is one.

    `chosen`: the order is about the failures that this filter shows now. Raises `WrongUse` where the key was
    used for something else.
    """
    given = {
        "order_id": order_id or uuid4(),
        "kind": kind,
        "parameters": Jsonb(dict(parameters)),
        "by": by,
        "key": key,
        "state": state,
    }
    with conn.transaction():
        row = conn.execute(SQL["place"], given).fetchone()
        if row is None:
            return _placed_before(conn, kind, by=by, key=key, parameters=parameters)
        if chosen is not None:
            conn.execute(SQL["snapshot"], {"order_id": row[0], **chosen.as_sql()})
    return one(conn, row[0])


def _placed_before(
    conn: Connection, kind: OrderKind, *, by: str, key: str | None, parameters: Mapping[str, Any]
) -> Order:
    row = conn.execute(SQL["by_key"], {"by": by, "key": key}).fetchone()
    assert row is not None
    if (row[1], row[2]) != (kind, dict(parameters)):
        raise WrongUse("this idempotency key was used for another order: use a new key for a new order")
    return one(conn, row[0])


def one(conn: Connection, order_id: UUID) -> Order:
    """One order. Raises `WrongUse` where there is none."""
    found = page(conn, order_id=order_id, limit=1)
    if not found:
        raise NotFound(f"there is no order {order_id}")
    return found[0]


def page(
    conn: Connection,
    *,
    order_id: UUID | None = None,
    before: datetime | None = None,
    before_id: UUID | None = None,
    limit: int = 50,
) -> list[Order]:
    """Orders, newest first; `before` and `before_id`: the last of the page before."""
    given = {"order_id": order_id, "before": before, "before_id": before_id, "limit": limit}
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL["orders"], given).fetchall()
    return [
        Order(**{**row, "kind": OrderKind(row["kind"]), "state": OrderState(row["state"])}) for row in rows
    ]


def open_states(conn: Connection) -> dict[str, str]:
    """The state of each order that waits or runs, by its id as text."""
    return {str(i): s for i, s in conn.execute(SQL["open_states"])}


@contextmanager
def claim_next(conn: Connection) -> Iterator[Order | None]:
    """Hold the oldest order that waits or whose process has died; None where there is none to be had.

    `conn` must be a connection of its own: the claim ends with it, and so with the process.
    """
    passed: list[UUID] = []
    while row := conn.execute(SQL["next"], {"passed": passed}).fetchone():
        with locks.try_for(conn, f"everycase.order.{row[0]}") as is_ours:
            if is_ours:
                order = one(conn, row[0])
                yield order if order.state in (OrderState.QUEUED, OrderState.RUNNING) else None
                return
        passed.append(row[0])
    yield None


def start(conn: Connection, order_id: UUID, *, run_id: UUID) -> int | None:
    """The order begins (again); how often it has begun, None where it was cancelled meanwhile."""
    row = conn.execute(SQL["start"], {"order_id": order_id, "run_id": run_id}).fetchone()
    return row[0] if row else None


def requeue(conn: Connection, order_id: UUID) -> None:
    """Another run is at work: try again later."""
    conn.execute(SQL["requeue"], {"order_id": order_id})


def finish(
    conn: Connection, order_id: UUID, state: OrderState, *, message: str, result: Mapping[str, Any] | None
) -> None:
    given = {
        "order_id": order_id,
        "state": state,
        "message": message,
        "result": Jsonb(dict(result)) if result is not None else None,
    }
    conn.execute(SQL["finish"], given)


def cancel_queued(conn: Connection, order_id: UUID) -> bool:
    """Cancel an order that has not begun; False where it has."""
    return conn.execute(SQL["cancel_queued"], {"order_id": order_id}).fetchone() is not None


def failure_ids(conn: Connection, order_id: UUID) -> list[UUID]:
    return [r[0] for r in conn.execute(SQL["failure_ids"], {"order_id": order_id})]


def skip(conn: Connection, order_id: UUID) -> int:
    """Leave the order's failures alone until their cases change; how many were not left alone before."""
    return conn.execute(SQL["skip"], {"order_id": order_id}).rowcount


def prune(conn: Connection, *, before: datetime) -> int:
    """Remove orders and progress that ended before then; how many orders."""
    return conn.execute(SQL["prune"], {"before": before}).rowcount
