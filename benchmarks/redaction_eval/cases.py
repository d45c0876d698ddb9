"""Cases of one text, and shares with their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from everycase.domain.cases import JoinedCase, Record, RedactedCase
from everycase.domain.catalogue import Catalogue

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CATALOGUE = Catalogue()
CASE_ID = "5007T000002AbcDQAS"
MAIN_FIELDS = {
    "Case": "Description",
    "Task": "Description",
    "CaseComment": "CommentBody",
    "EmailMessage": "TextBody",
    "WorkOrder": "Problem_Description__c",
    "WorkOrderFeed": "Body",
}


def case_of(
    text: str,
    table: str = "CaseComment",
    identity: Mapping[str, str] | None = None,
    sender: Mapping[str, str] | None = None,
) -> JoinedCase:
    """`identity`: columns of the case. `sender`: columns of the record that holds the text."""
    values = {"Id": CASE_ID, "CaseNumber": "40000001", "Subject": "s"}
    children: dict[str, tuple[Record, ...]] = {o.name: () for o in CATALOGUE.children}
    if table == "Case":
        values["Description"] = text
    else:
        children[table] = (
            Record(object=table, id="00aX", values={MAIN_FIELDS[table]: text}, identity=sender or {}),
        )
    case = Record(object="Case", id=CASE_ID, values=values, identity=identity or {})
    return JoinedCase(case=case, children=children, generation=1)


def text_of(case: RedactedCase, table: str = "CaseComment") -> str:
    if table == "Case":
        return case.case.values.get("Description", "")
    return case.children[table][0].values.get(MAIN_FIELDS[table], "")


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `total`, with the Wilson interval of 95 %."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        return self.hits / self.total if self.total else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        if not self.total:
            return float("nan"), float("nan")
        z, n, p = 1.96, self.total, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} [{low:.3f}, {high:.3f}]" if self.total else "none"

    @property
    def percent(self) -> str:
        low, high = self.interval
        return f"{self.value:.2%} [{low:.2%}, {high:.2%}]" if self.total else "none"
