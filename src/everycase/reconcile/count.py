"""Step 1: how many there are at the source, in staging, in lineage, at each stage and in the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import SourceCutShort
from everycase.domain.rows import BadRow
from everycase.ports import Source, VectorIndex
from everycase.store import lineage, staging
from everycase.store.db import Connection
from everycase.store.gaps import GapTables

COVERAGE = ("Task", "WorkOrder", "CaseComment", "EmailMessage", "WorkOrderFeed")

OnRows = Callable[[str, int], None]


@dataclass(slots=True)
class Sweep:
    """What the source was found to have of one object."""

    object: SourceObject
    count: int | None = None
    """Rows there; None where that cannot be known."""
    is_proven: bool = False
    """Its version is the one that staging holds whole, and still holds: there was no need to read."""
    is_swept: bool = False
    is_whole: bool = False
    """Every row was named, so that absence means deletion."""
    rows: int = 0
    spared: list[str] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The counts of a run, and what lineage knows of the cases as a whole."""

    counts: Mapping[str, int | None]
    row: Mapping[str, Any]

    @property
    def coverage(self) -> dict[str, float]:
        return coverage(self.row)

    @property
    def index_agrees(self) -> bool:
        return self.counts["index"] == self.counts["weaviate_loaded"]


def coverage(census: Mapping[str, Any]) -> dict[str, float]:
    """The share of cases that have rows of each child table; nothing where there are no cases."""
    return {name: round(share, 6) for name in COVERAGE if (share := census[name]) is not None}


def sweep(
    conn: Connection,
    tables: GapTables,
    source: Source,
    catalogue: Catalogue,
    *,
    all_objects: bool,
    regardless: bool,
    on_rows: OnRows,
) -> list[Sweep]:
    """Stream the ids and hashes of the source into PostgreSQL, object by object, Case first.

    What is proven unchanged is not read, save `regardless`. Nothing is written but temporary tables.
    """
    objects = catalogue.objects if all_objects else (catalogue.case,)
    return [
        _sweep_object(conn, tables, source, obj, regardless=regardless, on_rows=on_rows) for obj in objects
    ]


def _sweep_object(
    conn: Connection,
    tables: GapTables,
    source: Source,
    obj: SourceObject,
    *,
    regardless: bool,
    on_rows: OnRows,
) -> Sweep:
    found = Sweep(obj)
    state = source.state(obj)
    if not state.is_present:
        found.problem = state.problem
        return found
    if not regardless and state.version and staging.read_version(conn, obj, source.name) == state.version:
        found.is_proven = True
        found.count = tables.source_count() if obj.name == "Case" else None
        return found
    tables.add_swept(obj, _rows(source, found, on_rows))
    found.is_swept = True
    found.is_whole = found.is_whole and source.is_complete
    found.count = tables.swept_count(obj) + len(found.spared)
    return found


def _rows(source: Source, found: Sweep, on_rows: OnRows) -> Iterator[Record]:
    found.is_whole = True
    try:
        for row in source.read(found.object):
            if not isinstance(row, BadRow):
                found.rows += 1
                yield row
            elif row.record_id:
                found.spared.append(row.record_id)
            else:
                found.is_whole = False
    except SourceCutShort as e:
        found.is_whole, found.problem = False, str(e)
    on_rows(found.object.name, found.rows)


def count(conn: Connection, index: VectorIndex, sweeps: list[Sweep]) -> Census:
    """Raises `LoadFailure` when the index does not answer."""
    row = lineage.census(conn)
    stages = ("staging", "lineage", "pii_removed", "embedding_generated", "weaviate_loaded")
    source = next((s.count for s in sweeps if s.object.name == "Case"), None)
    counts = {"source": source, **{name: row[name] for name in stages}, "index": index.count()}
    return Census(counts=counts, row=row)
