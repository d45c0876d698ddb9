"""Where a command works: source, database, index and settings file, on one line."""

from __future__ import annotations

from everycase.app.remembered import hint
from everycase.settings import Settings
from everycase.store import db, opening


def describe(settings: Settings) -> str:
    """`source … · database … · index … · settings …`, without any secret; and what the home had before."""
    return " · ".join(
        (
            f"source {settings.source}",
            f"database {_database(settings)}",
            f"index {_index(settings)}",
            f"settings {settings.file or 'without a file'}{_hint(settings)}",
        )
    )


def _hint(settings: Settings) -> str:
    said = hint(settings)
    return f" ({said})" if said else ""


def _database(settings: Settings) -> str:
    url = settings.database_url.get_secret_value()
    return f"embedded in {settings.home}" if url == opening.EMBEDDED else db.address(url)


def _index(settings: Settings) -> str:
    if settings.index == "weaviate":
        return f"weaviate at {settings.weaviate.url}, {settings.weaviate.collection}"
    return settings.index
