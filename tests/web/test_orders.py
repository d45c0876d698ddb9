"""Orders are carried out once: exactly what was ordered, whoever carries it out, whoever dies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import psycopg

from everycase.domain.access import LOCAL
from everycase.domain.orders import OrderKind, OrderState
from everycase.operations import orders
from everycase.operations.progress import Silence
from tests.support.exports import case, write_export
from tests.support.service import Service, service
from tests.support.waiting import until


def _done(s: Service, order_id: str) -> dict[str, object]:
    with s.client() as client:

        def look() -> dict[str, object] | None:
            found: dict[str, object] = client.get(f"/api/orders/{order_id}").json()
            return found if found["state"] in ("done", "failed", "cancelled") else None

        return until(look)


def test_a_sync_is_ordered_and_reported(changing: Service) -> None:
    """The order ends with the report that the command would print."""
    with changing.client() as client:
        placed = client.post("/api/orders", json={"kind": "sync"})
        assert placed.status_code == 202
        order = _done(changing, placed.json()["order_id"])
        assert order["state"] == "done"
        assert order["result"]["unchanged"] == 30
        assert client.get(f"/api/runs/{order['run_id']}").json()["run_id"] == order["run_id"]


def test_the_same_key_orders_once(changing: Service) -> None:
    """And the same key for something else is refused."""
    with changing.client(**{"Idempotency-Key": "monday"}) as client:
        first = client.post("/api/orders", json={"kind": "prune"}).json()
        again = client.post("/api/orders", json={"kind": "prune"}).json()
        other = client.post("/api/orders", json={"kind": "sync"})
    assert first["order_id"] == again["order_id"]
    assert other.status_code == 422


def test_a_retry_is_about_the_failures_that_were_shown(changing: Service) -> None:
    """Failures that arrive after the order is proposed are not touched."""
    chosen = orders.filter_failures(stage="join")
    proposal = orders.propose(changing.app, OrderKind.SKIP, LOCAL, chosen)
    assert proposal.forecast.failures == 4
    changing.world.do(
        """insert into recon.failed_records (record_id, stage, error_type, error_message, disposition)
           values ('5000000000000ZZAAA', 'join', 'MissingRequiredField', 'came later', 'manual_review')"""
    )
    order = orders.confirm(changing.app, proposal.order.order_id, LOCAL)
    assert _done(changing, str(order.order_id))["state"] == "done"
    left = changing.world.rows(
        "select error_message from recon.failed_records where not resolved and disposition = 'manual_review'"
    )
    assert [r["error_message"] for r in left] == ["came later"]


def test_confirming_twice_orders_once(changing: Service) -> None:
    """A second click is the same order."""
    proposal = orders.propose(changing.app, OrderKind.SKIP, LOCAL, orders.filter_failures())
    ids = {orders.confirm(changing.app, proposal.order.order_id, LOCAL).order_id for _ in range(2)}
    assert len(ids) == 1
    assert len(changing.world.rows("select * from recon.orders")) == 1


def test_an_order_whose_process_died_is_taken_up_again(changing: Service) -> None:
    """A row that says `running` and whose lock nobody holds is an order that waits."""
    order = orders.place(changing.app, OrderKind.PRUNE, LOCAL)
    changing.world.do(
        "update recon.orders set state = 'running', attempts = 1 where order_id = %s", order.order_id
    )
    assert _done(changing, str(order.order_id))["state"] == "done"


def test_an_order_that_kills_its_process_is_given_up(changing: Service) -> None:
    """After three attempts it fails, with a sentence."""
    order = orders.place(changing.app, OrderKind.PRUNE, LOCAL)
    changing.world.do(
        "update recon.orders set state = 'running', attempts = 3 where order_id = %s", order.order_id
    )
    found = _done(changing, str(order.order_id))
    assert found["state"] in ("failed", "done")


def test_two_replicas_carry_out_each_order_once(changing: Service) -> None:
    """Orders that are placed at both ends are carried out once each."""
    with service(changing.world, changing.world.home / "export") as other:
        placed = [
            orders.place(s.app, OrderKind.PRUNE, LOCAL, key=f"{n}").order_id
            for n in range(6)
            for s in (changing, other)
        ]
        found = [_done(changing, str(i)) for i in dict.fromkeys(placed)]
    assert [f["state"] for f in found] == ["done"] * 6
    assert [f["attempts"] for f in found] == [1] * 6


def test_an_order_waits_for_the_run_that_is_at_work(changing: Service) -> None:
    """It is not lost, and it does not fail because another run holds the lock."""
    with psycopg.connect(changing.world.dsn, autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(hashtextextended('everycase.pipeline', 0))")
        order = orders.place(changing.app, OrderKind.SYNC, LOCAL)
        until(_begins(changing, order.order_id))
    assert _done(changing, str(order.order_id))["state"] == "done"


def _begins(s: Service, order_id: UUID) -> Callable[[], bool]:
    return lambda: orders.read_order(s.app, order_id).state is OrderState.RUNNING


def test_a_run_is_cancelled_at_the_next_batch(changing: Service) -> None:
    """What was done stays done, and the next sync finishes the rest."""
    source = write_export(changing.world.home / "larger", Case=[case(n) for n in range(200)])
    began, go_on = threading.Event(), threading.Event()

    class Slow(Silence):
        def batch(self, result: object) -> None:
            began.set()
            go_on.wait(60)

    with changing.world.app(source, engine="inline", batch_size=10) as app:
        order = orders.place(app, OrderKind.SYNC, LOCAL)
        worker = threading.Thread(target=orders.carry_out_next, args=(app, Slow, threading.Event()))
        worker.start()
        assert began.wait(60)
        orders.cancel(app, order.order_id, LOCAL)
        go_on.set()
        worker.join(60)
        assert orders.read_order(app, order.order_id).state is OrderState.CANCELLED
    loaded = changing.world.rows("select count(*) as n from recon.data_lineage where status = 'completed'")
    assert loaded[0]["n"] < 200
    report = changing.world.sync(source)
    assert report.as_dict()["status"] == "completed"
