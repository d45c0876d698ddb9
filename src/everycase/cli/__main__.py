"""The entry point of `everycase` and of `python -m everycase.cli`."""

from __future__ import annotations

import structlog

from everycase.cli.commands import app


def main() -> None:
    structlog.contextvars.clear_contextvars()
    app()


if __name__ == "__main__":
    main()
