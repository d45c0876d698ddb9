"""Reset: list what would be removed, and remove it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from everycase.app import App
from everycase.operations.place import describe
from everycase.store import db, ledger, lineage, locks, migrate, vectors

if TYPE_CHECKING:
    from everycase.indexes.embedded.index import EmbeddedIndex

_LOCK_WAIT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What a reset removes for good."""

    place: str
    cases: int
    """Staged cases, with their lineage, failures, runs and reports."""
    objects: int
    """In the embedded index; a Weaviate collection stays as it is."""
    vectors: int
    """In the cache: embedding them again costs what they cost."""
    cost: float
    """Spent on embedding so far, as far as the ledger goes back."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def list_belongings(app: App) -> Belongings:
    """What a reset would remove. Raises `WrongUse` where the index in the database is somebody else's."""
    index = _embedded_index(app)
    with app.pool.connection() as conn:
        return Belongings(
            place=describe(app.settings),
            cases=lineage.census(conn)["staging"],
            objects=index.count() if index.exists() else 0,
            vectors=vectors.size(conn).vectors,
            cost=sum(s["cost"] for s in ledger.spent(conn, since=datetime(1970, 1, 1, tzinfo=UTC))),
        )


def reset(app: App) -> None:
    """Remove everything of everycase from the database. Raises `AnotherRunAtWork` while a run is at work."""
    _embedded_index(app).exists()
    with db.connect(app.dsn) as conn, locks.wait_for(conn, locks.PIPELINE, seconds=_LOCK_WAIT_S):
        migrate.remove_everything(conn)


def _embedded_index(app: App) -> EmbeddedIndex:
    from everycase.indexes.embedded.index import EmbeddedIndex  # and with it numpy

    return EmbeddedIndex(app.pool)
