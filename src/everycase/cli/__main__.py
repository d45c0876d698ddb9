"""The entry point of `everycase` and of `python -m everycase.cli`."""

from __future__ import annotations

import os
import sys

import structlog

from everycase.cli.commands import app
from everycase.operations import work


def main() -> None:
    structlog.contextvars.clear_contextvars()
    try:
        app()
    except SystemExit as e:
        if work.is_any_worker_left():
            _leave_at_once(e.code if isinstance(e.code, int) else 1)
        raise


def _leave_at_once(code: int) -> None:
    """Exit without the interpreter's wait for threads: one that never returns would keep the process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
