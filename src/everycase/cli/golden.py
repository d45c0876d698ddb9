"""`everycase golden`: a user's own search queries, and the case that each must find (contract §8)."""

from __future__ import annotations

from typing import Annotated

import typer

from everycase.cli import console
from everycase.cli.frame import Call, Result, command
from everycase.operations import golden

golden_app = typer.Typer(
    name="golden",
    help="Keep your own search queries; a new index or model that finds less by them is refused.",
    no_args_is_help=True,
)

Query = Annotated[str, typer.Argument(metavar="QUERY", help="What you look for, in your own words.")]


@command("add", group=golden_app)
def add(
    call: Call,
    query: Query,
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case that it must find: number or id.")],
) -> Result:
    """Keep a query and the case that it must find."""
    with call.app() as app:
        kept = golden.add(app, query, case)
    return Result(
        {"query": kept.query, "case_number": kept.case_number},
        lambda: console.say(f"kept: it must find {kept.case_number}"),
    )


@command("list", group=golden_app)
def list_(call: Call) -> Result:
    """List the queries and the place in which each finds its case today."""
    with call.reader() as app:
        found = golden.list_queries(app)
    rows = [(f.golden.query, f.golden.case_number, f.place or "not in the first ten") for f in found]
    return Result(
        {"queries": [f.as_dict() for f in found]},
        lambda: console.table("Golden queries", ("query", "case", "place"), rows),
    )


@command("remove", group=golden_app)
def remove(
    call: Call,
    query: Query,
    case: Annotated[
        str | None, typer.Argument(metavar="[CASE]", help="Only for this case number; else for all.")
    ] = None,
) -> Result:
    """Forget a query."""
    with call.app() as app:
        removed = golden.remove(app, query, case)
    return Result({"removed": removed}, lambda: console.say(f"{removed:,} removed"))
