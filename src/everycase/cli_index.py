"""`everycase index`: build the index anew beside the served one, switch, drop (contract §8)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from uuid import uuid4

import typer

from everycase import console, settings, show
from everycase.app import App
from everycase.command import MaxCost, Result, command

index_app = typer.Typer(
    name="index",
    help="Build the index anew beside the one that is served, and switch to it without a pause (Weaviate).",
    no_args_is_help=True,
)


@command("list", group=index_app)
def list_() -> Result:
    """The collections that are there, and which one is served."""
    with App(settings.load()) as world:
        found = world.collections.listed()
    rows = [(c.name, "served" if c.is_served else "", c.count) for c in found]
    return Result(
        {"collections": [asdict(c) for c in found]},
        lambda: console.table("Collections", ("collection", "", "objects"), rows),
    )


@command("build", group=index_app)
def build(max_cost: MaxCost = None, *, quiet: bool) -> Result:
    """Make a new collection from staging and the vector cache, or go on with the one under way."""
    with App(settings.load()) as world, console.progress(quiet=quiet) as progress:
        report = world.rebuild(progress, max_cost=max_cost).build(uuid4())
    return Result(report.as_dict(), lambda: show.build(report), report.exit_code)


@command("switch", group=index_app)
def switch(
    allow_missing: Annotated[
        int,
        typer.Option(
            "--allow-missing", min=0, metavar="N", help="Approve that up to N cases cannot be found then."
        ),
    ] = 0,
    max_cost: MaxCost = None,
    *,
    quiet: bool,
) -> Result:
    """Bring the new collection up to date, compare it, and serve it in one step."""
    with App(settings.load()) as world, console.progress(quiet=quiet) as progress:
        report = world.rebuild(progress, max_cost=max_cost).switch(uuid4(), allow_missing=allow_missing)
    return Result(report.as_dict(), lambda: show.build(report), report.exit_code)


@command("drop", group=index_app)
def drop(
    collection: Annotated[str, typer.Argument(help="Which; `everycase index list` tells their names.")],
    *,
    quiet: bool,
) -> Result:
    """Remove a collection that is not served; a build that it was is given up."""
    with App(settings.load()) as world, console.progress(quiet=quiet) as progress:
        world.rebuild(progress).drop(collection)
    return Result({"dropped": collection}, lambda: console.say(f"{collection} is gone"))
