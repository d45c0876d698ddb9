"""`everycase index`: build a new index beside the served one, switch to it, drop it (contract §8)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from everycase.cli import console, show
from everycase.cli.frame import Call, MaxCost, Result, command
from everycase.operations import builds

index_app = typer.Typer(
    name="index",
    help="Build a new index beside the served one and switch to it without a pause (Weaviate).",
    no_args_is_help=True,
)


@command("list", group=index_app)
def list_(call: Call) -> Result:
    """List the collections and say which one is served."""
    with call.reader() as app:
        found = builds.list_collections(app)
    rows = [(c.name, "served" if c.is_served else "", c.count) for c in found]
    return Result(
        {"collections": [asdict(c) for c in found]},
        lambda: console.table("Collections", ("collection", "", "objects"), rows),
    )


@command("build", group=index_app)
def build(call: Call, max_cost: MaxCost = None) -> Result:
    """Make a new collection from staging and the vector cache, or continue the one that was begun."""
    with call.app() as app, call.progress() as progress:
        report = builds.build(app, progress, max_cost=max_cost)
    return Result(report.as_dict(), lambda: show.build(report), report.exit_code)


@command("switch", group=index_app)
def switch(
    call: Call,
    allow_missing: Annotated[
        int,
        typer.Option(
            "--allow-missing",
            min=0,
            metavar="N",
            help="Approve that up to N cases cannot be found afterwards.",
        ),
    ] = 0,
    max_cost: MaxCost = None,
) -> Result:
    """Bring the new collection up to date, compare it with staging, and serve it in one step."""
    with call.app() as app, call.progress() as progress:
        report = builds.switch(app, progress, allow_missing=allow_missing, max_cost=max_cost)
    return Result(report.as_dict(), lambda: show.build(report), report.exit_code)


@command("drop", group=index_app)
def drop(
    call: Call,
    collection: Annotated[str, typer.Argument(help="Its name, as `everycase index list` prints it.")],
) -> Result:
    """Remove a collection that is not served; if it is being built, the build is given up."""
    with call.app() as app, call.progress() as progress:
        builds.drop(app, progress, collection)
    return Result({"dropped": collection}, lambda: console.say(f"{collection} is removed"))
