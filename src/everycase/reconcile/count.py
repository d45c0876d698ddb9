"""Step 1: count the cases at the source, in staging, in lineage, at each stage and in the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.rows import RowVersion, Tombstone, iso
from everycase.pipeline import identity
from everycase.pipeline.extract import MOST_FETCHED
from everycase.pipeline.read import ChangedRows, Fetched, ObjectRows, OnRows
from everycase.ports import ReadProof, Source, VectorIndex, VersionKind
from everycase.store import lineage, staging
from everycase.store.db import Connection
from everycase.store.gaps import GapTables
from everycase.store.reads import Read, ReadPurpose

_STAGES = ("staging", "lineage", "pii_removed", "embedding_generated", "weaviate_loaded")
COUNTED = ("source", *_STAGES, "index")
"""Where cases are counted, in the order in which they get there."""


@dataclass(slots=True)
class Sweep:
    """What the source has of one object, as its inventory says."""

    object: SourceObject
    count: int | None = None
    """Rows there; None where that cannot be known."""
    is_proven: bool = False
    """Nothing has changed since the mark that staging holds, and still holds: no row had to be read."""
    is_swept: bool = False
    rows: int = 0
    spared: list[str] = field(default_factory=list)
    """Ids of rows that are there and cannot be read."""
    proof: ReadProof | None = None
    problem: str = ""
    remark: str = ""
    """What a reader of the report must know, though nothing is wrong."""

    @property
    def is_whole(self) -> bool:
        """Every row was named, so that absence means deletion."""
        return self.is_swept and self.proof is not None and self.proof.proves_absence


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The counts of a run, and what lineage knows of the cases as a whole."""

    counts: Mapping[str, int | None]
    row: Mapping[str, Any]

    @property
    def index_agrees(self) -> bool:
        return self.counts["index"] == self.counts["weaviate_loaded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    """Streams the ids and versions of the source into PostgreSQL, where they are joined with staging.

    Nothing is written but temporary tables.
    """

    conn: Connection
    tables: GapTables
    source: Source
    catalogue: Catalogue
    on_rows: OnRows

    def sweep(self, *, all_objects: bool, regardless: bool) -> list[Sweep]:
        """Each object, Case first; without `regardless` those that are as they were staged are not read."""
        objects = self.catalogue.present if all_objects else (self.catalogue.case,)
        return [self._sweep(obj, regardless=regardless) for obj in objects]

    def look_again(self, sweep: Sweep) -> None:
        """Fetch the rows that differed once more from the source, unless they are very many."""
        obj = sweep.object
        ids = self.tables.rows_at_source(obj)
        if not ids or len(ids) > MOST_FETCHED:
            return
        rows = ChangedRows(Fetched(self.source, obj, ids), obj.name, self.on_rows)
        self.tables.sweep_again(obj, (_version(self.source.versions, row) for row in rows))
        sweep.spared += rows.spared

    def _sweep(self, obj: SourceObject, *, regardless: bool) -> Sweep:
        found = Sweep(obj, remark=identity.remark(self.catalogue, obj))
        state = self.source.state(obj)
        if not state.is_present:
            found.problem = state.problem
            return found
        mark = "" if regardless else staging.read_mark(self.conn, obj, self.source.identity)
        rows = ObjectRows(self.source.inventory(obj, mark), obj.name, self.on_rows)
        self.tables.add_swept(obj, rows)
        found.proof = rows.proof()
        found.problem, found.rows, found.spared = (
            found.proof.problem or state.problem,
            rows.count,
            rows.spared,
        )
        found.is_proven = bool(mark) and found.proof.mark == mark and not found.rows
        found.is_swept = not found.is_proven
        if found.is_swept:
            found.count = self.tables.swept_count(obj) + len(found.spared)
        elif obj is self.catalogue.case:
            found.count = lineage.at_source(self.conn)
        return found


def _version(kind: VersionKind, row: Record | Tombstone) -> RowVersion:
    """A row that was fetched, as an inventory names it."""
    if isinstance(row, Tombstone):
        return RowVersion(id=row.id, version="", is_deleted=True, at=row.at)
    if kind is VersionKind.ROW_HASH:
        return RowVersion(id=row.id, version=row.row_hash, at=row.system_modstamp)
    if kind is VersionKind.SOURCE:
        return RowVersion(id=row.id, version=row.source_version)
    return RowVersion(id=row.id, version=iso(row.system_modstamp) if row.system_modstamp else "")


def balances(sweeps: Sequence[Sweep]) -> list[Read]:
    """What the sweeps read, for the books of the run."""
    return [
        Read(object=s.object.name, purpose=ReadPurpose.INVENTORY, proof=s.proof) for s in sweeps if s.proof
    ]


def count(conn: Connection, index: VectorIndex, sweeps: list[Sweep]) -> Census:
    """Raises `LoadFailure` when the index does not answer."""
    row = lineage.census(conn)
    source = next((s.count for s in sweeps if s.object.name == "Case"), None)
    if source is not None:
        source = max(source, row["source"])  # a row without a readable id is in no sweep
    counts = {"source": source, **{name: row[name] for name in _STAGES}, "index": index.count()}
    return Census(counts=counts, row=row)
