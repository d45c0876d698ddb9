"""The subset of SOQL that the stand-in understands, as strict as Salesforce where that is known.

`SELECT fields | count() FROM object [WHERE …] [ORDER BY …] [LIMIT n]`, with `= != < <= > >= IN NOT IN`,
AND, OR, NOT and brackets. AND and OR do not mix without brackets; datetimes stand without quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

Literal = str | bool | float | None


class BadQuery(Exception):
    """A query that Salesforce would refuse, with the code and message it would give."""

    def __init__(self, message: str, code: str = "MALFORMED_QUERY") -> None:
        super().__init__(message)
        self.message, self.code = message, code


@dataclass(frozen=True, slots=True)
class Comparison:
    field: str
    operator: str
    value: Literal | tuple[Literal, ...]
    is_text: bool
    """Whether the value was written in quotes."""


@dataclass(frozen=True, slots=True)
class Joined:
    operator: str
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    part: Condition


Condition: TypeAlias = Comparison | Joined | Negated


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    fields: tuple[str, ...]
    object: str
    where: Condition | None = None
    order_by: tuple[tuple[str, bool], ...] = ()
    """Field, and whether it descends."""
    limit: int | None = None
    is_count: bool = False


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    | (?P<day>\d{4}-\d\d-\d\d)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_][\w.]*)
    | (?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_RESERVED = {"and", "or", "not", "in", "from", "where", "order", "limit", "select"}


def parse(soql: str) -> Query:
    """The query that a text spells. Raises `BadQuery`."""
    if len(soql) > 100_000:
        raise BadQuery("SOQL statements cannot be longer than 100000 characters.", "QUERY_TOO_COMPLICATED")
    return _Parser(soql).query()


class _Parser:
    def __init__(self, soql: str) -> None:
        self._tokens = list(_tokens(soql))
        self._at = 0

    def query(self) -> Query:
        self._expect("select")
        fields, is_count = self._fields()
        self._expect("from")
        name = self._name()
        where = self._condition() if self._takes("where") else None
        order_by = self._order() if self._takes("order") else ()
        limit = int(self._next("number")) if self._takes("limit") else None
        if self._at < len(self._tokens):
            raise BadQuery(f"unexpected token: '{self._tokens[self._at][1]}'")
        return Query(
            fields=fields, object=name, where=where, order_by=order_by, limit=limit, is_count=is_count
        )

    def _fields(self) -> tuple[tuple[str, ...], bool]:
        first = self._name()
        if first.lower() == "count" and self._takes("("):
            self._expect(")")
            return (), True
        fields = [first]
        while self._takes(","):
            fields.append(self._name())
        lowered = [f.lower() for f in fields]
        if len(set(lowered)) < len(lowered):
            twice = next(f for f in fields if lowered.count(f.lower()) > 1)
            raise BadQuery(f"duplicate field selected: {twice}")
        return tuple(fields), False

    def _order(self) -> tuple[tuple[str, bool], ...]:
        self._expect("by")
        found = [self._order_of_one()]
        while self._takes(","):
            found.append(self._order_of_one())
        return tuple(found)

    def _order_of_one(self) -> tuple[str, bool]:
        name = self._name()
        descends = self._takes("desc")
        if not descends:
            self._takes("asc")
        return name, descends

    def _condition(self) -> Condition:
        parts = [self._term()]
        operator = ""
        while (word := self._peek()) in ("and", "or"):
            if operator and word != operator:
                raise BadQuery(f"unexpected token: '{word}'")
            operator = word
            self._at += 1
            parts.append(self._term())
        return Joined(operator, tuple(parts)) if operator else parts[0]

    def _term(self) -> Condition:
        if self._takes("not"):
            return Negated(self._term())
        if self._takes("("):
            inner = self._condition()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        field = self._name()
        is_negated = self._takes("not")
        if is_negated or self._peek() == "in":
            self._expect("in")
            values, is_text = self._list()
            found = Comparison(field, "in", values, is_text)
            return Negated(found) if is_negated else found
        sign = self._next("sign")
        if sign in ("(", ")", ","):
            raise BadQuery(f"unexpected token: '{sign}'")
        value, is_text = self._literal()
        return Comparison(field, "!=" if sign == "<>" else sign, value, is_text)

    def _list(self) -> tuple[tuple[Literal, ...], bool]:
        self._expect("(")
        values = [self._literal()]
        while self._takes(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(v for v, _ in values), any(t for _, t in values)

    def _literal(self) -> tuple[Literal, bool]:
        if self._at >= len(self._tokens):
            raise BadQuery("unexpected token: '<EOF>'")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "text":
            return _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1]), True
        if kind in ("moment", "day"):
            return text, False
        if kind == "number":
            return float(text), False
        if kind == "word" and text.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text.lower()], False
        raise BadQuery(f"unexpected token: '{text}'")

    def _peek(self) -> str:
        return self._tokens[self._at][1].lower() if self._at < len(self._tokens) else ""

    def _takes(self, word: str) -> bool:
        if self._peek() != word or self._tokens[self._at][0] == "text":
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._takes(word):
            raise BadQuery(f"unexpected token: '{self._peek() or '<EOF>'}', expecting '{word}'")

    def _next(self, kind: str) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != kind:
            raise BadQuery(f"unexpected token: '{self._peek() or '<EOF>'}'")
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _name(self) -> str:
        found = self._next("word")
        if found.lower() in _RESERVED:
            raise BadQuery(f"unexpected token: '{found}'")
        return found


def _tokens(soql: str) -> list[tuple[str, str]]:
    found, at = [], 0
    stripped = soql.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None or match.lastgroup is None:
            raise BadQuery(f"unexpected token: '{stripped[at : at + 10]}'")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found
