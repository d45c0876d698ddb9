"""Step 4: close each gap and failure with the least work. Every step may be killed and repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from everycase.domain.gaps import GapKind
from everycase.domain.runs import ObjectResult, Worked
from everycase.domain.thresholds import DeletionGuard
from everycase.pipeline.extract import Extraction
from everycase.pipeline.removal import remove_quarantined
from everycase.pipeline.run import OpenRun
from everycase.pipeline.work import Crew
from everycase.ports import Source, VectorIndex
from everycase.reconcile.identify import RecoveryPlan
from everycase.store.gaps import GapTables


@dataclass(slots=True, kw_only=True)
class Recovered:
    """What the recovery did."""

    objects: Sequence[ObjectResult] = ()
    worked: Worked = field(default_factory=Worked)


def recover(
    run: OpenRun,
    tables: GapTables,
    crew: Crew,
    source: Source,
    work: RecoveryPlan,
    *,
    guard: DeletionGuard,
) -> Recovered:
    """Read differing rows of the source, delete what must go, then take all due cases through the stages."""
    done = Recovered()
    if work.restage:
        done.objects = _restage(run, tables, crew, source, guard)
    for kind in work.withhold:
        tables.withhold(kind, "Case")
    if work.delete_gone:
        crew.delete_gone(run, absent=GapKind.GONE_AT_SOURCE not in work.withhold)
    for kind in sorted(work.remove):
        for objects in tables.owned_objects({kind}):
            crew.processor.index.release(objects)
    if not run.shard:
        remove_quarantined(run.conn, crew.processor.index, run_id=run.run_id)
        tables.adopt_failed()
    if work.process:
        done.worked = repair(run, tables, crew, source, upgrade=work.upgrade)
    return done


def repair(run: OpenRun, tables: GapTables, crew: Crew, source: Source, *, upgrade: bool = False) -> Worked:
    """Take cases under repair, and all that are due, through the stages; `upgrade`: fallback vectors too."""
    tables.open_repairs(run_id=run.run_id, source=source.kind, now=crew.processor.clock())
    _write_again(tables, crew.processor.index)
    if upgrade:
        tables.open_debt()
    return crew.work_off(run, source=source.kind)


def _write_again(tables: GapTables, index: VectorIndex) -> None:
    """Insert the objects of failed cases that no search finds once more, just as the index has them.

    Taking such a case through the stages would fail again, and its object would stay out of reach.
    """
    for ids in tables.served_of_failed():
        index.replace([o for o in index.objects(ids) if len(o.vector)])


def _restage(
    run: OpenRun, tables: GapTables, crew: Crew, source: Source, guard: DeletionGuard
) -> list[ObjectResult]:
    """Fetch the rows that differ, with all the guards that a sync has; very many by reading everything."""
    processor = crew.processor
    extraction = Extraction(
        conn=run.conn,
        source=source,
        catalogue=processor.catalogue,
        guard=guard,
        run_id=run.run_id,
        now=processor.clock(),
        on_rows=crew.rows,
    )
    for o in processor.catalogue.objects:
        tables.disbelieve_altered(o)
    results = extraction.fetch_all(
        {o: ids for o in processor.catalogue.present if (ids := tables.rows_at_source(o))}
    )
    for r in results:
        if r.withheld:
            tables.withhold(GapKind.GONE_AT_SOURCE, r.object)
    return results
