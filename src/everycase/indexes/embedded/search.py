"""The lists of a search in the embedded index: words by BM25, identifiers, neighbours; and filters.

Which cases are weighed is decided by the words that count most (docs/decisions/0019): the rare ones and those
that the query repeats. A long query's common words alone would bring up half of the index.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from pgvector import HalfVector
from psycopg import sql

from everycase.domain.cases import IndexObject, Vector
from everycase.domain.catalogue import Field, SourceObject
from everycase.domain.errors import DatabaseFault
from everycase.domain.identifiers import identifiers
from everycase.domain.sql_blocks import read_blocks
from everycase.indexes.bm25 import Word, choose, worth
from everycase.indexes.hybrid import SHOWN
from everycase.ports import Comparison, Condition

SQL = read_blocks("everycase.indexes.embedded", "search.sql")

MOST_CANDIDATES = 12_000
"""About how many cases are weighed by their words."""

FILTERED_CANDIDATES = 50_000
"""The same, where filters leave fewer cases than are asked for."""

LONGEST_QUERY = 20_000
"""Characters of a query that are looked for as words."""

MOST_WORDS = 2000
"""Different words of a query."""

_CODES = ("error_codes", "product_number", "case_number")
_FEW = 1000
"""A word that the lexicon lacks is counted up to here."""

MOST_COUNTED = 40
"""So many words of a query are counted; further ones of a long query are as rare as those are on average."""

SETTINGS = """
set local hnsw.ef_search = {effort};
set local hnsw.iterative_scan = strict_order;
set local enable_seqscan = off;
set local jit = off
"""
"""Of the transaction of a search; the planner takes a few thousand of a hundred thousand cases for many."""

_NO_WORD = re.compile(r"\W+")


# ── what is written for it ───────────────────────────────────────────────────────────────────────


def words_row(o: IndexObject) -> dict[str, Any]:
    """An object as it is searched by words: subject and codes count twice, as the composite has them too."""
    own = {"case_number": o.stamps.case_number, **o.properties}
    codes = [str(own[name]) for name in _CODES if own.get(name)]
    return {
        "id": o.stamps.object_id,
        "words": plain(" ".join([str(own.get("subject", "")), *codes, o.composite])),
        "identifiers": identifiers([str(own.get("subject", "")), o.composite], codes=codes),
    }


def plain(text: str) -> str:
    """Words and blanks alone, so that `java.lang.Error` is three words and not a host."""
    return _NO_WORD.sub(" ", text)


# ── words ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Term(Word):
    """A word of the query, and the place of its weight in a sparse vector."""

    place: int


def query_weights(words: Sequence[Term], size: int) -> str:
    """The query's side of BM25, as a sparsevec."""
    weights: dict[int, float] = {}
    for w in words:
        weights[w.place] = weights.get(w.place, 0.0) + worth(w, size)
    inside = ",".join(f"{place}:{weight:.6g}" for place, weight in weights.items() if weight > 0)
    return "{" + inside + "}/1000000000"


def telling(words: Sequence[Word], size: int, most: int) -> str:
    """A tsquery for about `most` cases: any of the words that count most, or several common ones together."""
    known = [w for w in words if w.cases]
    chosen = choose(known, size, most)
    if chosen or not known:
        return _any_of([[w] for w in chosen])
    return _together(sorted(known, key=lambda w: (w.cases, w.lexeme))[:6], size, most)


def _together(words: Sequence[Word], size: int, most: int) -> str:
    """Cases with any two, three … of some common words: so many together that they are few enough."""
    for many in range(2, len(words) + 1):
        groups = list(itertools.combinations(words, many))
        expected = sum(size * math.prod(w.cases / size for w in group) for group in groups)
        if expected <= most:
            return _any_of(groups)
    return _any_of([tuple(words)])


def _any_of(groups: Sequence[Sequence[Word]]) -> str:
    return " | ".join("(" + " & ".join(quoted(w.lexeme) for w in group) + ")" for group in groups)


def quoted(lexeme: str) -> str:
    """A lexeme as it stands in a tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """How common words are, as the planner's statistics say: asked once for many queries."""

    shares: Mapping[str, float]
    size: int


def read_lexicon(conn: psycopg.Connection[Any]) -> Lexicon:
    """The statistics; made anew where the index has more than doubled since they were made."""
    size, changed = conn.execute(SQL["size"]).fetchone() or (0, 0)
    if changed > size or not size:
        _analyse(conn)
        size, _ = conn.execute(SQL["size"]).fetchone() or (0, 0)
    return Lexicon(shares=dict(conn.execute(SQL["lexicon"]).fetchall()), size=size)


def _analyse(conn: psycopg.Connection[Any]) -> None:
    """Without statistics, on a standby that takes none, every word counts as rare."""
    with contextlib.suppress(DatabaseFault), conn.transaction():
        conn.execute("analyze vector_index.case_words")


# ── the lists ────────────────────────────────────────────────────────────────────────────────────


class EmbeddedLists:
    """Implements `hybrid.Lists` in one transaction."""

    def __init__(
        self, conn: psycopg.Connection[Any], chosen: Filter, lexicon: Lexicon, tables: Mapping[str, str]
    ) -> None:
        self._conn, self._chosen, self._lexicon, self._tables = conn, chosen, lexicon, tables
        self._joined = sql.SQL("join vector_index.support_case s on s.id = w.id" if chosen.values else "")

    def by_words(self, text: str, depth: int) -> dict[UUID, float]:
        words = self._words(text)
        found = self._weigh(words, MOST_CANDIDATES, depth)
        if self._chosen.values and len(found) < depth:  # the filters left too few of them
            found = self._weigh(words, FILTERED_CANDIDATES, depth)
        return found

    def _weigh(self, words: Sequence[Term], most: int, depth: int) -> dict[UUID, float]:
        """The best of about `most` cases."""
        expression = telling(words, self._lexicon.size, most)
        if not expression:
            return {}
        query = query_weights(words, self._lexicon.size)
        given = {"query": query, "telling": expression, "most": 2 * max(most, depth), "limit": depth}
        return {i: score for i, score in self._run("lexical", given) if score > 0}

    def _words(self, text: str) -> list[Term]:
        rows = self._conn.execute(SQL["words"], {"text": plain(text[:LONGEST_QUERY])}).fetchall()[:MOST_WORDS]
        known, size = self._lexicon.shares, self._lexicon.size
        cases = self._count([lexeme for lexeme, _, _ in rows if lexeme not in known])
        usual = sum(cases.values()) / len(cases) if cases else 0.0
        cases |= {lexeme: known[lexeme] * size for lexeme, _, _ in rows if lexeme in known}
        return [
            Term(lexeme=lexeme, times=times, place=place, cases=cases.get(lexeme, usual))
            for lexeme, times, place in rows
        ]

    def _count(self, unknown: Sequence[str]) -> dict[str, float]:
        """In how many cases words occur that the lexicon does not have."""
        terms = {quoted(lexeme): lexeme for lexeme in unknown[:MOST_COUNTED]}
        rows = self._conn.execute(SQL["occurrences"], {"terms": list(terms), "most": _FEW})
        return {terms[term]: float(n) for term, n in rows}

    def by_identifiers(self, wanted: Sequence[str], depth: int) -> dict[UUID, Sequence[str]]:
        return dict(self._run("identified", {"identifiers": list(wanted), "limit": depth}))

    def by_meaning(self, space: str, vector: Vector, depth: int) -> dict[UUID, float]:
        if space not in self._tables:
            return {}
        name = "nearest_filtered" if self._chosen.values else "nearest"
        table = sql.Identifier("vector_index", self._tables[space])
        given = {"vector": HalfVector(vector), "limit": depth}
        return dict(self._run(name, given, table=table))

    def shown(self, ids: Sequence[UUID]) -> dict[UUID, Mapping[str, str]]:
        columns = sql.SQL(", ").join(map(sql.Identifier, SHOWN))
        rows = self._run("shown", {"ids": list(ids)}, columns=columns)
        return {r[0]: dict(zip(SHOWN, (v or "" for v in r[1:]), strict=True)) for r in rows}

    def texts(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        return dict(self._run("texts", {"ids": list(ids)}))

    def _run(self, name: str, given: Mapping[str, object], **parts: sql.Composable) -> list[Any]:
        statement = sql.SQL(SQL[name]).format(conditions=self._chosen.sql, joined=self._joined, **parts)
        return self._conn.execute(statement, {**given, **self._chosen.values}).fetchall()


# ── filters ──────────────────────────────────────────────────────────────────────────────────────


class Filter:
    """Conditions as SQL: equality without regard to case, a list matches when any entry does."""

    def __init__(
        self, where: Sequence[Condition], properties: Mapping[str, tuple[SourceObject, Field]]
    ) -> None:
        self.values: dict[str, object] = {}
        parts: list[sql.Composable] = []
        for i, condition in enumerate(where):
            name = f"where_{i}"
            self.values[name] = condition.value
            if condition.until:
                self.values[f"{name}_until"] = condition.until
            is_list = bool(properties[condition.property][0].parent)
            parts.append(_condition(condition, name, is_list=is_list))
        self.sql: sql.Composable = sql.SQL("").join(sql.SQL(" and ") + p for p in parts)


_OPERATORS = {
    Comparison.EQUAL: sql.SQL("="),
    Comparison.LESS: sql.SQL("<"),
    Comparison.LESS_OR_EQUAL: sql.SQL("<="),
    Comparison.GREATER: sql.SQL(">"),
    Comparison.GREATER_OR_EQUAL: sql.SQL(">="),
}


def _condition(condition: Condition, name: str, *, is_list: bool) -> sql.Composable:
    column = sql.Identifier("s", condition.property)
    if is_list:
        holds = _holds(condition, sql.Identifier("entry"), name)
        test = sql.SQL("exists (select from unnest({}) as entry where {})").format(column, holds)
    else:
        test = sql.SQL("coalesce({}, false)").format(_holds(condition, column, name))
    return sql.SQL("not {}").format(test) if condition.comparison is Comparison.NOT_EQUAL else test


def _holds(condition: Condition, column: sql.Identifier, name: str) -> sql.Composable:
    compared = sql.SQL('(lower({}) collate "C" {} lower({}::text) collate "C")')
    if condition.until:
        begins = compared.format(column, sql.SQL(">="), sql.Placeholder(name))
        ends = compared.format(column, sql.SQL("<"), sql.Placeholder(f"{name}_until"))
        return sql.SQL("({} and {})").format(begins, ends)
    is_not = condition.comparison is Comparison.NOT_EQUAL
    operator = _OPERATORS[Comparison.EQUAL if is_not else condition.comparison]
    return compared.format(column, operator, sql.Placeholder(name))
