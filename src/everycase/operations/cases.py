"""Cases as pages show them: lists by where they stand, and one case with all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from everycase.app import App
from everycase.domain.cases import IndexObject
from everycase.domain.errors import DependencyUnreachable
from everycase.domain.failures import LoadFailure
from everycase.operations.trace import Journey, trace_case
from everycase.store import census

_COMPARED = (
    ("Checksum", "checksum"),
    ("Children", "children_checksum"),
    ("Text", "text_hash"),
    ("Vector", "vector_hash"),
    ("Recipe", "recipe"),
)
_STEPS = {
    ("extracted", "entered"): "Staged",
    ("extracted", "exited"): "Taken up",
    ("pii_removed", "exited"): "Redacted",
    ("embedding_generated", "exited"): "Embedded",
    ("weaviate_loaded", "exited"): "Loaded",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened to a case."""

    at: datetime
    what: str
    detail: str | None
    is_bad: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseComparison:
    """One stamp of the index object against the lineage."""

    name: str
    value: str | None
    is_equal: bool

    @property
    def digest(self) -> str:
        """The first characters of a hash; empty for the recipe, which is a text."""
        return "" if self.name == "Recipe" else (self.value or "")[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """One case: what is true of it, how it came there, and the text that is searched."""

    journey: Journey
    indexed: IndexObject | None
    """None where the index has nothing of this case, or does not answer."""
    index_problem: str | None

    @property
    def row(self) -> Mapping[str, Any]:
        return self.journey.row

    @property
    def record_id(self) -> str:
        return str(self.row["record_id"])

    @property
    def case_number(self) -> str | None:
        number: str | None = self.row["case_number"]
        return number

    @property
    def text(self) -> str | None:
        """The redacted composite, as it is indexed."""
        return self.indexed.composite if self.indexed else None

    @property
    def comparisons(self) -> list[CaseComparison]:
        stamps = self.indexed.stamps if self.indexed else None
        return [
            CaseComparison(
                name=name,
                value=self.row[key],
                is_equal=stamps is not None and getattr(stamps, key) == self.row[key],
            )
            for name, key in _COMPARED
        ]

    @property
    def is_served(self) -> bool:
        """The index holds this case as the source has it."""
        return self.row["status"] == "completed" and all(c.is_equal for c in self.comparisons)

    @property
    def verdict(self) -> str:
        """What is true of the case, in one clause."""
        row = self.row
        if row["status"] == "deleted":
            return "is gone from the source, and from the index"
        if self.index_problem:
            return f"cannot be compared: {self.index_problem}"
        if self.is_served:
            return "is in the index as the source has it"
        if row["status"] == "in_progress":
            return "is being worked on"
        if row["status"] == "failed":
            old = "; its last good text is still served" if self.indexed else ""
            return f"is not in the index as the source has it: {row['error_message']}{old}"
        return "differs from its index object: the next reconciliation repairs it"

    @property
    def steps(self) -> list[Step]:
        return [step for e in self.journey.events if (step := _step(e))]


def _step(event: Mapping[str, Any]) -> Step | None:
    stage, kind = event["stage"], event["event"]
    if kind in ("failed", "gap", "deleted"):
        what = {
            "failed": "Failed",
            "gap": "Found different by reconciliation",
            "deleted": "Removed from the index",
        }[kind]
        return Step(at=event["at"], what=what, detail=event["detail"], is_bad=kind != "deleted")
    said = _STEPS.get((stage, kind))
    if said is None:
        return None
    says_more = event["detail"] and event["detail"] != said.lower()
    return Step(at=event["at"], what=said, detail=event["detail"] if says_more else None, is_bad=False)


def list_cases(
    app: App,
    *,
    status: str | None = None,
    stage: str | None = None,
    space: str | None = None,
    limited: bool = False,
    after: str = "",
    limit: int = 50,
) -> dict[str, Any]:
    """Cases in the order of their ids, and `next`: the `after` of the next page, None on the last."""
    with app.pool.connection() as conn:
        items: Sequence[dict[str, Any]] = census.cases(
            conn, after=after, status=status, stage=stage, space=space, limited=limited, limit=limit
        )
    return {"items": items, "next": items[-1]["record_id"] if len(items) == limit else None}


def read_case(app: App, key: str) -> CasePage:
    """One case by record id or number. Raises `WrongUse` where there is none."""
    journey = trace_case(app, key)
    object_id, problem = journey.row["object_id"], None
    indexed = None
    if object_id is not None:
        try:
            indexed = next(iter(list(app.index.objects([object_id]))), None)
        except (LoadFailure, DependencyUnreachable) as e:
            problem = str(e)
    return CasePage(journey=journey, indexed=indexed, index_problem=problem)
