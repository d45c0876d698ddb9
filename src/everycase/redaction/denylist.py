"""The record knows the names: a deny-list for each case, from its own identity columns (contract §6).

Built once a case, searched by Aho-Corasick in a folded shadow of the text. The whole value of a column
goes wherever it stands as a word or words; what is derived from it (a surname, a login) under the
caution that its rule names.

Degenerate values: `Unknown`, `n/a` and the like name nobody; values of one or two letters (`US`, `Li`)
count only in a name context; a number of up to five digits (a postal code, an extension) gives way to a
technical token that has the same digits. Anything else is masked as it stands, product word or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from everycase.domain.cases import JoinedCase
from everycase.domain.catalogue import Catalogue, IdentityKind
from everycase.redaction.lexicon import LEGAL_FORMS, NAMES_THAT_ARE_WORDS, NOBODY, PUBLIC_DOMAINS, ROLES
from everycase.redaction.matching import is_bounded
from everycase.redaction.sanitise import sanitise
from everycase.redaction.shadow import fold, shadow
from everycase.redaction.spans import Label, Span

_PIECES = re.compile(r"[;\n]")
_ADDRESS = re.compile(r"[^\s<>\"',;:()\[\]]+@[^\s<>\"',;:()\[\]]+")
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_INSIDE = 5
"""From this length on a whole name gives away the longer word that it stands in."""
_FEW_DIGITS = 5
_NAME_SIGNS = ("@", "~", "/home/", "/users/", "\\")
"""What a login name stands behind; folded."""
_NAME_WORDS = frozenset(
    "mr mrs ms miss dr prof herr frau hi hello hey dear thanks thx cheers regards by cc attn".split()
)


class _Rule(Enum):
    """Where a term counts. All but `WHOLE` ask for word boundaries."""

    WHOLE = auto()
    """The value of a column: in any letters, and within a longer word from `_INSIDE` letters on."""
    ANY = auto()
    """In any letters."""
    NAME = auto()
    """With a capital, or behind a sign that a login name stands behind."""
    CONTEXT = auto()
    """A name that is also a word: behind a title, a greeting or such a sign."""


@dataclass(frozen=True, slots=True)
class _Term:
    """What a folded text means when it is found."""

    label: Label
    key: str
    rule: _Rule
    value: str = ""
    """Of a whole value: as the column has it, for the residual scan."""

    @property
    def is_few_digits(self) -> bool:
        return self.key.isdigit() and len(self.key) <= _FEW_DIGITS


class DenyList:
    """Every name, company, address, phone and mail of one case, in the forms in which texts have them."""

    def __init__(self, case: JoinedCase, catalogue: Catalogue) -> None:
        self.terms: dict[str, _Term] = {}
        phones: set[str] = set()
        for kind, value in identities(case, catalogue):
            if kind is IdentityKind.PHONE:
                phones |= set(_phone_digits(value))
            for text, term in _terms_of(kind, value):
                known = self.terms.get(text)
                if known is None or term.rule.value < known.rule.value:
                    self.terms[text] = term
        self.phones = frozenset(phones)
        self._texts = list(self.terms)
        self._automaton = _automaton(self._texts) if self._texts else None

    @property
    def whole(self) -> dict[str, Label]:
        """The identity values as they stand, sanitised: none of them may be left anywhere."""
        return {t.value: t.label for t in self.terms.values() if t.rule is _Rule.WHOLE}

    def find(self, text: str) -> Iterator[Span]:
        """Linear in the text and the hits."""
        if self._automaton is None:
            return
        folded = shadow(text)
        reach = 0
        for which, start, end in self._automaton.find_matches_as_indexes(folded.text, overlapping=True):
            term = self.terms[self._texts[which]]
            first, last = folded.original(start), folded.original(end - 1) + 1
            if is_bounded(text, first, last):
                if _counts(term, text, first):
                    yield Span(first, last, term.label, term.key, is_known=not term.is_few_digits)
            elif last > reach and _is_telling(term, self._texts[which]):
                first, reach = _whole_word(text, first, last, reach)
                yield Span(first, reach, term.label, term.key, is_known=True)


def _automaton(texts: list[str]) -> AhoCorasick:
    """It searches the texts of one case and is thrown away: what is quick to build beats what is quick to run."""
    return AhoCorasick(texts, matchkind=MatchKind.Standard, implementation=Implementation.NoncontiguousNFA)


def _counts(term: _Term, text: str, first: int) -> bool:
    """Whether a bounded hit at `first` is the name, by the rule of its term."""
    if term.rule in (_Rule.WHOLE, _Rule.ANY):
        return True
    if term.rule is _Rule.NAME and text[first].isupper():
        return True
    before = text[max(0, first - 12) : first].lower()
    if before.endswith(_NAME_SIGNS):
        return True
    words = _WORD.findall(before)
    return (
        term.rule is _Rule.CONTEXT
        and text[first].isupper()
        and bool(words)
        and words[-1] in _NAME_WORDS
        and before.rstrip(" .,").endswith(words[-1])
    )


def _is_telling(term: _Term, found: str) -> bool:
    return (
        term.rule is _Rule.WHOLE
        and term.label is not Label.ADDRESS
        and len(found) >= _INSIDE
        and not found.isdigit()
        and found not in NAMES_THAT_ARE_WORDS
    )


def _whole_word(text: str, start: int, end: int, floor: int) -> tuple[int, int]:
    """A whole identity value inside a longer word (`lovelace` in `lovelace42`) gives that word away."""
    while start > floor and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return start, end


def identities(case: JoinedCase, catalogue: Catalogue) -> Iterator[tuple[IdentityKind, str]]:
    """Each identity value of the case and its children once, as the column has it."""
    seen: set[tuple[IdentityKind, str]] = set()
    kinds: Mapping[str, Mapping[str, IdentityKind]] = {
        o.name: {c.name: c.kind for c in o.identity} for o in catalogue.objects
    }
    for record in case.records():
        for column, value in record.identity.items():
            found = (kinds[record.object].get(column, IdentityKind.PERSON), value)
            if found not in seen:
                seen.add(found)
                yield found


@lru_cache(maxsize=20_000)
def _terms_of(kind: IdentityKind, value: str) -> tuple[tuple[str, _Term], ...]:
    """People come again from case to case."""
    pieces = (p.strip(" \t,") for p in _PIECES.split(sanitise(value)))
    return tuple(t for piece in pieces if piece for t in _terms(kind, piece) if t[0])


def _terms(kind: IdentityKind, value: str) -> Iterator[tuple[str, _Term]]:
    """The folded forms of one identity value, which may be a list of addresses."""
    last = 0
    for mail in _ADDRESS.finditer(value):
        yield from _mail_terms(mail[0])
        yield from _people(value[last : mail.start()])
        last = mail.end()
    rest = value[last:]
    if last or kind in (IdentityKind.PERSON, IdentityKind.EMAIL):
        yield from _people(rest)
    elif kind is IdentityKind.COMPANY:
        yield from _company_terms(rest)
    elif kind is IdentityKind.ADDRESS:
        yield from _address_terms(rest)
    else:
        digits = "".join(_phone_digits(rest))
        yield from _whole(rest, Label.PHONE, digits or None)


def _folded(value: str) -> str:
    return _SPACE.sub(" ", fold(value)).strip()


def _whole(value: str, label: Label, key: str | None = None) -> Iterator[tuple[str, _Term]]:
    """The value as it stands. One or two letters are too few to go wherever they stand."""
    folded = _folded(value)
    if folded in NOBODY or not any(c.isalnum() for c in folded):
        return
    few = 4 if folded.isdigit() else 3
    if len(folded) >= few:
        yield folded, _Term(label, key or folded, _Rule.WHOLE, value)
    elif label is Label.PERSON and len(folded) == 2:
        yield folded, _Term(label, folded, _Rule.CONTEXT)


def _people(value: str) -> Iterator[tuple[str, _Term]]:
    """One person, or several between commas; `Lovelace, Ada` is one."""
    name = _SPACE.sub(" ", value).strip(" \"'<>()[],")
    if not name:
        return
    parts = [p for p in (p.strip(" \"'<>()[]") for p in name.split(",")) if p]
    yield from _whole(name, Label.PERSON)
    if len(parts) > 2 or (len(parts) == 2 and all(" " in p for p in parts)):
        for part in parts:
            yield from _person_terms(part)
    elif len(parts) == 2:
        yield from _forms(f"{parts[1]} {parts[0]}", _folded(name))
    else:
        yield from _person_terms(name)


def _person_terms(name: str) -> Iterator[tuple[str, _Term]]:
    key = _folded(name)
    if key in NOBODY:
        return
    yield from _whole(name, Label.PERSON)
    yield from _forms(name, key)
    plain = name.translate(_UMLAUTS)
    if plain != name:
        yield from _forms(plain, key)


def _forms(name: str, key: str) -> Iterator[tuple[str, _Term]]:
    """`Ada Lovelace`: "Lovelace, Ada", "A. Lovelace", alovelace, ada.lovelace, and either on its own."""
    words = _WORD.findall(name)
    if len(words) < 2:
        return
    person = _Term(Label.PERSON, key, _Rule.ANY)
    folded = [fold(w) for w in words]
    first, last = folded[0], folded[-1]
    yield " ".join(folded), _Term(Label.PERSON, key, _Rule.WHOLE, " ".join(words))
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
    for low in folded:
        yield from _token(low, Label.PERSON, key)


def _token(low: str, label: Label, key: str) -> Iterator[tuple[str, _Term]]:
    """One word of a name on its own: a name where it is written like one."""
    if len(low) >= 3:
        yield low, _Term(label, key, _Rule.CONTEXT if low in NAMES_THAT_ARE_WORDS else _Rule.NAME)


def _mail_terms(mail: str) -> Iterator[tuple[str, _Term]]:
    mail = mail.strip(".'\"")
    folded = _folded(mail)
    name, _, domain = folded.partition("@")
    yield folded, _Term(Label.EMAIL, folded, _Rule.WHOLE, mail)
    if len(name) >= 3 and name not in ROLES and not name.isdigit():
        is_word = name in NAMES_THAT_ARE_WORDS
        yield name, _Term(Label.PERSON, name, _Rule.CONTEXT if is_word else _Rule.ANY)
        words = name.replace("_", ".").replace("-", ".").split(".")
        if len(words) == 2 and all(w.isalpha() and len(w) >= 3 and w not in ROLES for w in words):
            for low in words:
                yield from _token(low, Label.PERSON, name)
            yield " ".join(words), _Term(Label.PERSON, name, _Rule.ANY)
    if "." in domain and domain not in PUBLIC_DOMAINS:
        yield domain, _Term(Label.COMPANY, domain, _Rule.ANY)


def _company_terms(value: str) -> Iterator[tuple[str, _Term]]:
    folded = _folded(value)
    if folded in NOBODY:
        return
    yield from _whole(value, Label.COMPANY)
    words = _WORD.findall(value)
    bare = list(words)
    while len(bare) > 1 and fold(bare[-1]) in LEGAL_FORMS:
        bare.pop()
    if len(bare) == 1:
        yield from _token(fold(bare[0]), Label.COMPANY, folded)
    elif len(bare) > 1:
        end = value.rindex(bare[-1]) + len(bare[-1])
        yield _folded(value[:end]), _Term(Label.COMPANY, folded, _Rule.ANY)


def _address_terms(value: str) -> Iterator[tuple[str, _Term]]:
    folded = _folded(value)
    yield from _whole(value, Label.ADDRESS)
    parts = [p.strip() for p in value.split(",")]
    if len(parts) > 1:
        for part in parts:
            if len(part) >= 5:
                rule = _Rule.NAME if part.isalpha() else _Rule.ANY
                yield _folded(part), _Term(Label.ADDRESS, folded, rule)


def _phone_digits(value: str) -> Iterable[str]:
    """The significant digits of a number, without country code and trunk zero where it has them."""
    digits = "".join(c for c in value.split("x")[0] if c.isdigit())
    return (digits[-9:],) if len(digits) >= 7 else ()
