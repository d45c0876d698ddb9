"""The record knows the names: a deny-list for each case, from its own identity columns (contract §6).

Built once a case, searched by Aho-Corasick in a folded shadow of the text: lower case, runs of white
space as one space. The text itself is never changed by the search.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ahocorasick_rs import AhoCorasick, MatchKind

from everycase.domain.cases import JoinedCase
from everycase.domain.catalogue import Catalogue, IdentityKind
from everycase.redaction.matching import is_bounded
from everycase.redaction.sanitise import sanitise
from everycase.redaction.spans import Label, Span

_SPLIT = re.compile(r"[;\n]|,(?=[^,]*@)")
_ADDRESS = re.compile(r"[^\s<>\"',;:()\[\]]+@[^\s<>\"',;:()\[\]]+")
_DISPLAY = re.compile(r"^[\s\"']*([^<>@\"]+?)[\s\"']*<")
_SPACE = re.compile(r"\s+")
_RUN = re.compile(r"\s{2,}|[^\S ]")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_LEGAL_FORMS = frozenset(
    "inc incorporated corp corporation co company ltd limited llc llp lp plc gmbh ag kg kgaa ohg ug se sa sas sarl "
    "srl spa bv nv ab as asa oy oyj aps pty pte pvt sdn bhd kk ltda group holding holdings".split()
)
_PUBLIC_DOMAINS = frozenset(
    "gmail.com googlemail.com yahoo.com hotmail.com outlook.com live.com msn.com aol.com icloud.com me.com mac.com "
    "gmx.de gmx.net web.de t-online.de mail.ru qq.com 163.com 126.com protonmail.com proton.me yandex.ru".split()
)
_ROLES = frozenset(
    "info support admin administrator root sales contact help helpdesk service noreply no-reply donotreply office mail "
    "team webmaster postmaster hostmaster billing it ops dev test user hpe hp".split()
)
NAMES_THAT_ARE_WORDS = frozenset(
    "mark may will price bill rich grant chase frank art sue pat jack rob drew hope faith joy grace dawn summer april "
    "june august page park young long short rose iris ray dean king bush wood stone fox case cook baker banks cash "
    "best link field power rack server storm bell nick don guy gene dale glen cliff brook brooks forest woods hill "
    "hall lake rivers ford march major bishop abbot knight marshall parker taylor carter turner mason miller smith "
    "fisher hunter archer potter porter weaver brown black white green gray grey gold silver blue day night winter "
    "christian lane street way church house temple field fields marsh moss reed heath max min van der den von dos the "
    "and for new good little small large love singer law lord judge major noble prince earl duke miles mile page "
    "sage star sky sunny penny buck jay robin martin wolf lamb crane drake swan bird finch hawk joe job read reader "
    "write close open data node test tester user admin root support system team null none unknown patch bot hat "
    "red core code port gate gates key keys lock locks drive root branch tree web net cloud host love apache hudson "
    "client session leader follower master agent worker watch monitor queue cluster index log logs issue task".split()
)
"""Single names that are words too: masked within a name, or in a greeting, but not on their own."""

_NOT_NAMES = frozenset("unknown n/a na none null - -- . test tbd nobody anonymous unassigned user".split())


@dataclass(frozen=True, slots=True)
class _Term:
    """What a folded text means when it is found. `exact`: only written so, or in capitals."""

    label: Label
    key: str
    exact: str | None = None
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class Shadow:
    """A folded text and the way back to the places of the original."""

    text: str
    starts: tuple[int, ...]
    shifts: tuple[int, ...]

    def original(self, place: int) -> int:
        i = bisect_right(self.starts, place) - 1
        return place + (self.shifts[i] if i >= 0 else 0)


def fold(text: str) -> str:
    """Lower case, character by character, so that no place moves."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := c.lower()) == 1 else c for c in text)


def shadow(text: str) -> Shadow:
    """Fold a text and make every run of white space one space."""
    parts: list[str] = []
    starts, shifts = [], []
    last = length = shift = 0
    folded = fold(text)
    for run in _RUN.finditer(folded):
        parts.append(folded[last : run.start()])
        parts.append(" ")
        length += run.start() - last + 1
        shift += run.end() - run.start() - 1
        starts.append(length)
        shifts.append(shift)
        last = run.end()
    parts.append(folded[last:])
    return Shadow("".join(parts), tuple(starts), tuple(shifts))


class DenyList:
    """Every name, company, address, phone and mail of one case, in the forms in which texts have them."""

    def __init__(self, case: JoinedCase, catalogue: Catalogue) -> None:
        self.terms: dict[str, _Term] = {}
        self.phones: frozenset[str] = frozenset()
        phones: set[str] = set()
        for kind, value in identities(case, catalogue):
            if kind is IdentityKind.PHONE:
                phones |= set(_phone_digits(value))
            for text, term in _terms_of(kind, value):
                known = self.terms.get(text)
                if known is None or (term.is_full and not known.is_full):
                    self.terms[text] = term
        self.phones = frozenset(phones)
        self._texts = list(self.terms)
        self._automaton = AhoCorasick(self._texts, matchkind=MatchKind.Standard) if self._texts else None

    @property
    def full(self) -> list[str]:
        """The identity values as they stand, folded: none of them may be left anywhere."""
        return [t for t, term in self.terms.items() if term.is_full]

    def find(self, text: str) -> Iterator[Span]:
        if self._automaton is None:
            return
        folded = shadow(text)
        for which, start, end in self._automaton.find_matches_as_indexes(folded.text, overlapping=True):
            term = self.terms[self._texts[which]]
            first, last = folded.original(start), folded.original(end - 1) + 1
            found = text[first:last]
            if term.exact is not None and found != term.exact and found != term.exact.upper():
                continue
            if is_bounded(text, first, last):
                yield Span(first, last, term.label, term.key, is_known=True)
            elif term.is_full and self._texts[which] not in NAMES_THAT_ARE_WORDS and end - start >= 5:
                yield Span(*_whole_word(text, first, last), term.label, term.key, is_known=True)


def _whole_word(text: str, start: int, end: int) -> tuple[int, int]:
    """A whole identity value inside a longer word (`lovelace` in `lovelace42`) gives that word away."""
    while start and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return start, end


def identities(case: JoinedCase, catalogue: Catalogue) -> Iterator[tuple[IdentityKind, str]]:
    """Each identity value of the case and its children once, sanitised, lists taken apart."""
    seen: set[tuple[IdentityKind, str]] = set()
    kinds: Mapping[str, Mapping[str, IdentityKind]] = {
        o.name: {c.name: c.kind for c in o.identity} for o in catalogue.objects
    }
    for record in case.records():
        for column, value in record.identity.items():
            kind = kinds[record.object].get(column, IdentityKind.PERSON)
            for part in _SPLIT.split(sanitise(value)):
                found = (kind, part.strip(" \t,"))
                if found[1] and found not in seen:
                    seen.add(found)
                    yield found


@lru_cache(maxsize=20_000)
def _terms_of(kind: IdentityKind, value: str) -> tuple[tuple[str, _Term], ...]:
    """People come again from case to case."""
    return tuple(_terms(kind, value))


def _terms(kind: IdentityKind, value: str) -> Iterator[tuple[str, _Term]]:
    """The folded forms of one identity value."""
    for mail in _ADDRESS.findall(value):
        yield from _mail_terms(mail)
    if "@" in value:
        display = _DISPLAY.match(value)
        if display:
            yield from _person_terms(display[1])
        elif kind is not IdentityKind.EMAIL and not _ADDRESS.fullmatch(value):
            yield from _person_terms(_ADDRESS.sub(" ", value))
        return
    if kind in (IdentityKind.PERSON, IdentityKind.EMAIL):
        yield from _person_terms(value)
    elif kind is IdentityKind.COMPANY:
        yield from _company_terms(value)
    elif kind is IdentityKind.ADDRESS:
        yield from _address_terms(value)
    elif len(value) >= 5:
        yield _folded(value), _Term(Label.PHONE, "".join(_phone_digits(value)), is_full=True)


def _folded(value: str) -> str:
    return _SPACE.sub(" ", fold(value)).strip()


def _person_terms(value: str) -> Iterator[tuple[str, _Term]]:
    name = _SPACE.sub(" ", value).strip(" \"'<>()[],.")
    folded = _folded(name)
    if len(folded) < 2 or folded in _NOT_NAMES:
        return
    key = folded
    yield folded, _Term(Label.PERSON, key, is_full=True)
    parts = [p.strip() for p in name.split(",") if p.strip()]
    if len(parts) == 2:
        yield from _forms(f"{parts[1]} {parts[0]}", key)
    yield from _forms(name, key)


def _forms(name: str, key: str) -> Iterator[tuple[str, _Term]]:
    """`Ada Lovelace`: "Lovelace, Ada", "A. Lovelace", alovelace, ada.lovelace, and either on its own."""
    words = _WORD.findall(name)
    if len(words) < 2:
        return
    person = _Term(Label.PERSON, key)
    folded = [fold(w) for w in words]
    first, last = folded[0], folded[-1]
    yield " ".join(folded), _Term(Label.PERSON, key, is_full=True)
    pairs = [(first, last), (first, " ".join(folded[1:])), (" ".join(folded[:-1]), last)]
    for a, b in dict.fromkeys(pairs):
        yield from ((f, person) for f in (f"{a} {b}", f"{b}, {a}", f"{b} {a}"))
    for glue in ("", ".", "_", "-"):
        yield first + glue + last, person
    for initial in (first[0] + ". ", first[0] + " ", first[0] + ".", first[0]):
        if len(last) >= 3 and not (initial == first[0] and len(last) < 4):
            yield initial + last, person
    if len(first) >= 3:
        yield first + last[0], person
    for word, low in zip(words, folded, strict=True):
        if len(low) >= 3 and low not in NAMES_THAT_ARE_WORDS:
            yield low, _Term(Label.PERSON, key, exact=_as_name(word))


def _as_name(word: str) -> str:
    """Names are written with a capital even where a column has them without."""
    return word[0].upper() + word[1:]


def _mail_terms(mail: str) -> Iterator[tuple[str, _Term]]:
    folded = _folded(mail.strip(".'\""))
    name, _, domain = folded.partition("@")
    yield folded, _Term(Label.EMAIL, folded, is_full=True)
    if len(name) >= 3 and name not in _ROLES and not name.isdigit():
        yield name, _Term(Label.PERSON, name)
    if domain and "." in domain and domain not in _PUBLIC_DOMAINS:
        yield domain, _Term(Label.COMPANY, domain)


def _company_terms(value: str) -> Iterator[tuple[str, _Term]]:
    folded = _folded(value)
    if len(folded) < 2 or folded in _NOT_NAMES:
        return
    yield folded, _Term(Label.COMPANY, folded, is_full=True)
    words = _WORD.findall(value)
    bare = list(words)
    while len(bare) > 1 and fold(bare[-1]) in _LEGAL_FORMS:
        bare.pop()
    if len(bare) == 1 and len(bare[0]) >= 3 and fold(bare[0]) not in NAMES_THAT_ARE_WORDS:
        yield fold(bare[0]), _Term(Label.COMPANY, folded, exact=bare[0])
    elif len(bare) > 1:
        end = value.rindex(bare[-1]) + len(bare[-1])
        yield _folded(value[:end]), _Term(Label.COMPANY, folded)


def _address_terms(value: str) -> Iterator[tuple[str, _Term]]:
    folded = _folded(value)
    if len(folded) < 3:
        return
    is_word = len(_WORD.findall(value)) == 1 and value.isalpha()
    yield folded, _Term(Label.ADDRESS, folded, exact=value.strip() if is_word else None, is_full=True)
    parts = [p.strip() for p in value.split(",")]
    if len(parts) > 1:
        for part in parts:
            if len(part) >= 5:
                alone = part if part.isalpha() else None
                yield _folded(part), _Term(Label.ADDRESS, folded, exact=alone)


def _phone_digits(value: str) -> Iterable[str]:
    """The significant digits of a number, without country code and trunk zero where it has them."""
    digits = "".join(c for c in value.split("x")[0] if c.isdigit())
    return (digits[-9:],) if len(digits) >= 7 else ()
