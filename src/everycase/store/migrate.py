"""The schema, brought up to date at every start (Alembic; each revision is plain SQL)."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import psycopg

from everycase.domain.errors import DatabaseLacks, DependencyUnreachable, WrongUse
from everycase.store import db, errors
from everycase.store.locks import MIGRATE, wait_for

if TYPE_CHECKING:
    from alembic.config import Config

LATEST = "0013"
"""The newest revision under `migrations/versions`; a test holds it against the files."""


def current(dsn: str) -> str | None:
    """The revision that the database is at, None for one that everycase has never seen."""
    with db.connect(dsn) as conn:
        found = conn.execute("select to_regclass('recon.alembic_version')").fetchone()
        if found is None or found[0] is None:
            return None
        row = conn.execute("select version_num from recon.alembic_version").fetchone()
        return row[0] if row else None


def upgrade(dsn: str) -> bool:
    """Bring the schema to `LATEST`, one process at a time; whether there was anything to do.

    Raises `WrongUse` for a schema newer than this everycase, `DependencyUnreachable` when it may not.
    """
    found = current(dsn)
    if found == LATEST:
        return False
    if found is not None and found > LATEST:
        raise WrongUse(
            f"the database is at revision {found}, newer than this everycase knows ({LATEST}): "
            "upgrade everycase"
        )
    from alembic import command  # slow to import, and only needed when there is something to do

    with db.connect(dsn) as conn, wait_for(conn, MIGRATE, seconds=60):
        try:
            command.upgrade(_config(dsn), "head")
        except Exception as e:
            raise _explain(e, dsn) from None
    return True


def remove_everything(conn: db.Connection) -> None:
    """Drop the schemas of everycase with all that is in them."""
    conn.execute("drop schema if exists vector_index, udp, recon cascade")


def _explain(error: Exception, dsn: str) -> Exception:
    """Alembic wraps the driver's errors in its own; what lies inside is translated."""
    cause = error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error
    if not isinstance(cause, psycopg.Error):
        return error
    found = errors.translate(cause, db.address(dsn))
    if isinstance(found, DatabaseLacks) or "permission denied" in str(cause):
        return DependencyUnreachable(
            f"the role of EVERYCASE_DATABASE_URL may not create schemas in {db.address(dsn)}: "
            "grant it CREATE on the database"
        )
    return found


def _config(dsn: str) -> Config:
    from alembic.config import Config  # slow to import, as above

    config = Config()
    config.set_main_option("script_location", str(resources.files("everycase.store").joinpath("migrations")))
    config.attributes["dsn"] = dsn
    return config
