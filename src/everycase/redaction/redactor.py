"""A joined case in, a case without personal data out; or an error, never a doubt (contract §6)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Protocol

from everycase.domain.cases import JoinedCase, Record, RedactedCase, RedactedRecord
from everycase.domain.catalogue import Catalogue, Kind
from everycase.domain.failures import ErrorType, RedactionFailure
from everycase.redaction import email, names
from everycase.redaction.denylist import DenyList
from everycase.redaction.matching import Alternatives
from everycase.redaction.patterns import PatternFinder
from everycase.redaction.protect import Protector
from everycase.redaction.residual import ResidualScan
from everycase.redaction.sanitise import sanitise
from everycase.redaction.shadow import fold
from everycase.redaction.spans import Label, Span, resolve

RULES_VERSION = "2"
"""Raised with every change of a rule: part of every case's recipe, so that old cases are redone."""

_UNTOUCHED = frozenset({Kind.MOMENT, Kind.FLAG})
_IDS = frozenset({"Id", "CaseNumber", "ParentId", "CreatedById"})
_OWN = ("Id", "CaseNumber", "ParentId", "WorkOrderNumber", "Product_Number__c")
"""Fields that number a case, its orders and its product: the same numbers are kept in its texts."""

_SITES = frozenset({"WorkOrder", "WorkOrderFeed", "EmailMessage"})
"""Tables whose texts have address and contact blocks."""

_MARK = "\x1e"
_BETWEEN = f"\n{_MARK}\n"
"""Between the texts of a case: a control character that no sanitised text has."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One text of a case. `record`: its place among the case's records."""

    record: int
    table: str
    name: str
    text: str


class Strictness(Enum):
    """The attempts at a case, each stricter: the same fault comes again, so the same attempt is useless."""

    NORMAL = auto()
    RESANITISED = auto()
    """Only what UTF-8 can carry, and sanitised until nothing changes."""
    STRICT = auto()
    """Every candidate of a pattern is masked, confirmed or not, and nothing is protected."""


_PLACEHOLDERS = Alternatives({label.name: rf"<{label.value}_\d{{1,4}}>" for label in Label})
"""Four digits: what is longer may be a number that somebody dressed up."""


class Detector(Protocol):
    """A model that a user adds: finds what no pattern does, such as unknown names in running text."""

    version: str

    def find(self, text: str) -> Sequence[tuple[int, int, str]]:
        """`(start, end, label)` in characters; the label is one of `Label`."""


@dataclass
class _Numbers:
    """Placeholders of one case: one value, one number, in all its texts."""

    known: dict[tuple[Label, str], str] = field(default_factory=dict)
    counts: Counter[Label] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)

    def start_after(self, placeholder: Span, text: str) -> None:
        """New numbers go on after those of placeholders that a text has already."""
        number = int(text[placeholder.start : placeholder.end].rstrip(">").rpartition("_")[2])
        self.counts[placeholder.label] = max(self.counts[placeholder.label], number)

    def placeholder(self, span: Span) -> str:
        self.removed[span.label.value] += 1
        key = (span.label, span.key)
        if key not in self.known:
            self.counts[span.label] += 1
            self.known[key] = f"<{span.label}_{self.counts[span.label]}>"
        return self.known[key]


@dataclass
class _Work:
    """One case under redaction."""

    deny: DenyList
    scan: ResidualScan
    own: frozenset[str]
    strict: bool
    numbers: _Numbers = field(default_factory=_Numbers)


class TableRedactor:
    """Implements `ports.Redactor`: rules by table, a deny-list by case, a residual scan at the end."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        keep_hardware_addresses: bool = True,
        detectors: Sequence[Detector] = (),
    ) -> None:
        self._catalogue = catalogue
        self._kinds: Mapping[str, Mapping[str, Kind]] = {
            o.name: {f.name: f.kind for f in o.fields} for o in catalogue.objects
        }
        self._protector = Protector(keep_hardware_addresses=keep_hardware_addresses)
        self._patterns = PatternFinder(keep_hardware_addresses=keep_hardware_addresses)
        self._detectors = tuple(detectors)
        identity = [(o.name, c.name, c.kind.value) for o in catalogue.objects for c in o.identity]
        meaning = repr((keep_hardware_addresses, [d.version for d in detectors], identity))
        self.version = f"{RULES_VERSION}.{hashlib.sha256(meaning.encode()).hexdigest()[:6]}"

    def redact(self, case: JoinedCase) -> RedactedCase:
        """The case without personal data.

        A fault of a rule is answered by stricter rules, twice; then the case is quarantined. Raises
        `RedactionFailure`, whose message has types, counts and field names and never a value.
        """
        if not case.case_number:
            raise RedactionFailure(ErrorType.PII_REMOVAL_FAILURE, "the case has no case number")
        reason = ""
        for strictness in Strictness:
            try:
                return self._redact(case, case.case_number, strictness)
            except RedactionFailure:
                raise
            except UnicodeError:
                reason = "UnicodeError"
            except Exception as e:
                reason = type(e).__name__
        if reason == "UnicodeError":
            raise RedactionFailure(ErrorType.ENCODING_ERROR, "a text of the case cannot be encoded as UTF-8")
        raise RedactionFailure(
            ErrorType.PII_REMOVAL_FAILURE, f"the redaction rules failed at every strictness ({reason})"
        )

    def _redact(self, case: JoinedCase, number: str, strictness: Strictness) -> RedactedCase:
        """All texts of a case as one, so that every rule passes over them once."""
        records = case.records()
        deny = DenyList(case, self._catalogue)
        own = frozenset(v for r in records for n in _OWN if len(v := r.values.get(n, "")) >= 5)
        scan = ResidualScan(deny.whole, partial(self._protector.find, own=own))
        work = _Work(deny, scan, own, strictness is Strictness.STRICT)
        fields = sorted(self._fields(records, strictness), key=lambda f: f.table not in _SITES)
        on_site = sum(len(f.text) + len(_BETWEEN) for f in fields if f.table in _SITES)
        masked = self._mask(_BETWEEN.join(f.text for f in fields), on_site, work)
        texts = masked.split(_BETWEEN)
        if len(texts) != len(fields) and fields:
            raise RedactionFailure(ErrorType.PII_REMOVAL_FAILURE, "a mask reached over the end of a field")
        if work.scan.labels(masked):
            self._mask_again(fields, texts, work)
        clean = {(f.record, f.name): t for f, t in zip(fields, texts, strict=False)}
        redacted = [self._record(i, r, clean) for i, r in enumerate(records)]
        rest = iter(redacted[1:])
        return RedactedCase(
            record_id=case.record_id,
            case_number=number,
            generation=case.generation,
            case=redacted[0],
            children={name: tuple(next(rest) for _ in rows) for name, rows in case.children.items()},
            redactions=dict(work.numbers.removed),
        )

    def _fields(self, records: Sequence[Record], strictness: Strictness) -> Iterator[_Field]:
        """Every text that is to be looked at, sanitised, e-mails without quotes and signatures."""
        for i, record in enumerate(records):
            kinds = self._kinds[record.object]
            for name, value in record.values.items():
                kind = kinds.get(name, Kind.TEXT)
                if kind in _UNTOUCHED or name in _IDS:
                    continue
                text = sanitise(value, kind)
                if strictness is not Strictness.NORMAL:
                    text = sanitise(text.encode("utf-8", "replace").decode())
                text = text.replace(_MARK, "")
                if record.object == "EmailMessage" and name == "TextBody":
                    text = email.clean_body(text, _senders(record))
                yield _Field(i, record.object, name, text)

    def _record(self, place: int, record: Record, clean: Mapping[tuple[int, str], str]) -> RedactedRecord:
        values = {}
        for name, value in record.values.items():
            text = clean.get((place, name), value)
            if text.strip():
                values[name] = text
        return RedactedRecord(object=record.object, id=record.id, when=record.when, values=values)

    def _mask(self, text: str, on_site: int, work: _Work) -> str:
        raw = text.encode()
        kept = [] if work.strict else self._protector.find(text, raw, work.own)
        spans = [s for s in self._spans(text, raw, on_site, work) if text.find(_MARK, s.start, s.end) == -1]
        if b"<" in raw:
            for m in _PLACEHOLDERS.find(text, raw):
                spans.append(Span(m.start, m.end, Label[m.name], "", is_fixed=True))
                work.numbers.start_after(spans[-1], text)
        return _replace(text, resolve(spans, kept), work.numbers)

    def _spans(self, text: str, raw: bytes, on_site: int, work: _Work) -> Iterator[Span]:
        yield from work.deny.find(text)
        yield from self._patterns.find(text, raw, known_phones=work.deny.phones, strict=work.strict)
        yield from names.salutations(text, raw)
        if on_site:
            front = text[:on_site]
            raw = front.encode()
            yield from names.places(front, raw)
            yield from names.labelled(front, raw)
        for detector in self._detectors:
            for start, end, label in detector.find(text):
                yield Span(start, end, Label(label), fold(text[start:end]))

    def _mask_again(self, fields: Sequence[_Field], texts: list[str], work: _Work) -> None:
        """The post-condition did not hold: mask what it found, once; what is left is quarantined."""
        for i, field_ in enumerate(fields):
            if work.scan.labels(texts[i]):
                texts[i] = _replace(texts[i], resolve(list(work.scan.spans(texts[i])), []), work.numbers)
                if left := work.scan.labels(texts[i]):
                    raise RedactionFailure(
                        ErrorType.PII_RESIDUAL,
                        f"{', '.join(sorted(left))} left in {field_.table}.{field_.name} after two masks",
                    )


def _replace(text: str, spans: Sequence[Span], numbers: _Numbers) -> str:
    """The text with a placeholder for each span; what has no letter and no digit needs none."""
    parts: list[str] = []
    last = 0
    for span in spans:
        found = text[span.start : span.end]
        if span.is_fixed or not any(map(str.isalnum, found)):
            continue
        start = span.start + len(found) - len(found.lstrip())
        parts += (text[last:start], numbers.placeholder(span))
        last = span.end - len(found) + len(found.rstrip())
    return "".join(parts) + text[last:] if parts else text


def _senders(record: Record) -> list[str]:
    """The folded names of who wrote an e-mail, and the parts of them."""
    found = []
    for column in ("FromName", "CreatedByName", "FromAddress"):
        name = fold(record.identity.get(column, "")).partition("@")[0]
        found += [name, *name.replace(".", " ").split()]
    return [n for n in found if n]
