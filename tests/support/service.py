"""The real service on a free port, over a real database, as `everycase serve` runs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from everycase.app import App
from everycase.operations.progress import Silence
from everycase.web.process import serving
from tests.support import exports
from tests.support.exports import case, child
from tests.support.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service and the world behind it."""

    url: str
    world: World
    app: App

    def client(self, token: str | None = None, **headers: str) -> httpx.Client:
        given = {**({"Authorization": f"Bearer {token}"} if token else {}), **headers}
        return httpx.Client(base_url=self.url, headers=given, timeout=30)


@contextmanager
def service(world: World, source: Path | str, **settings: Any) -> Iterator[Service]:
    """The service over `world`; ends with the block."""
    serve = {"port": 0, **settings.pop("serve", {})}
    with world.app(source, serve=serve, engine="inline", **settings) as app:
        stop = threading.Event()
        with serving(app, Silence, stop) as address:
            yield Service(url=address.url, world=world, app=app)


def write_export(folder: Path, *, good: int = 30, bad: int = 4) -> Path:
    """An export of `good` cases with a comment each, and `bad` cases that cannot be joined."""
    cases = [case(n) for n in range(good)]
    cases += [case(good + n, Subject="", Description="") for n in range(bad)]
    comments = [child("CaseComment", n, cases[n]["Id"]) for n in range(good)]
    return exports.write_export(folder, Case=cases, CaseComment=comments)
