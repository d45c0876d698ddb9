"""What the redaction rules of today find in served objects that other rules made.

A plan counts it before a sync, worst case first, and again in what the sync would load instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from everycase.domain.cases import IndexObject, JoinedCase, RedactedCase
from everycase.domain.catalogue import Catalogue
from everycase.domain.errors import DependencyUnreachable
from everycase.domain.failures import LoadFailure
from everycase.domain.fingerprint import object_id
from everycase.ports import Redactor, VectorIndex

WORST = 10
"""Cases that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Counts by type over the objects that were looked at, and the cases with most of them."""

    cases: int
    before: Mapping[str, int]
    after: Mapping[str, int]
    worst: Sequence[tuple[str, int]]

    def as_dict(self) -> dict[str, Any]:
        worst = [{"case_number": number, "found": n} for number, n in self.worst]
        return {"cases": self.cases, "before": dict(self.before), "after": dict(self.after), "worst": worst}


@dataclass(slots=True)
class ServedLook:
    """Collects cases that are due and looks at their served objects, a batch at a time."""

    index: VectorIndex
    catalogue: Catalogue
    redactor: Redactor
    problems: list[str] = field(default_factory=list)
    _waiting: list[tuple[JoinedCase, RedactedCase]] = field(default_factory=list)
    _cases: int = 0
    _before: Counter[str] = field(default_factory=Counter)
    _after: Counter[str] = field(default_factory=Counter)
    _by_case: Counter[str] = field(default_factory=Counter)

    def add(self, case: JoinedCase, clean: RedactedCase) -> None:
        self._waiting.append((case, clean))

    def look(self) -> None:
        """Read the served objects of the waiting cases; those that other rules made are searched."""
        waiting, self._waiting = self._waiting, []
        if not waiting or self.problems:
            return
        try:
            served = {
                o.stamps.case_id: o
                for o in self.index.objects([object_id(c.case_number) for _, c in waiting])
            }
        except (DependencyUnreachable, LoadFailure) as e:
            self.problems.append(f"what is served was not searched for personal data: {e}")
            return
        for case, clean in waiting:
            found = served.get(case.record_id)
            if found and f"redaction-{self.redactor.version}" not in found.stamps.recipe.split():
                self._search(case, clean, found)

    def _search(self, case: JoinedCase, clean: RedactedCase, served: IndexObject) -> None:
        before = self.redactor.search(case, _texts(served.properties))
        self._cases += 1
        self._before.update(before)
        self._after.update(self.redactor.search(case, _texts(clean.properties(self.catalogue))))
        if total := sum(before.values()):
            self._by_case[clean.case_number] = total

    @property
    def found(self) -> Served | None:
        if not self._cases:
            return None
        return Served(
            cases=self._cases, before=self._before, after=self._after, worst=self._by_case.most_common(WORST)
        )


def _texts(properties: Mapping[str, str | Sequence[str]]) -> list[str]:
    return [text for value in properties.values() for text in ([value] if isinstance(value, str) else value)]
