"""A text under the rules, span by span: what would go, by which rule, and what was kept as technical."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from everycase.domain.cases import JoinedCase, Record
from everycase.domain.catalogue import Catalogue, Kind
from everycase.redaction.redactor import TableRedactor

_ID = "500000000000001AAA"
_NUMBER = "00000001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One span that goes. `start` and `end` in characters of the text as the rules saw it."""

    start: int
    end: int
    line: int
    label: str
    rule: str
    text: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would be stored of a text, and why."""

    text: str
    findings: list[Finding]
    kept: list[str]
    """Technical tokens, once each."""
    cut_lines: int
    """Lines of an e-mail that go whole: quotes and the signature."""


def make_preview(
    redactor: TableRedactor, catalogue: Catalogue, text: str, *, table: str, identity: Mapping[str, str]
) -> Preview:
    """As if the text stood in the main field of `table`. Raises `RedactionFailure` as a sync would."""
    field = main_field(catalogue, table)
    case = _case(catalogue, text, table, field, identity)
    found = redactor.find(case)
    clean = redactor.redact(case)
    record = clean.case if table == "Case" else clean.children[table][0]
    findings = [
        Finding(
            start=s.start,
            end=s.end,
            line=found.joined.count("\n", 0, s.start) + 1,
            label=s.label.value,
            rule=s.rule,
            text=found.joined[s.start : s.end],
        )
        for s in found.spans
        if not s.is_fixed
    ]
    kept = dict.fromkeys(found.plain[k.start : k.end] for k in found.kept)
    is_mail = (table, field) == ("EmailMessage", "TextBody")
    cut = text.count("\n") - found.joined.count("\n") if is_mail else 0
    return Preview(
        text=record.values.get(field, ""), findings=findings, kept=list(kept), cut_lines=max(0, cut)
    )


def main_field(catalogue: Catalogue, table: str) -> str:
    """The last field of a table that holds free text."""
    texts = [f.name for f in catalogue.by_name[table].fields if f.kind in (Kind.TEXT, Kind.HTML)]
    preferred = ("Description", "CommentBody", "TextBody", "Body", "Problem_Description__c")
    return next((n for n in preferred if n in texts), texts[-1])


def _case(catalogue: Catalogue, text: str, table: str, field: str, identity: Mapping[str, str]) -> JoinedCase:
    """A case of this text alone, whose identity columns are those of its table or of the case."""
    children: dict[str, tuple[Record, ...]] = {o.name: () for o in catalogue.children}
    values = {"Id": _ID, "CaseNumber": _NUMBER}
    if table == "Case":
        values[field] = text
    else:
        own = {c.name for c in catalogue.by_name[table].identity}
        mine = {n: v for n, v in identity.items() if n in own}
        children[table] = (Record(object=table, id=_ID, values={field: text}, identity=mine),)
    record = Record(object="Case", id=_ID, values=values, identity=dict(identity))
    return JoinedCase(case=record, children=children, generation=1)
