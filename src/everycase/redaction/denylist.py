"""The record knows the names: a deny list for each case, from its own identity columns (contract §6).

Built once a case, searched by Aho-Corasick in a folded shadow of the text. The whole value of a column
goes wherever it stands as a word or words; what is derived from it (a surname, a login) under the
caution that its rule names (`forms.Rule`).

Degenerate values: `Unknown`, `n/a` and the like name nobody; values of one or two letters (`US`, `Li`)
count only in a name context; a number of up to five digits (a postal code, an extension) gives way to a
technical token that has the same digits. Anything else is masked as it stands, product word or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from everycase.domain.cases import JoinedCase
from everycase.domain.catalogue import Catalogue, IdentityKind
from everycase.redaction.forms import forms_of
from everycase.redaction.ownphones import OwnPhones
from everycase.redaction.shadow import Shown
from everycase.redaction.spans import Label, Span
from everycase.redaction.terms import Form, Rule
from everycase.redaction.words import words

_INSIDE = 5
"""From this length on a whole name gives away the longer word that it stands in."""
_MOST_TERMS = 20_000
_SIGNS = ("@", "~", "/home/", "/users/", "\\", "user=", "user ", "login ", "u-")
"""What a login name stands behind; folded."""
_TITLES = frozenset(
    "mr mrs ms miss dr prof herr herrn frau hi hello hey dear thanks thx cheers regards by cc attn hallo liebe lieber bonjour hola "
    "ciao senor senora monsieur madame mme sir from to with contact engineer technician techniker customer caller ask asked".split()
)
_BEHIND = re.compile(r"(\w+)[.,:]?[ ]{1,2}\Z")
_VERB = re.compile(
    r"[ ]{1,2}(?:\w+ed|is|was|has|had|said|says|went|found|sent|sends|wrote|told|called|can|could|will|would|did|does|"
    r"got|gave|took|made|saw|left|ran|came|thinks|wants|needs|and i|from|just|already|also)\b"
)
_JOINED = re.compile(r"[ ,._'’\-]{1,3}\Z")
_INITIAL_BEFORE = re.compile(r"(?<![a-z0-9])([a-z])(?:\.[ ]?|[ _\-])\Z")
_INITIAL_AFTER = re.compile(r"(?:,?[ ]|[._\-])([a-z])\.?(?![a-z0-9])")
_OWNED = re.compile(r"(?:['’]?s)(?![^\W\d_])|['’](?!\w)")


class _Hit(NamedTuple):
    """A form at a place of the folded text."""

    form: Form
    start: int
    end: int
    counts: bool


class DenyList:
    """Every name, company, address, phone and mail of one case, in the forms in which texts have them."""

    def __init__(
        self,
        case: JoinedCase,
        catalogue: Catalogue,
        extra: Sequence[tuple[str, Form]] = (),
        allowed: frozenset[str] = frozenset(),
    ) -> None:
        self.forms: dict[str, Form] = {}
        phones: list[str] = []
        for kind, value in identities(case, catalogue):
            if kind is IdentityKind.PHONE:
                phones.append(value)
            for text, form in forms_of(kind, value):
                self._add(text, form, allowed)
        for text, form in extra:
            self._add(text, form, allowed)
        self.phones = OwnPhones(phones)
        self._texts = list(self.forms)
        self._automaton = _automaton(self._texts) if self._texts else None

    def _add(self, text: str, form: Form, allowed: frozenset[str]) -> None:
        known = self.forms.get(text)
        if (
            text not in allowed
            and (known is None or form.rule < known.rule)
            and len(self.forms) < _MOST_TERMS
        ):
            self.forms[text] = form

    @property
    def whole(self) -> dict[str, Label]:
        """The identity values as they stand, sanitised: none of them may be left anywhere."""
        return {f.value: f.label for f in self.forms.values() if f.value}

    def find(self, text: str, shadow: Shown) -> Iterator[Span]:
        """Linear in the text and the hits. `shadow`: the text folded."""
        yield from self.phones.find(text)
        if self._automaton is None:
            return
        for hit in _with_neighbours(list(self._hits(text, shadow)), shadow.text):
            start, end = _with_initials(hit, shadow.text)
            first, last = shadow.start(start), shadow.end(end)
            yield Span(
                first,
                last,
                hit.form.label,
                hit.form.key,
                "identity column",
                is_known=not hit.form.is_few_digits,
            )

    def _hits(self, text: str, shadow: Shown) -> Iterator[_Hit]:
        assert self._automaton is not None
        low = shadow.text
        reach = 0
        for which, start, end in self._automaton.find_matches_as_indexes(low, overlapping=True):
            form = self.forms[self._texts[which]]
            if form.rule is Rule.INNER:
                yield _Hit(form, start, end, counts=True)
            elif (stop := _bounded_end(low, start, end)) >= 0:
                start = _with_clitics(low, start)
                yield _Hit(form, start, stop, _counts(form, text, low, shadow.start(start), start, stop))
            elif end > reach and _is_telling(form, self._texts[which]):
                start, reach = _whole_word(low, start, end, reach)
                yield _Hit(form, start, reach, counts=True)


def _bounded_end(low: str, start: int, end: int) -> int:
    """Where a word of its own ends: with a possessive, a number behind a login; -1 if it is part of another."""
    if start and low[start - 1].isalnum() and low[start].isalnum() and not _is_clitic(low, start):
        return -1
    if end >= len(low) or not low[end].isalnum() or not low[end - 1].isalnum():
        return end
    if low[end - 1].isdigit() and low[end].isdigit():
        return -1
    stop = end
    while stop < len(low) and low[stop].isdigit() and stop - end < 5:
        stop += 1
    if stop > end and (stop == len(low) or not low[stop].isalnum()):
        return stop
    if end - start >= 4 and (owned := _OWNED.match(low, end)):
        return end if "'" in owned[0] or "’" in owned[0] else owned.end()
    return _inflected_end(low, start, end)


def _is_clitic(low: str, start: int) -> bool:
    """Arabic and Hebrew write `and`, `by`, `for` and the article at the front of a word."""
    if not "\u0590" <= low[start] <= "\u08ff":
        return False
    first = start
    while first and low[first - 1].isalnum() and start - first < 4:
        first -= 1
    return start - first < 4 and all(c in "وفبلكهال" or c in "והבכלמש" for c in low[first:start])


def _with_clitics(low: str, start: int) -> int:
    while start and low[start - 1].isalnum():
        start -= 1
    return start


def _inflected_end(low: str, start: int, end: int) -> int:
    """Where a Cyrillic name with its ending ends (Иванову); -1 for any other word."""
    if not ("\u0400" <= low[start] <= "\u04ff" and end - start >= 4):
        return -1
    stop = end
    while stop < len(low) and low[stop].isalpha():
        stop += 1
    return stop if stop - end <= 3 else -1


def _counts(form: Form, text: str, low: str, place: int, start: int, end: int) -> bool:
    """Whether the word is a name, by the rule of its form."""
    if form.rule <= Rule.ANY:
        return True
    first = text[place]
    if form.rule is Rule.CAPITAL and (first.isupper() or not first.isalpha()):
        return True
    before = low[max(0, start - 24) : start]
    if before.endswith(_SIGNS):
        return True
    behind = _BEHIND.search(before)
    word = behind[1] if behind else ""
    if form.rule is not Rule.WORD or not first.isupper():
        return word in _TITLES and not (
            form.rule is Rule.CONTEXT and not first.isupper() and len(low[start:end]) < 3
        )
    initial = _INITIAL_BEFORE.search(low, max(0, start - 4), start) or _INITIAL_AFTER.match(low, end)
    if initial and initial[1] in _initials(form.key):
        return True
    if word in _TITLES or _VERB.match(low, end):
        return True
    return (
        bool(behind)
        and before.rstrip(" ")[-1:] not in ".:"
        and text[place - 2 : place - 1].islower()
        and not text[place + 1 : place + 2].isupper()
    )


def _with_neighbours(hits: list[_Hit], low: str) -> Iterator[_Hit]:
    """Hits that count; those beside another part of the same name (`li na`, `mark price`) as one with it."""
    hits.sort(key=lambda h: (h.start, h.end))
    last: _Hit | None = None
    joined: _Hit | None = None
    for hit in hits:
        is_beside = last is not None and last.form.key == hit.form.key and 0 < hit.start - last.end <= 3
        if is_beside and last is not None and _is_joined(last, hit, low):
            if joined and joined.end != last.end:
                yield joined
            first = joined if joined and joined.end == last.end else last
            joined = _Hit(hit.form, first.start, hit.end, counts=True)
        elif hit.counts:
            yield hit
        if last is None or hit.end >= last.end:
            last = hit
    if joined:
        yield joined


def _is_joined(last: _Hit, hit: _Hit, low: str) -> bool:
    """Two parts of one name with a sign between them; `support team` is none, whoever is called so."""
    if hit.form.key == low[hit.start : hit.end] or not _JOINED.match(low[last.end : hit.start]):
        return False
    if last.counts or hit.counts:
        return True
    return not all(h.form.rule is Rule.CONTEXT and h.end - h.start > 2 for h in (last, hit))


def _with_initials(hit: _Hit, low: str) -> tuple[int, int]:
    """With the initial that stands before or behind: `A. Lovelace`, `a.lovelace`, `Lovelace, A.`."""
    start, end = hit.start, hit.end
    if hit.form.label is not Label.PERSON or hit.form.rule is Rule.INNER:
        return start, end
    initials = _initials(hit.form.key)
    before = _INITIAL_BEFORE.search(low, max(0, start - 4), start)
    if before and before[1] in initials:
        start = before.start()
    after = _INITIAL_AFTER.match(low, end)
    if after and after[1] in initials and after[1] not in ("a", "i"):
        end = after.end()
    return start, end


@lru_cache(maxsize=1024)
def _initials(key: str) -> frozenset[str]:
    return frozenset(word[0] for word in key.split())


def _is_telling(form: Form, found: str) -> bool:
    return (
        form.rule is Rule.WHOLE
        and form.label is not Label.ADDRESS
        and len(found) >= _INSIDE
        and not found.isdigit()
        and found not in words("name_words")
        and found not in words("tech_words")
    )


def _whole_word(low: str, start: int, end: int, floor: int) -> tuple[int, int]:
    """A whole identity value inside a longer word (`lovelace` in `lovelace42`) gives that word away."""
    while start > floor and low[start - 1].isalnum():
        start -= 1
    while end < len(low) and low[end].isalnum():
        end += 1
    return start, end


def identities(case: JoinedCase, catalogue: Catalogue) -> Iterator[tuple[IdentityKind, str]]:
    """Each identity value of the case and its children once, as the column has it."""
    seen: set[tuple[IdentityKind, str]] = set()
    kinds: Mapping[str, Mapping[str, IdentityKind]] = _identity_kinds(catalogue)
    for record in case.records():
        for column, value in record.identity.items():
            found = (kinds[record.object].get(column, IdentityKind.PERSON), value)
            if found not in seen:
                seen.add(found)
                yield found


def _identity_kinds(catalogue: Catalogue) -> Mapping[str, Mapping[str, IdentityKind]]:
    return {o.name: {c.name: c.kind for c in o.identity} for o in catalogue.objects}


def _automaton(texts: Sequence[str]) -> AhoCorasick:
    """It searches the texts of one case and is thrown away: what is quick to build beats what is quick to run."""
    return AhoCorasick(texts, matchkind=MatchKind.Standard, implementation=Implementation.NoncontiguousNFA)
