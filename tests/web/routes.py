"""Every route of the service, read from the application itself, so that a new one is tried as well."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fastapi.routing import iter_route_contexts

from everycase.app import App
from everycase.web import server

_PART = re.compile(r"\{(\w+)(?::\w+)?\}")


def routes_of(app: App) -> Iterator[tuple[str, str]]:
    """Method and path of each route, pages and API alike."""
    for context in iter_route_contexts(server.create(app, needs_sign_in=True).routes):
        for method in sorted(getattr(context, "methods", None) or ()):
            yield method, str(context.path)


def fill(path: str, values: Mapping[str, str]) -> str:
    """The path with a value for each of its parts. A part that has none is a KeyError."""
    return _PART.sub(lambda found: values[found[1]], path)
