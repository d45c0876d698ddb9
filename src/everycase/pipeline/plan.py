"""What a sync would do and what it would cost, without writing anything (contract §15).

The source is read into staging inside a transaction that is rolled back, so creations, updates and
deletions are exact. What has to be embedded is found by joining and redacting the cases that are due:
all of them, or beyond `SAMPLE` of them a sample that is scaled up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from everycase.domain.fingerprint import text_hash
from everycase.domain.lineage import Decision
from everycase.domain.runs import ObjectResult
from everycase.pipeline.extract import OnRows, extract
from everycase.pipeline.join import check
from everycase.pipeline.process import Processor
from everycase.pipeline.redact import Redacted, redact
from everycase.ports import Source
from everycase.store import db, lineage, staging, vectors
from everycase.store.db import Connection

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
            "problems": [o.problem for o in self.objects if o.problem],
        }


class _RollBack(Exception):
    """Ends the plan's transaction."""


def make_plan(
    dsn: str,
    source: Source,
    world: Processor,
    *,
    allow_deletes: int,
    on_rows: OnRows,
) -> Plan:
    """Read, compare and count; then undo. Other runs are not disturbed and see nothing of it."""
    plan: Plan | None = None
    with db.connect(dsn) as conn:
        try:
            with conn.transaction():
                plan = _look(conn, source, world, allow_deletes, on_rows)
                raise _RollBack
        except _RollBack:
            pass
    assert plan is not None
    return plan


def _look(conn: Connection, source: Source, world: Processor, allow_deletes: int, on_rows: OnRows) -> Plan:
    now = world.clock()
    objects = extract(conn, source, world.catalogue, allow_deletes=allow_deletes, now=now, on_rows=on_rows)
    counts = lineage.plan(conn, recipe=world.recipe, now=now)
    due = counts[Decision.CREATE] + counts[Decision.UPDATE]
    ids = lineage.due(conn, recipe=world.recipe, now=now, limit=SAMPLE)
    texts, characters = _to_embed(conn, world, ids)
    scale = due / len(ids) if ids else 0.0
    tokens = world.embedder.estimate_tokens(round(characters * scale))
    return Plan(
        create=counts[Decision.CREATE],
        update=counts[Decision.UPDATE],
        unchanged=counts[Decision.UNCHANGED],
        waiting=counts[Decision.WAITING],
        delete=counts[Decision.DELETE],
        to_embed=round(texts * scale),
        estimated_tokens=tokens,
        estimated_cost=round(tokens / 1e6 * world.preferred_price, 4),
        is_sampled=due > len(ids),
        objects=objects,
    )


def _to_embed(conn: Connection, world: Processor, ids: list[str]) -> tuple[int, int]:
    """How many different texts of these cases have no vector yet, and their characters."""
    seen: set[str] = set()
    characters = 0
    for start in range(0, len(ids), _BATCH):
        texts: dict[str, int] = {}
        for joined in staging.join(conn, world.catalogue, ids[start : start + _BATCH]):
            found = check(joined, world.catalogue)
            if found.blocker:
                continue
            clean = redact(world.redactor, found.case)
            if isinstance(clean, Redacted):
                texts[text_hash(clean.composite.text)] = len(clean.composite.text)
        kept = vectors.cached(conn, list(texts), world.embedder.space)
        news = {h: n for h, n in texts.items() if h not in kept and h not in seen}
        seen |= news.keys()
        characters += sum(news.values())
    return len(seen), characters
