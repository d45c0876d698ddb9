"""Step 4: the least work that closes each gap and failure. Every step may be killed and done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from everycase.domain.gaps import GapKind
from everycase.domain.runs import ObjectResult
from everycase.domain.thresholds import DeletionGuard
from everycase.pipeline.extract import Extraction
from everycase.pipeline.removal import remove_quarantined
from everycase.pipeline.work import Crew, Worked
from everycase.ports import Source
from everycase.reconcile.identify import Work
from everycase.store.db import Connection
from everycase.store.gaps import GapTables


@dataclass(slots=True, kw_only=True)
class Recovered:
    """What was done."""

    objects: Sequence[ObjectResult] = ()
    worked: Worked = field(default_factory=Worked)


def recover(
    conn: Connection,
    tables: GapTables,
    crew: Crew,
    source: Source,
    work: Work,
    *,
    run_id: UUID,
    guard: DeletionGuard,
) -> Recovered:
    """Source first, then what is to go, then everything that is due through the stages."""
    done = Recovered()
    if work.restage:
        done.objects = _restage(conn, tables, crew, source, guard, run_id)
    for kind in work.withhold:
        tables.withhold(kind, "Case")
    if work.delete_gone:
        crew.delete_gone(conn, run_id, absent=GapKind.GONE_AT_SOURCE not in work.withhold)
    for kind in sorted(work.remove):
        for objects in tables.owned_objects({kind}):
            crew.processor.index.release(objects)
    remove_quarantined(conn, crew.processor.index, run_id=run_id)
    tables.adopt_failed()
    if work.process:
        done.worked = repair(conn, tables, crew, source, run_id=run_id, upgrade=work.upgrade)
    return done


def repair(
    conn: Connection, tables: GapTables, crew: Crew, source: Source, *, run_id: UUID, upgrade: bool = False
) -> Worked:
    """What is to be mended, and all that is due, through the stages; `upgrade`: the debt as well."""
    tables.open_repairs(run_id=run_id, source=source.kind, now=crew.processor.clock())
    if upgrade:
        tables.open_debt()
    return crew.work_off(conn, run_id, source=source.kind)


def _restage(
    conn: Connection, tables: GapTables, crew: Crew, source: Source, guard: DeletionGuard, run_id: UUID
) -> list[ObjectResult]:
    """Fetch the rows that differ, with all the guards that a sync has; very many by reading everything."""
    world = crew.processor
    extraction = Extraction(
        conn=conn,
        source=source,
        catalogue=world.catalogue,
        guard=guard,
        run_id=run_id,
        now=world.clock(),
        on_rows=crew.progress.rows,
    )
    results = extraction.fetch_all(
        {o: ids for o in world.catalogue.objects if (ids := tables.rows_at_source(o))}
    )
    for r in results:
        if r.withheld:
            tables.withhold(GapKind.GONE_AT_SOURCE, r.object)
    return results
