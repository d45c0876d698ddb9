"""A joined case in, a case without personal data out; or an error, never a doubt (contract §6)."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from everycase.domain.cases import JoinedCase, Record, RedactedCase, RedactedRecord
from everycase.domain.catalogue import Catalogue, Kind
from everycase.domain.failures import ErrorType, RedactionFailure
from everycase.redaction import (
    blocks,
    foreign,
    logins,
    patterns,
    places,
    protect,
    residual,
    secrets,
    talk,
    words,
)
from everycase.redaction.beside import beside_spans, honoured_spans, subject_spans
from everycase.redaction.denylist import DenyList, identities
from everycase.redaction.fields import BETWEEN, MARK, CaseText, is_no_text, own_numbers, stretches, texts_of
from everycase.redaction.matching import Scanned
from everycase.redaction.numbering import Numbering
from everycase.redaction.options import Detector, Keep, Options
from everycase.redaction.patterns import PatternFinder
from everycase.redaction.phones import phone_spans
from everycase.redaction.protect import Protector
from everycase.redaction.shadow import fold, folded, plain
from everycase.redaction.spans import Cover, Kept, Label, Span, resolve

RULES_VERSION = "7"
"""Raised when the code of a rule changes; patterns and word lists count by themselves (`rules_digest`)."""


def rules_digest() -> str:
    """Over the rules that are data: patterns and word lists. A changed one makes old cases stale."""
    data = (
        patterns.PATTERNS,
        patterns.MAIL,
        protect.PATTERNS,
        places.PATTERNS,
        blocks.PATTERNS,
        talk.EVERYWHERE,
        talk.IN_TALK,
        foreign.PATTERNS,
        secrets.PATTERNS,
        logins.PATTERNS,
        words.digest(),
    )
    return hashlib.sha256(repr(data).encode()).hexdigest()


class Strictness(Enum):
    """The attempts at a case, each stricter: the same fault comes again, so the same attempt is useless."""

    NORMAL = auto()
    RESANITISED = auto()
    """Only what UTF-8 can carry, and sanitised until nothing changes."""
    STRICT = auto()
    """Every candidate of a pattern is masked, confirmed or not, and nothing is protected."""


WAITS_S = {Strictness.NORMAL: 1.0, Strictness.RESANITISED: 2.0}
"""Seconds to wait before another attempt after a time limit (contract §11). Three attempts use the first two."""


@dataclass
class _Work:
    """One case under redaction."""

    case: JoinedCase
    deny: DenyList
    scan: residual.ResidualScan
    own: frozenset[str]
    strict: bool
    numbers: Numbering = field(default_factory=Numbering)
    residues: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class FoundSpans:
    """All texts of a case as one, and what is to go from it."""

    joined: str
    spans: list[Span]
    """In order, without overlap, in places of `joined`."""
    plain: str
    """The plain shadow of `joined`, in which the rules looked."""
    kept: list[Kept]
    """Technical tokens, in places of `plain`."""


class TableRedactor:
    """Implements `ports.Redactor`: rules by table, a deny list by case, a residual scan at the end."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        options: Options | None = None,
        keep_hardware_addresses: bool = True,
        detectors: Sequence[Detector] = (),
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """`wait`: waits so many seconds before the next attempt at a case that ran into a time limit."""
        options = options or Options(detectors=tuple(detectors))
        if not keep_hardware_addresses:
            options = replace(options, keep=options.keep - {Keep.MAC, Keep.WWN})
        self._catalogue = catalogue
        self._options = options
        self._wait = wait
        self._kinds: Mapping[str, Mapping[str, Kind]] = {
            o.name: {f.name: f.kind for f in o.fields} for o in catalogue.objects
        }
        self._protector = Protector(_not_protected(options))
        self._patterns = PatternFinder(more=_more_patterns(options), keep_masks=Keep.MASKS in options.keep)
        self._allowed = options.allow | {fold(d) for d in options.own_domains}
        self._allowed_letters = frozenset("".join(filter(str.isalnum, a)) for a in self._allowed)
        identity = [(o.name, c.name, c.kind.value) for o in catalogue.objects for c in o.identity]
        meaning = repr((options.meaning, identity, rules_digest()))
        self.version = f"{RULES_VERSION}.{hashlib.sha256(meaning.encode()).hexdigest()[:6]}"

    def redact(self, case: JoinedCase) -> RedactedCase:
        """The case without personal data.

        A fault of a rule is answered by stricter rules, twice, and so is a time limit, after a wait; then the
        case is quarantined. Raises `RedactionFailure`, whose message has types, counts and field names and never a value.
        """
        number = case.case_number
        if not number:
            raise RedactionFailure(ErrorType.PII_REMOVAL_FAILURE, "the case has no case number")
        reason = ""
        for strictness in Strictness:
            try:
                return self._redact(case, number, strictness)
            except RedactionFailure:
                raise
            except TimeoutError:
                reason = f"redaction took longer than it may (a model: {self._options.detector_seconds:g} s)"
                if wait_s := WAITS_S.get(strictness):
                    self._wait(wait_s)
            except UnicodeError:
                reason = "UnicodeError"
            except Exception as e:
                reason = f"the redaction rules failed at every strictness ({type(e).__name__})"
        if reason == "UnicodeError":
            raise RedactionFailure(ErrorType.ENCODING_ERROR, "a text of the case cannot be encoded as UTF-8")
        raise RedactionFailure(ErrorType.PII_REMOVAL_FAILURE, reason)

    def find(self, case: JoinedCase) -> FoundSpans:
        """What would go from the texts of a case, and why; nothing is replaced."""
        records = case.records()
        work = self._work(case, records, strict=False)
        return self._find(texts_of(records, self._kinds), work)

    def search(self, case: JoinedCase, texts: Sequence[str]) -> Mapping[str, int]:
        """What the rules find, by type, in texts that other rules made of a case earlier."""
        records = [replace(r, values={}) for r in case.records()]
        records[0] = replace(records[0], values={"Description": "\n\n".join(texts)})
        work = self._work(case, case.records(), strict=False)
        found = self._find(texts_of(records, self._kinds), work)
        return Counter(s.label.value for s in found.spans if not s.is_fixed)

    def _work(self, case: JoinedCase, records: Sequence[Record], *, strict: bool) -> _Work:
        deny = DenyList(case, self._catalogue, self._options.deny, self._allowed)
        scan = residual.ResidualScan(identities(case, self._catalogue), self._is_allowed)
        return _Work(case, deny, scan, own_numbers(records), strict)

    def _is_allowed(self, letters: str) -> bool:
        return letters in self._allowed_letters

    def _redact(self, case: JoinedCase, number: str, strictness: Strictness) -> RedactedCase:
        """All texts of a case as one, so that every rule passes over them once."""
        records = case.records()
        work = self._work(case, records, strict=strictness is Strictness.STRICT)
        fields = texts_of(records, self._kinds, again=strictness is not Strictness.NORMAL)
        found = self._find(fields, work)
        masked = work.numbers.replace(found.joined, found.spans)
        texts = masked.split(BETWEEN)
        if len(texts) != len(fields) and fields:
            raise RedactionFailure(ErrorType.PII_REMOVAL_FAILURE, "a mask reached over the end of a field")
        if residues := work.scan.find(masked):
            work.residues.update(r.shape for r in residues)
            self._mask_again(fields, texts, work)
        clean = {(f.record, f.name): t for f, t in zip(fields, texts, strict=False)}
        redacted = [self._record(i, r, clean) for i, r in enumerate(records)]
        if redacted[0].values.get("CaseNumber") != number:
            raise RedactionFailure(ErrorType.PII_REMOVAL_FAILURE, "Case.CaseNumber holds no case number")
        return _as_case(case, number, redacted, work)

    def _record(self, place: int, record: Record, clean: Mapping[tuple[int, str], str]) -> RedactedRecord:
        """Of cleaned texts, and of values that are an id, a date or a flag; nothing else gets in."""
        kinds = self._kinds[record.object]
        values = {}
        for name, value in record.values.items():
            text = value if is_no_text(name, kinds.get(name, Kind.TEXT), value) else clean[place, name]
            if text.strip():
                values[name] = text
        return RedactedRecord(object=record.object, id=record.id, when=record.when, values=values)

    def _find(self, fields: Sequence[CaseText], work: _Work) -> FoundSpans:
        joined = BETWEEN.join(f.text for f in fields)
        shadow = plain(joined)
        scanned = Scanned.of(shadow.text)
        kept = [] if work.strict else self._protector.find(scanned, work.own)
        cover = Cover(kept, len(scanned.text))
        spans = [
            s
            for s in self._spans(fields, scanned, cover, work)
            if scanned.text.find(MARK, s.start, s.end) == -1
        ]
        spans = (
            [s for s in spans if s.is_known or fold(scanned.text[s.start : s.end]) not in self._allowed]
            if self._allowed
            else spans
        )
        chosen = resolve(spans + work.numbers.fixed(scanned), cover)
        return FoundSpans(
            joined,
            [s._replace(start=shadow.start(s.start), end=shadow.end(s.end)) for s in chosen]
            if shadow.places
            else chosen,
            scanned.text,
            kept,
        )

    def _spans(
        self, fields: Sequence[CaseText], scanned: Scanned, kept: Cover, work: _Work
    ) -> Iterator[Span]:
        yield from work.deny.find(scanned.text, folded(scanned.text))
        yield from self._patterns.find(scanned, kept, strict=work.strict)
        phones = list(phone_spans(scanned, kept, strict=work.strict))
        yield from phones
        yield from beside_spans(scanned.text, phones)
        yield from subject_spans(scanned)
        yield from honoured_spans(scanned)
        yield from foreign.foreign_spans(scanned)
        yield from logins.login_spans(scanned)
        yield from talk.everywhere_spans(scanned)
        where = stretches(fields, scanned.text)
        if where.talk_end > where.talk_start:
            for span in talk.talk_spans(scanned.part(where.talk_start, where.talk_end)):
                yield span._replace(start=span.start + where.talk_start, end=span.end + where.talk_start)
        if where.sites_end:
            sites = scanned.part(0, where.sites_end)
            yield from places.place_spans(sites)
            yield from blocks.block_spans(sites)
        for detector in self._options.detectors:
            for start, end, label in self._asked(detector, scanned.text):
                yield Span(
                    start, end, Label(label), fold(scanned.text[start:end]), f"model {detector.version}"
                )

    def _asked(self, detector: Detector, text: str) -> Sequence[tuple[int, int, str]]:
        """What a model finds, within its time; a thread that is still at it is left to itself."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="redaction-model")
        try:
            return pool.submit(detector.find, text).result(timeout=self._options.detector_seconds)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _mask_again(self, fields: Sequence[CaseText], texts: list[str], work: _Work) -> None:
        """The post-condition did not hold: mask what it found, once; what is left is quarantined."""
        for i, field_ in enumerate(fields):
            if residues := work.scan.find(texts[i]):
                again = resolve(residual.spans(texts[i], residues), Cover([], len(texts[i])))
                texts[i] = work.numbers.replace(texts[i], again)
                if left := {r.label for r in work.scan.find(texts[i])}:
                    raise RedactionFailure(
                        ErrorType.PII_RESIDUAL,
                        f"{', '.join(sorted(left))} left in {field_.table}.{field_.name} after two masks",
                    )


def _as_case(case: JoinedCase, number: str, redacted: Sequence[RedactedRecord], work: _Work) -> RedactedCase:
    rest = iter(redacted[1:])
    return RedactedCase(
        record_id=case.record_id,
        case_number=number,
        generation=case.generation,
        case=redacted[0],
        children={name: tuple(next(rest) for _ in rows) for name, rows in case.children.items()},
        redactions=dict(work.numbers.removed),
        residues=dict(work.residues),
    )


def _not_protected(options: Options) -> frozenset[str]:
    left_out = {"mac", "wwn"} - {k.value for k in options.keep}
    return frozenset(left_out | (set() if Keep.SERIALS in options.keep else protect.SERIALS))


def _more_patterns(options: Options) -> dict[str, tuple[Label, str]]:
    """The patterns of what a setting does not keep."""
    more: dict[str, tuple[Label, str]] = {}
    if Keep.WWN not in options.keep:
        more["wwn"] = (Label.HARDWARE, patterns.WWN)
    if Keep.MAC not in options.keep:
        more["mac"] = (Label.HARDWARE, patterns.MAC)
    if Keep.SERIALS not in options.keep:
        more["serial"] = (Label.SERIAL, patterns.SERIAL)
    if Keep.HOSTS not in options.keep:
        more["host"] = (Label.HOST, patterns.HOST)
    return more
