"""What doctor checks of the machine and the database."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta

from everycase.app import App
from everycase.domain.errors import DatabaseFull, DependencyUnreachable, EverycaseError, WrongUse
from everycase.pipeline import continuity
from everycase.store import budget, checkup, db, embedded, opening

_LEAST_DISK = 1 << 30
"""Bytes. PostgreSQL's own log of changes may take that much in a first load."""

_MOST_SKEW = timedelta(minutes=1)


def check_home(app: App) -> str:
    """The data directory can be created and written, and its disk has room."""
    home = app.settings.home.expanduser()
    if app.settings.database_url.get_secret_value() == opening.EMBEDDED:
        embedded.check_path(home)
    there = next(p for p in (home, *home.absolute().parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise WrongUse(f"the data directory {home} cannot be written: set EVERYCASE_HOME to another")
    free = shutil.disk_usage(there).free
    if free < _LEAST_DISK:
        raise DatabaseFull(f"only {free / 1e9:.1f} GB are free under {there}: a first load may fill it")
    return f"{home}, {free / 1e9:,.0f} GB free" + ("" if home.exists() else ", not created yet")


def check_database(app: App) -> str:
    """It answers, can hold every text, and its schema is there or can be created."""
    url = app.settings.database_url.get_secret_value()
    if app.place.is_scratch and url == opening.EMBEDDED:
        return "embedded, not created yet: the first sync does that"
    dsn = url if app.place.is_scratch else app.dsn
    with db.connect(dsn) as conn:
        where = f"PostgreSQL {conn.info.server_version // 10000} at {db.address(dsn)}"
        if not app.place.is_scratch:
            app.place.make_ready()
            return f"{where}, schema up to date"
        can = checkup.privileges(conn)
    if not can["has_vector"]:
        raise DependencyUnreachable(f"{where} has no pgvector: install it there")
    if not can["may_create"]:
        raise DependencyUnreachable(f"the role may not create schemas in {where}: grant it CREATE there")
    return f"{where}, schema not created yet: the first sync does that"


def check_clocks(app: App) -> str:
    """This machine and the database agree on the time."""
    with app.pool.connection() as conn:
        skew = abs(datetime.now(UTC) - budget.clock(conn))
    if skew > _MOST_SKEW:
        raise WrongUse(f"this machine's clock and the database's differ by {skew}: set them right (NTP)")
    return "this machine and the database agree on the time"


def check_continuity(app: App) -> str:
    """No part was restored from a backup, and no recorded time lies in the future."""
    with app.pool.connection() as conn:
        found = continuity.look(conn, app.index)
    if found:
        raise EverycaseError("; ".join(found))
    return "database, staging and index are of the same time"


def check_generations(app: App) -> str:
    """The counter of staging generations is ahead of all that were given out."""
    with app.pool.connection() as conn:
        counter = checkup.generations(conn)
    if counter.last < counter.highest:
        raise WrongUse(
            f"the counter of staging generations stands at {counter.last:,}, but {counter.highest:,} is in "
            "use: the database was restored without its sequences; everycase reconcile --type daily puts "
            "that right"
        )
    return "the counter of staging generations is ahead of all that are in use"
