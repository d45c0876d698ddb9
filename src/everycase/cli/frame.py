"""What every command has: --json and --debug, errors as one sentence, exit codes (contract §15)."""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from everycase import settings, telemetry
from everycase.app import Access, App
from everycase.cli import console
from everycase.domain.errors import EverycaseError, ExitCode, FailOn
from everycase.domain.shards import Shard
from everycase.operations import place

app = typer.Typer(
    name="everycase",
    help="Every support case, accounted for: a vector index of Salesforce cases that is complete, current "
    "and free of personal data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Panel(StrEnum):
    """The groups of `everycase --help`."""

    LOAD = "Load"
    LOOK = "Look"
    REPAIR = "Repair"
    SET_UP = "Set up"


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
    """Hold the options that belong to no command; the help text is that of `app`."""


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Debug = Annotated[
    bool, typer.Option("--debug", help="Log every event to stderr; print tracebacks of errors.")
]

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Read settings from this file; default: everycase.toml in the working directory.",
    ),
]

MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        min=0,
        metavar="MONEY",
        help="Spend about this much on embedding; the next run does what is left.",
    ),
]
AdoptSource = Annotated[
    bool,
    typer.Option(
        "--adopt-source",
        help="Take the source of the settings from now on, though the database holds the cases of another.",
    ),
]
AllowDeletes = Annotated[
    int,
    typer.Option(
        "--allow-deletes",
        min=0,
        metavar="N",
        help="Approve, for this run only, that up to N vanished rows of each object are deleted.",
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Only the I-th of N parts of the cases; the N parts may run side by side, on any machines.",
    ),
]


def read_shard(text: str | None) -> Shard | None:
    """Parse `--shard`: `2/4` is the second of four parts. Raises `WrongUse`."""
    return Shard.parse(text) if text else None


FailOnOption = Annotated[
    FailOn,
    typer.Option(
        "--fail-on",
        help="Which failures give exit code 1. new: only those opened since the last sync began, so that a "
        "known failure does not fail every later run.",
    ),
]
ExitZero = Annotated[
    bool,
    typer.Option(
        "--exit-zero",
        help="Give 0 also where failures or gaps are left, like --fail-on none. Codes from 2 on stay.",
    ),
]


class Judged(Protocol):
    """A result with an exit code, and whether only old failures are left."""

    @property
    def exit_code(self) -> ExitCode: ...

    @property
    def is_old_news(self) -> bool: ...


def judge(found: Judged, fail_on: FailOn, *, exit_zero: bool) -> ExitCode:
    """The exit code of a result under `--fail-on` and `--exit-zero`."""
    which = FailOn.NONE if exit_zero else fail_on
    return which.judge(found.exit_code, is_old_news=found.is_old_news)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a command: opens what the command works with."""

    is_quiet: bool
    """The output is for a program: no progress."""
    config: Path | None = None
    """The settings file that the caller names."""

    def settings(self) -> settings.Settings:
        return settings.load(self.config)

    def in_silence(self) -> Call:
        """The same call, which says nothing of where and how far it is."""
        return replace(self, is_quiet=True)

    def app(self) -> App:
        """For a command that writes: what is missing is created. Says what it works with."""
        return self._open(Access.WRITE)

    def reader(self) -> App:
        """For a command that reads: nothing is created."""
        return self._open(Access.READ)

    def rehearsal(self) -> App:
        """For a command that says what another would do: nothing that is created stays."""
        return self._open(Access.REHEARSE)

    def _open(self, access: Access) -> App:
        settings = self.settings()
        if access is not Access.READ and not self.is_quiet:
            console.complain(place.describe(settings))
        return App(settings, access, on_step=console.ProgressLines(quiet=self.is_quiet).step)

    def progress(self) -> console.ProgressLines | console.ProgressBar:
        return console.progress(quiet=self.is_quiet)


class Result:
    """What a command returns: values for a program, text for a person, and an exit code."""

    def __init__(
        self, values: dict[str, Any], show: Callable[[], None], code: ExitCode = ExitCode.CLEAN
    ) -> None:
        self.values, self.show, self.code = values, show, code


_OPTIONS = (
    inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Config),
    inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json),
    inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug),
)


def command(
    name: str | None = None, *, panel: Panel | None = None, group: typer.Typer = app
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a function `f(call, …) -> Result` as a command of a group, with --config, --json and --debug.

    An exception becomes one sentence and an exit code.
    """

    def wrap(function: Callable[..., Result]) -> Callable[..., Result]:
        own = [p for n, p in inspect.signature(function, eval_str=True).parameters.items() if n != "call"]

        @functools.wraps(function)
        def call(*, json: bool, debug: bool, config: Path | None, **options: Any) -> None:
            telemetry.configure(debug=debug)
            try:
                result = function(Call(is_quiet=json, config=config), **options)
            except Exception as e:
                raise typer.Exit(_explain(e, as_json=json, debug=debug)) from None
            raise typer.Exit(_print(result, as_json=json))

        parameters = [*own, *_OPTIONS]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        group.command(name, rich_help_panel=panel)(call)
        return function

    return wrap


def _print(result: Result, *, as_json: bool) -> ExitCode:
    """Print what a command returned; its exit code."""
    if as_json:
        return _written(lambda: console.print_json(result.values), result.code)
    return _written(result.show, result.code)


def _written(write: Callable[[], None], code: ExitCode) -> ExitCode:
    """Write to stdout; `code`, or at least 1 where the output is lost. A reader that has gone is no fault."""
    try:
        write()
        console.flush()
    except BrokenPipeError:
        console.drop_output()
    except OSError as e:
        console.drop_output()
        console.complain(f"everycase: the work is done, but its result cannot be printed ({e.strerror})")
        return max(code, ExitCode.UNRESOLVED)
    return code


def _explain(error: Exception, *, as_json: bool, debug: bool) -> ExitCode:
    """Print one sentence on stderr (and as JSON); with --debug also where it happened."""
    code, sentence = _judge(error)
    if as_json:
        _written(lambda: console.print_json({"error": sentence, "exit_code": int(code)}), code)
    console.complain(f"everycase: {sentence}")
    if debug:
        sys.stderr.writelines(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"{type(error).__name__}\n")
    return code


def _judge(error: Exception) -> tuple[ExitCode, str]:
    if isinstance(error, EverycaseError):
        return error.exit_code, str(error)
    unexpected = f"unexpected {type(error).__name__}: run again with --debug and report what it prints"
    return ExitCode.UNRESOLVED, unexpected
