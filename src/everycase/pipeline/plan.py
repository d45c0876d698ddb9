"""What a sync would do and what it would cost, without writing anything (contract §15).

The source is compared with staging in temporary tables, so creations, updates and deletions are exact and
nobody waits for the plan. What has to be embedded is found by joining and redacting the cases that are due:
all of them, or beyond `SAMPLE` of them a sample that is scaled up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import ExitCode
from everycase.domain.fingerprint import text_hash
from everycase.domain.lineage import Decision
from everycase.domain.runs import ObjectResult
from everycase.domain.sentences import together
from everycase.domain.thresholds import DeletionGuard
from everycase.pipeline.extract import take_in
from everycase.pipeline.join import check, is_unchanged
from everycase.pipeline.processor import Processor
from everycase.pipeline.read import ChangedRows, OnRows
from everycase.pipeline.redact import Redacted, redact
from everycase.pipeline.served import Served, ServedLook
from everycase.pipeline.work import Progress
from everycase.ports import Source, count_tokens
from everycase.store import db, failures, lineage, planning, reads, staging, vectors
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
    fail: int
    """Cases that a sync would take up and that cannot pass; `create` and `update` are without them."""
    refused: int
    """Rows of Case that cannot be read."""
    to_embed: int
    estimated_tokens: int
    estimated_cost: float
    is_sampled: bool
    objects: list[ObjectResult]
    served: Served | None = None
    """What the redaction rules of today find in objects that other rules made; None if there are none."""
    problems: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """1 if there are problems: a sync would not read all of the source, or not do all that is counted."""
        return ExitCode.UNRESOLVED if self.problems else ExitCode.CLEAN

    def as_dict(self) -> dict[str, Any]:
        return {
            "create": self.create,
            "update": self.update,
            "unchanged": self.unchanged,
            "waiting": self.waiting,
            "delete": self.delete,
            "fail": self.fail,
            "refused": self.refused,
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
    progress: Progress,
) -> Plan:
    """Read, compare and count. Other runs are not disturbed and see nothing of it.

    Raises `WrongUse` where the database holds another source.
    """
    with db.connect(dsn) as conn:
        objects = compare_source(conn, source, processor.catalogue, guard=guard, on_rows=progress.rows)
        planning.overlay(conn, processor.catalogue)
        return _count(conn, processor, objects, progress)


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
    result = taken.result(obj, otherwise=state.problem)
    return replace(result, was_read=not taken.is_unchanged(mark))


def _count(conn: Connection, processor: Processor, objects: list[ObjectResult], progress: Progress) -> Plan:
    counts = planning.decide(conn, recipe=processor.recipe, now=processor.clock())
    due = counts[Decision.CREATE] + counts[Decision.UPDATE]
    wanted = planning.due(conn, limit=SAMPLE)
    served = ServedLook(processor.index, processor.catalogue, processor.redactor)
    tried = _try_out(conn, processor, wanted, served, progress)
    scale = due / len(wanted) if wanted else 0.0
    tokens = round(tried.tokens * scale)
    return Plan(
        create=counts[Decision.CREATE] - round(tried.failing[Decision.CREATE] * scale),
        update=counts[Decision.UPDATE] - round((tried.failing[Decision.UPDATE] + tried.same) * scale),
        unchanged=counts[Decision.UNCHANGED] + round(tried.same * scale),
        waiting=counts[Decision.WAITING],
        delete=counts[Decision.DELETE],
        fail=round(sum(tried.failing.values()) * scale),
        refused=_refused(conn, objects[0]),
        to_embed=round(len(tried.texts) * scale),
        estimated_tokens=tokens,
        estimated_cost=round(tokens / 1e6 * processor.preferred_price, 4),
        is_sampled=due > len(wanted),
        objects=objects,
        served=served.found,
        problems=together((o.object, o.problem) for o in objects) + served.problems,
    )


def _refused(conn: Connection, cases: ObjectResult) -> int:
    """Rows of Case that are refused: by this read, or by an earlier one where nothing has changed since."""
    return cases.malformed if cases.was_read else failures.refused(conn)


@dataclass(slots=True)
class _Tried:
    """What joining and redacting the cases that are due has shown."""

    failing: Counter[Decision] = field(default_factory=Counter)
    """Cases that could not pass, by what a sync would have done."""
    same: int = 0
    """Cases that turn out to be just as they were loaded."""
    texts: set[str] = field(default_factory=set)
    """Hashes of the different texts that have no vector yet."""
    tokens: int = 0
    """Of those texts together."""


def _try_out(
    conn: Connection,
    processor: Processor,
    wanted: Mapping[str, Decision],
    served: ServedLook,
    progress: Progress,
) -> _Tried:
    """Join, check and redact these cases, as a sync would; nothing is embedded."""
    tried, ids = _Tried(), list(wanted)
    for start in range(0, len(ids), _BATCH):
        texts: dict[str, str] = {}
        batch = ids[start : start + _BATCH]
        progress.step("trying out cases", start + len(batch))
        loaded = lineage.known(conn, batch)
        for joined in staging.join(conn, processor.catalogue, batch, schema=planning.SCHEMA):
            found = check(joined, processor.catalogue)
            if not found.blocker and is_unchanged(
                found,
                loaded.get(found.case.record_id),
                recipe=processor.recipe,
                space=processor.embedder.space,
            ):
                tried.same += 1
                continue
            clean = None if found.blocker else redact(processor.redactor, found.case)
            if not isinstance(clean, Redacted):
                tried.failing[wanted[found.case.record_id]] += 1
                continue
            served.add(found.case, clean.case)
            to_embed = clean.composite.to_embed
            texts[text_hash(to_embed)] = to_embed
        served.look()
        kept = vectors.cached(conn, list(texts), processor.embedder.space).vectors
        news = {h: text for h, text in texts.items() if h not in kept and h not in tried.texts}
        tried.texts |= news.keys()
        tried.tokens += count_tokens(processor.embedder, list(news.values())) if news else 0
    return tried
