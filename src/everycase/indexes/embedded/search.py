"""The words' half of the embedded index's search, as SQL: which words tell, what they weigh, and filters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from everycase.domain.catalogue import Field, SourceObject
from everycase.ports import Comparison, Condition

MOST_CANDIDATES = 5000
"""About how many cases are ranked by their words: the rarest words choose them."""

_UNKNOWN_SHARE = 0.002
"""A word that is not among the common ones is rarer than they are."""

_CLASSES = 5


def telling(shares: Mapping[str, float], size: int) -> str:
    """The words that choose the candidates, as a tsquery: the rarest, while they are few enough.

    `shares`: in what share of the cases each word occurs, 0 where it is not known. `size`: cases.
    """
    chosen: list[str] = []
    expected = 0.0
    for lexeme, share in sorted(shares.items(), key=lambda s: (s[1], s[0])):
        expected += (share or _UNKNOWN_SHARE) * size
        if chosen and expected > MOST_CANDIDATES:
            break
        chosen.append(lexeme)
    return _any_of(chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An SQL expression and the values it names."""

    sql: sql.Composable
    values: Mapping[str, object]


def score(shares: Mapping[str, float]) -> Score:
    """Rank by all words of the query, each by its rarity, in a few classes of like rarity.

    `ts_rank` dampens how often a word occurs, and gives the mean over the words of a query: times
    their number, times their inverse document frequency, it adds up as BM25 does.
    """
    classes: dict[int, list[str]] = {}
    for lexeme, share in shares.items():
        rarity = math.log(1 + (1 - share) / (share or _UNKNOWN_SHARE))
        classes.setdefault(min(round(rarity), _CLASSES + 1), []).append(lexeme)
    parts: list[sql.Composable] = []
    values: dict[str, object] = {}
    for rarity, lexemes in classes.items():
        values[f"words_{rarity}"] = _any_of(lexemes)
        parts.append(
            sql.SQL("{} * ts_rank('{{0.4, 0.4, 0.4, 1.0}}', s.lexemes, {}::tsquery, 1)").format(
                sql.Literal(float(rarity * len(lexemes))), sql.Placeholder(f"words_{rarity}")
            )
        )
    return Score(sql=sql.SQL("(") + sql.SQL(" + ").join(parts) + sql.SQL(")"), values=values)


def _any_of(lexemes: Sequence[str]) -> str:
    quoted = ("'" + w.replace("\\", "\\\\").replace("'", "''") + "'" for w in lexemes)
    return " | ".join(quoted)


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
            is_list = bool(properties[condition.property][0].parent)
            parts.append(_condition(condition, sql.Placeholder(name), is_list=is_list))
        self.sql: sql.Composable = sql.SQL("").join(sql.SQL(" and ") + p for p in parts)


_OPERATORS = {
    Comparison.EQUAL: sql.SQL("="),
    Comparison.LESS: sql.SQL("<"),
    Comparison.LESS_OR_EQUAL: sql.SQL("<="),
    Comparison.GREATER: sql.SQL(">"),
    Comparison.GREATER_OR_EQUAL: sql.SQL(">="),
}


def _condition(condition: Condition, value: sql.Placeholder, *, is_list: bool) -> sql.Composable:
    column = sql.Identifier("s", condition.property)
    is_not = condition.comparison is Comparison.NOT_EQUAL
    operator = _OPERATORS[Comparison.EQUAL if is_not else condition.comparison]
    holds = sql.SQL('lower({}) collate "C" {} lower({}::text) collate "C"')
    if is_list:
        entry = holds.format(sql.Identifier("entry"), operator, value)
        test = sql.SQL("exists (select from unnest({}) as entry where {})").format(column, entry)
    else:
        test = sql.SQL("coalesce({}, false)").format(holds.format(column, operator, value))
    return sql.SQL("not {}").format(test) if is_not else test
