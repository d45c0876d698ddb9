"""Live progress by server-sent events: the runs that are at work, once a second."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import TypeAdapter

from everycase.app import App
from everycase.domain.orders import RunProgress
from everycase.operations import orders, progress
from everycase.web.auth import VIEWERS, Everycase

EVERY_S = 1.0
LONGEST_S = 300.0
"""A stream ends after so long, and the browser opens the next one: a revoked token ends with it."""

router = APIRouter()

_RUNS = TypeAdapter(list[RunProgress])


@router.get(
    "/api/live",
    tags=["runs"],
    operation_id="watch_runs",
    response_class=EventSourceResponse,
    dependencies=VIEWERS,
)
async def watch_runs(request: Request, app: Everycase) -> AsyncIterator[ServerSentEvent]:
    """An event whenever it changes: `runs`, a list of `RunProgress`; `orders`, each open order's state."""
    is_ending: threading.Event = request.app.state.is_ending
    last: dict[str, object] = {}
    for _ in range(int(LONGEST_S / EVERY_S)):
        now = await run_in_threadpool(_look, app)
        for name, data in now.items():
            if last.get(name) != data:
                yield ServerSentEvent(event=name, data=data)
        last = now
        if is_ending.is_set() or await request.is_disconnected():
            return
        await asyncio.sleep(EVERY_S)


def _look(app: App) -> dict[str, object]:
    runs = _RUNS.dump_python(progress.live_runs(app), mode="json")
    return {"runs": runs, "orders": orders.open_states(app)}
