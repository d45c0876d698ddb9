"""What a sync would do and what it would cost, without writing anything (contract §15).

The source is compared with staging in temporary tables, so creations, updates and deletions are exact and
nobody waits for the plan. What has to be embedded is found by joining and redacting the cases that are due:
all of them, or beyond `SAMPLE` of them a sample that is scaled up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.fingerprint import text_hash
from everycase.domain.lineage import Decision
from everycase.domain.runs import ObjectResult
from everycase.domain.thresholds import DeletionGuard
from everycase.pipeline.extract import take_in
from everycase.pipeline.join import check
from everycase.pipeline.process import Processor
from everycase.pipeline.read import ChangedRows, OnRows
from everycase.pipeline.redact import Redacted, redact
from everycase.pipeline.served import Served, ServedLook
from everycase.ports import Source
from everycase.store import db, planning, reads, staging, vectors
from everycase.store.db import Connection
from everycase.store.merging import Merge
from everycase.store.planning import PlanTarget

SAMPLE = 2000
"""Cases; more than that are estimated from so many."""

_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The keys of `as_dict` are those of contract §15."""

    create: int
    update: int
    unchanged: int
    waiting: int
    delete: int
    to_embed: int
    estimated_tokens: int
    estimated_cost: float
    is_sampled: bool
    objects: list[ObjectResult]
    served: Served | None = None
    """What the redaction rules of today find in objects that other rules made; None if there are none."""
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "create": self.create,
            "update": self.update,
            "unchanged": self.unchanged,
            "waiting": self.waiting,
            "delete": self.delete,
            "to_embed": self.to_embed,
            "estimated_tokens": self.estimated_tokens,
            "estimated_cost": self.estimated_cost,
            "is_sampled": self.is_sampled,
            "served": self.served.as_dict() if self.served else None,
            "problems": self.problems,
        }


def make_plan(
    dsn: str,
    source: Source,
    processor: Processor,
    *,
    guard: DeletionGuard,
    on_rows: OnRows,
) -> Plan:
    """Read, compare and count. Other runs are not disturbed and see nothing of it.

    Raises `WrongUse` where the database holds another source.
    """
    with db.connect(dsn) as conn:
        objects = compare_source(conn, source, processor.catalogue, guard=guard, on_rows=on_rows)
        planning.overlay(conn, processor.catalogue)
        return _count(conn, processor, objects)


def compare_source(
    conn: Connection, source: Source, catalogue: Catalogue, *, guard: DeletionGuard, on_rows: OnRows
) -> list[ObjectResult]:
    """What a sync would do to staging, object by object. Nothing is written but temporary tables."""
    reads.check(conn, source.identity)
    planning.prepare(conn, catalogue)
    return [_compare(conn, source, obj, guard, on_rows) for obj in catalogue.present]


def _compare(
    conn: Connection, source: Source, obj: SourceObject, guard: DeletionGuard, on_rows: OnRows
) -> ObjectResult:
    """What a sync would do to staging."""
    state = source.state(obj)
    if not state.is_present:
        return ObjectResult(object=obj.name, was_read=False, problem=state.problem)
    mark = staging.read_mark(conn, obj, source.identity)
    rows = ChangedRows(source.changes(obj, mark), obj.name, on_rows)
    taken = take_in(Merge(conn, obj, PlanTarget(conn=conn)), rows, guard, is_stored=False)
    if not taken.withheld:
        taken.merge.mark_gone()
    return taken.result(obj, otherwise=state.problem)


def _count(conn: Connection, processor: Processor, objects: list[ObjectResult]) -> Plan:
    counts = planning.decide(conn, recipe=processor.recipe, now=processor.clock())
    due = counts[Decision.CREATE] + counts[Decision.UPDATE]
    ids = planning.due(conn, limit=SAMPLE)
    served = ServedLook(processor.index, processor.catalogue, processor.redactor)
    texts, characters = _to_embed(conn, processor, ids, served)
    scale = due / len(ids) if ids else 0.0
    tokens = processor.embedder.estimate_tokens(round(characters * scale))
    return Plan(
        create=counts[Decision.CREATE],
        update=counts[Decision.UPDATE],
        unchanged=counts[Decision.UNCHANGED],
        waiting=counts[Decision.WAITING],
        delete=counts[Decision.DELETE],
        to_embed=round(texts * scale),
        estimated_tokens=tokens,
        estimated_cost=round(tokens / 1e6 * processor.preferred_price, 4),
        is_sampled=due > len(ids),
        objects=objects,
        served=served.found,
        problems=[o.problem for o in objects if o.problem] + served.problems,
    )


def _to_embed(conn: Connection, processor: Processor, ids: list[str], served: ServedLook) -> tuple[int, int]:
    """How many different texts of these cases have no vector yet, and their characters."""
    seen: set[str] = set()
    characters = 0
    for start in range(0, len(ids), _BATCH):
        texts: dict[str, int] = {}
        for joined in staging.join(
            conn, processor.catalogue, ids[start : start + _BATCH], schema=planning.SCHEMA
        ):
            found = check(joined, processor.catalogue)
            if found.blocker:
                continue
            clean = redact(processor.redactor, found.case)
            if isinstance(clean, Redacted):
                served.add(found.case, clean.case)
                to_embed = clean.composite.to_embed
                texts[text_hash(to_embed)] = len(to_embed)
        served.look()
        kept = vectors.cached(conn, list(texts), processor.embedder.space)
        news = {h: n for h, n in texts.items() if h not in kept and h not in seen}
        seen |= news.keys()
        characters += sum(news.values())
    return len(seen), characters
