"""Commands that only look: status, trace, search, runs, report."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from everycase.cli import console, show, show_state
from everycase.cli.frame import Call, ExitZero, FailOnOption, Panel, Result, command, judge
from everycase.domain.errors import FailOn
from everycase.operations import redact as redaction
from everycase.operations import runs as history
from everycase.operations import search as searching
from everycase.operations.explain import explain_case
from everycase.operations.status import read_status


@command(panel=Panel.LOOK)
def status(call: Call, fail_on: FailOnOption = FailOn.ANY, exit_zero: ExitZero = False) -> Result:
    """Show where every case stands and what is open."""
    with call.reader() as app:
        overview = read_status(app)
    code = judge(overview, fail_on, exit_zero=exit_zero)
    return Result(overview.as_dict(), lambda: show_state.overview(overview), code)


@command(panel=Panel.LOOK)
def trace(
    call: Call,
    case: Annotated[str, typer.Argument(help="Record id (15 or 18 characters) or case number.")],
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Every stage of every load, with its time and detail.")
    ] = False,
) -> Result:
    """Say whether a case is in the index, and why or why not; one line for each load of it.

    Also for rows that were refused or wait: everything that has a row or a failure.
    """
    with call.reader() as app:
        found = explain_case(app, case)
    return Result(found.as_dict(), lambda: show_state.explanation(found, verbose=verbose))


@command(panel=Panel.LOOK)
def search(
    call: Call,
    query: Annotated[str, typer.Argument(help="What you look for, in your own words.")] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE",
            help="Filter; also != < <= > >=, and FIELD=FROM..TO for dates. May be given several times.",
        ),
    ] = None,
    similar: Annotated[
        str, typer.Option(metavar="CASE", help="Find cases like this one, by its number or record id.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many cases a page.")] = 10,
    page: Annotated[int, typer.Option(min=1, max=1000, help="Which page of the hits.")] = 1,
) -> Result:
    """Find cases by meaning, by word and by identifier: error codes, case and part numbers, versions."""
    with call.reader() as app:
        answer = searching.search(app, query, where=where or (), limit=limit, page=page, similar=similar)
    asked = {"query": query, **({"similar": similar} if similar else {})}
    return Result({**asked, **answer.as_dict()}, lambda: show.hits(answer))


@command(panel=Panel.LOOK)
def redact(
    call: Call,
    file: Annotated[str, typer.Argument(help="A text file in UTF-8, or - for standard input.")],
    table: Annotated[
        str,
        typer.Option(metavar="OBJECT", help="Whose rules apply: Case, EmailMessage, WorkOrder, ..."),
    ] = "CaseComment",
    who: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="An identity column, such as ContactName=Ada Lovelace. May be given several times.",
        ),
    ] = None,
) -> Result:
    """Show what redaction would remove from a text, and which rule removes it. Stores nothing."""
    text = sys.stdin.read() if file == "-" else redaction.read_text(Path(file))
    identity = dict(redaction.parse_column(w) for w in who or ())
    with call.reader() as app:
        found = redaction.redact_text(app, text, table=table, identity=identity)
    return Result(found.as_dict(), lambda: show.redacted(found))


@command(panel=Panel.LOOK)
def runs(
    call: Call,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many runs.")] = 20,
) -> Result:
    """List the reconciliations of the last 30 days, newest first, and a summary of each day."""
    with call.reader() as app:
        found = history.list_runs(app, limit=limit)
    return Result(found.as_dict(), lambda: show_state.runs(found.runs))


class Format(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


@command(panel=Panel.LOOK)
def report(
    call: Call,
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run's id or its first characters; default: the last run."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="html: one self-contained page.")] = Format.TEXT,
    with_gaps: Annotated[bool, typer.Option("--gaps", help="List the gaps, case by case.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most this many gaps.")] = 1000,
) -> Result:
    """Show the report of a reconciliation; as HTML with the trends of the days before it."""
    with call.reader() as app:
        found = history.read_report(app, run_id, gap_limit=limit if with_gaps else None)

    def print_it() -> None:
        if form is Format.JSON:
            console.print_json(found.as_dict())
        elif form is Format.HTML:
            sys.stdout.write(found.as_html())
        elif found.gaps is not None:
            show_state.gaps(found.gaps)
        else:
            console.say(found.as_text())

    return Result(found.as_dict(), print_it)
