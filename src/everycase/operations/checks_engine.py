"""doctor's checks of the engine and of a Dask cluster."""

from __future__ import annotations

from functools import partial

from everycase.app import App, open_for_worker
from everycase.app.cluster import look
from everycase.domain.errors import WrongUse

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def check_engine(app: App) -> str:
    """The scheduler of a Dask cluster answers and has workers. Other engines need no check."""
    spec = app.engine
    if spec.kind != "dask":
        return f"{spec.kind}, {spec.workers} workers"
    with spec.open_cluster() as cluster:
        found = f"Dask at {spec.address}, {cluster.workers} workers, {cluster.threads} threads"
    is_open = spec.address.startswith("tcp://") and not spec.address[6:].startswith(LOOPBACK)
    warning = "; without TLS: whoever reaches its port can run code with the workers' rights"
    return found + (warning if is_open else "")


def check_workers(app: App) -> str:
    """The workers of a cluster reach the database and have this machine's version, recipe and index."""
    if app.engine.kind != "dask" or app.place.is_scratch:
        return "nothing to compare"
    with app.engine.open_cluster() as cluster:
        found = cluster.ask_workers(partial(look, open_for_worker))
    for theirs in found:
        if isinstance(theirs, str):
            raise WrongUse(f"a Dask worker says: {theirs}")
        app.agreement.check(theirs)
    return f"{len(found)} workers have the version, recipe and index of this machine"
