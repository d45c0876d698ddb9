"""A joined case in, a case without personal data out; or an error, never a doubt (contract §6)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from everycase.domain.cases import JoinedCase, Record, RedactedCase, RedactedRecord
from everycase.domain.catalogue import Catalogue, Kind
from everycase.domain.failures import ErrorType, RedactionFailure
from everycase.redaction import email, names
from everycase.redaction.denylist import DenyList, fold
from everycase.redaction.patterns import PatternFinder
from everycase.redaction.protect import Protector
from everycase.redaction.residual import ResidualScan
from everycase.redaction.sanitise import sanitise
from everycase.redaction.spans import Label, Span, resolve

RULES_VERSION = "1"
"""Raised with every change of a rule: part of every case's recipe, so that old cases are redone."""

_UNTOUCHED = frozenset({Kind.MOMENT, Kind.FLAG})
_IDS = frozenset({"Id", "CaseNumber", "ParentId", "CreatedById"})


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

        A fault of a rule is answered by stricter rules, once; then the case is quarantined. Raises
        `RedactionFailure`, whose message has types, counts and field names and never a value.
        """
        if not case.case_number:
            raise RedactionFailure(ErrorType.PII_REMOVAL_FAILURE, "the case has no case number")
        reason = ""
        for strict in (False, True):
            try:
                return self._redact(case, case.case_number, strict=strict)
            except RedactionFailure as e:
                if e.error_type is not ErrorType.PII_RESIDUAL or strict:
                    raise
                reason = "residual"
            except UnicodeError:
                raise RedactionFailure(
                    ErrorType.ENCODING_ERROR, "a text of the case cannot be encoded as UTF-8"
                ) from None
            except Exception as e:
                reason = type(e).__name__
        raise RedactionFailure(
            ErrorType.PII_REMOVAL_FAILURE, f"the redaction rules failed twice ({reason})"
        ) from None

    def _redact(self, case: JoinedCase, number: str, *, strict: bool) -> RedactedCase:
        deny = DenyList(case, self._catalogue)
        work = _Work(deny, ResidualScan(deny.full), strict)
        redacted = self._record(case.case, work)
        children = {name: tuple(self._record(r, work) for r in rows) for name, rows in case.children.items()}
        return RedactedCase(
            record_id=case.record_id,
            case_number=number,
            generation=case.generation,
            case=redacted,
            children=children,
            redactions=dict(work.numbers.removed),
        )

    def _record(self, record: Record, work: _Work) -> RedactedRecord:
        kinds = self._kinds[record.object]
        values = {}
        for name, value in record.values.items():
            kind = kinds.get(name, Kind.TEXT)
            if kind in _UNTOUCHED or name in _IDS:
                values[name] = value
                continue
            text = sanitise(value, kind)
            if record.object == "EmailMessage" and name == "TextBody":
                text = email.clean_body(text, _senders(record))
            text = self._text(text, record.object, name, work)
            if text.strip():
                values[name] = text
        return RedactedRecord(object=record.object, id=record.id, when=record.when, values=values)

    def _text(self, text: str, table: str, name: str, work: _Work) -> str:
        raw = text.encode()
        kept = self._protector.find(text, raw)
        spans = list(self._spans(text, raw, table, work))
        masked = _mask(text, resolve(spans, [] if work.strict else kept), work.numbers)
        return self._checked(masked, table, name, work)

    def _spans(self, text: str, raw: bytes, table: str, work: _Work) -> Iterator[Span]:
        yield from work.deny.find(text)
        yield from self._patterns.find(text, raw, known_phones=work.deny.phones, strict=work.strict)
        yield from names.salutations(text, raw)
        if table in ("WorkOrder", "WorkOrderFeed", "EmailMessage"):
            yield from names.places(text, raw)
            yield from names.labelled(text, raw)
        for detector in self._detectors:
            for start, end, label in detector.find(text):
                yield Span(start, end, Label(label), fold(text[start:end]))

    def _checked(self, text: str, table: str, name: str, work: _Work) -> str:
        """The post-condition: what is left after one more mask keeps the case out of the index."""
        kept = self._protector.find(text, text.encode())
        if not work.scan.labels(text, kept):
            return text
        text = _mask(text, resolve(list(work.scan.spans(text, kept)), []), work.numbers)
        left = work.scan.labels(text, self._protector.find(text, text.encode()))
        if left:
            raise RedactionFailure(
                ErrorType.PII_RESIDUAL,
                f"{', '.join(sorted(left))} left in {table}.{name} after two masks",
            )
        return text


def _mask(text: str, spans: Sequence[Span], numbers: _Numbers) -> str:
    if not spans:
        return text
    parts: list[str] = []
    last = 0
    for span in spans:
        parts += (text[last : span.start], numbers.placeholder(span))
        last = span.end
    return "".join(parts) + text[last:]


def _senders(record: Record) -> list[str]:
    """The folded names of who wrote an e-mail, and the parts of them."""
    found = []
    for column in ("FromName", "CreatedByName", "FromAddress"):
        name = fold(record.identity.get(column, "")).partition("@")[0]
        found += [name, *name.replace(".", " ").split()]
    return [n for n in found if n]
