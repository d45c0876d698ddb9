"""The texts of a case, as one: which fields are looked at, in which order, and what is not text at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from everycase.domain.cases import Record
from everycase.domain.catalogue import Kind
from everycase.redaction import mails
from everycase.redaction.sanitise import sanitise

MARK = "\x1e"
BETWEEN = f"\n{MARK}\n"
"""Between the texts of a case: a control character that no sanitised text has."""

_ORDER = ("WorkOrder", "WorkOrderFeed", "EmailMessage", "CaseComment", "Task", "Case")
"""The tables with sites first, then those in which people talk: both are one stretch of the joined text."""
_SITES = frozenset(_ORDER[:3])

_IDS = frozenset({"Id", "ParentId", "CreatedById"})
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z)?")
_NUMBER = re.compile(r"(?:[A-Za-z]{1,12}[-_ #]?){0,2}\d{1,12}(?:[-_./][A-Za-z0-9]{1,8}){0,2}")
_FLAGS = frozenset({"true", "false"})

_OWN = ("Id", "CaseNumber", "ParentId", "WorkOrderNumber", "Product_Number__c")
"""Fields that number a case, its orders and its product: the same numbers are kept in its texts."""
_OWN_SHAPE = re.compile(r"(?=[^\d]{0,20}\d)[A-Za-z0-9][A-Za-z0-9#/_-]{4,39}")


@dataclass(frozen=True, slots=True)
class CaseText:
    """One text of a case. `record`: its place among the case's records."""

    record: int
    table: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Stretches:
    """Where, in the joined text, the tables with sites end, and where those with talk begin and end."""

    sites_end: int
    talk_start: int
    talk_end: int


def is_no_text(name: str, kind: Kind, value: str) -> bool:
    """Whether a value is what its field promises, and so nothing that a person wrote: an id, a date, a flag, a number."""
    if name in _IDS:
        return _ID.fullmatch(value) is not None
    if name == "CaseNumber":
        return _NUMBER.fullmatch(value) is not None
    if kind is Kind.MOMENT:
        return _MOMENT.fullmatch(value) is not None
    return kind is Kind.FLAG and value in _FLAGS


def own_numbers(records: Sequence[Record]) -> frozenset[str]:
    """The case's own numbers, where they look like numbers."""
    found = (r.values.get(n, "") for r in records for n in _OWN)
    return frozenset(v for v in found if _OWN_SHAPE.fullmatch(v) and not (v.isdigit() and len(v) > 12))


def texts_of(
    records: Sequence[Record], kinds: Mapping[str, Mapping[str, Kind]], *, again: bool = False
) -> list[CaseText]:
    """Every text to be looked at, sanitised, e-mails without quotes and signatures, in the tables' order."""
    found = [t for i, record in enumerate(records) for t in _texts(i, record, kinds[record.object], again)]
    return sorted(found, key=lambda t: _ORDER.index(t.table))


def _texts(place: int, record: Record, kinds: Mapping[str, Kind], again: bool) -> Iterator[CaseText]:
    for name, value in record.values.items():
        kind = kinds.get(name, Kind.TEXT)
        if is_no_text(name, kind, value):
            continue
        text = sanitise(value, kind)
        if again:
            text = sanitise(text.encode("utf-8", "replace").decode())
        text = text.replace(MARK, "")
        if record.object == "EmailMessage" and name == "TextBody":
            text = mails.clean_body(text, mails.senders(record))
        yield CaseText(place, record.object, name, text)


def stretches(texts: Sequence[CaseText], joined: str) -> Stretches:
    """`joined`: the texts with `BETWEEN` between them, as a shadow may have changed them; the marks are still there."""
    ends, at = [], joined.find(MARK)
    while at != -1:
        ends.append(at)
        at = joined.find(MARK, at + 1)
    ends.append(len(joined))
    sites = sum(t.table in _SITES for t in texts)
    before_talk = sum(t.table == _ORDER[0] for t in texts)
    with_talk = sum(t.table != "Case" for t in texts)
    first = [0, *ends]
    return Stretches(first[sites], first[before_talk], first[with_talk])
