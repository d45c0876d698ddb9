"""Where the database is, and what may be created to get at it: writing, reading, rehearsing."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from everycase.domain.errors import WrongUse
from everycase.store import db, embedded, migrate

EMBEDDED = "embedded"


class Access(StrEnum):
    """What a command may create."""

    WRITE = "write"
    """Creates what is missing: the data directory, the server, the schema."""
    READ = "read"
    """Creates nothing; where there is nothing, it says so."""
    REHEARSE = "rehearse"
    """Creates nothing that stays; where there is nothing, it works on an empty database that is removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The database's address and the data directory that go with an access."""

    dsn: str
    home: Path
    access: Access
    is_scratch: bool = False
    """An empty database that goes away with the command."""

    def make_ready(self) -> None:
        """Bring the schema up to date. Raises `WrongUse` where it is not, and may not be changed."""
        if self.access is Access.WRITE or self.is_scratch:
            migrate.upgrade(self.dsn)
        elif (found := migrate.current(self.dsn)) is None:
            raise WrongUse(
                f"the database at {db.address(self.dsn)} holds no everycase yet: `everycase run` loads it"
            )
        elif found != migrate.LATEST:
            raise WrongUse(
                f"the database at {db.address(self.dsn)} has schema revision {found}, this everycase "
                f"{migrate.LATEST}: "
                + ("everycase migrate" if found < migrate.LATEST else "upgrade everycase")
            )


def open_place(url: str, home: Path, access: Access, until: ExitStack, *, is_sample: bool = False) -> Place:
    """The database at `url`, or the embedded one under `home`, started if it is not up.

    `is_sample`: the source is the generated sample, which has an embedded database of its own. What is made
    for a rehearsal is removed when `until` closes. Raises `WrongUse` for a reader where nothing is.
    """
    dsn = _find(url, home, is_sample=is_sample, create=access is Access.WRITE)
    if dsn is None and access is Access.READ:
        raise WrongUse(_nothing_there(home))
    if access is Access.REHEARSE and (dsn is None or migrate.current(dsn) is None):
        scratch = _scratch(until)
        kept = home if home.exists() else scratch
        return Place(dsn=embedded.start(scratch), home=kept, access=access, is_scratch=True)
    assert dsn is not None
    return Place(dsn=dsn, home=home, access=access)


def _nothing_there(home: Path) -> str:
    """What a reader is told where nothing was loaded: into this home at all, or from the sample."""
    if embedded.exists(home):
        return f"the sample was never loaded into {home}: `everycase run` does that"
    return (
        f"there is no everycase in {home}: `everycase run` creates one; or EVERYCASE_HOME names the wrong one"
    )


def _find(url: str, home: Path, *, is_sample: bool, create: bool) -> str | None:
    """The database's address; None where it is an embedded one that is not there and may not be created."""
    if url != EMBEDDED:
        return url
    if not create and not embedded.exists(home):
        return None
    dsn = embedded.start(home)
    return embedded.sample_database(home, create=create) if is_sample else dsn


def _scratch(until: ExitStack) -> Path:
    """A folder, short enough for a socket, whose server ends and which is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="everycase-"))
    folder.chmod(0o755)  # the server of root is another user
    until.callback(shutil.rmtree, folder, ignore_errors=True)
    until.callback(embedded.stop, folder)
    return folder
