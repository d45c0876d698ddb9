"""What every command has: --json and --debug, errors as one sentence, exit codes (contract §15)."""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable
from importlib import metadata
from typing import Annotated, Any

import typer

from everycase import console, telemetry
from everycase.domain.errors import EverycaseError, ExitCode

app = typer.Typer(
    name="everycase",
    help="Every support case, accounted for: a vector index of Salesforce cases that is complete, current "
    "and free of personal data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"everycase {metadata.version('everycase')}")
        raise typer.Exit


@app.callback()
def _everycase(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Options of no command; the help is that of `app`."""


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Debug = Annotated[bool, typer.Option("--debug", help="Log every event to stderr; tracebacks on errors.")]

MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        min=0,
        metavar="MONEY",
        help="Spend about so much on embedding; what is left then, the next run does.",
    ),
]


class Result:
    """What a command found: for a program, for a person, and as an exit code."""

    def __init__(
        self, found: dict[str, Any], show: Callable[[], None], code: ExitCode = ExitCode.CLEAN
    ) -> None:
        self.found, self.show, self.code = found, show, code


_OPTIONS = (
    inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json),
    inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug),
)


def command(
    name: str | None = None, *, group: typer.Typer = app
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a function that returns a `Result` as a command (of a group) that has --json and --debug.

    Its errors become one sentence and an exit code. A parameter `quiet` is told whether the output is
    for a program.
    """

    def wrap(function: Callable[..., Result]) -> Callable[..., Result]:
        own = inspect.signature(function, eval_str=True).parameters

        @functools.wraps(function)
        def call(*, json: bool, debug: bool, **given: Any) -> None:
            telemetry.configure(debug=debug)
            if "quiet" in own:
                given["quiet"] = json
            try:
                result = function(**given)
            except Exception as e:
                raise typer.Exit(_explain(e, as_json=json, debug=debug)) from None
            if json:
                console.print_json(result.found)
            else:
                result.show()
            raise typer.Exit(result.code)

        shown = [p for n, p in own.items() if n != "quiet"]
        call.__signature__ = inspect.Signature([*shown, *_OPTIONS])  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in (*shown, *_OPTIONS)}
        group.command(name)(call)
        return function

    return wrap


def _explain(error: Exception, *, as_json: bool, debug: bool) -> ExitCode:
    """One sentence on stderr (and as JSON); where it happened only with --debug."""
    if isinstance(error, EverycaseError):
        code, sentence = error.exit_code, str(error)
    else:
        code = ExitCode.UNRESOLVED
        sentence = f"unexpected {type(error).__name__}: run again with --debug and report what it prints"
    if as_json:
        console.print_json({"error": sentence, "exit_code": int(code)})
    console.complain(f"everycase: {sentence}")
    if debug:
        sys.stderr.writelines(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"{type(error).__name__}\n")
    return code
