"""What a query finds in the organisation."""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from everycase.domain.rows import MalformedRow, long_id
from tests.support.salesforce.organisation import Organisation, Row, Table, stamp
from tests.support.salesforce.schema import FieldType
from tests.support.salesforce.soql import BadQuery, Comparison, Condition, Joined, Negated, Query

Getter = Callable[[Row], Any]
Predicate = Callable[[Row], bool]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PEOPLE = ("User", "Group", "Contact", "Lead", "Account")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One selected field: its path as it was asked for, its type, and how a row yields it."""

    path: str
    type: str
    get: Getter


class Selection:
    """A query bound to the organisation: columns, and the rows in their order."""

    def __init__(self, organisation: Organisation, query: Query, *, with_deleted: bool) -> None:
        """Raises `BadQuery`, as Salesforce refuses a field or an object that it does not show."""
        self._organisation, self.query = organisation, query
        self.table = self._find_table(query.object)
        self.columns = [self._column(path) for path in query.fields]
        self._predicate = self._predicate_of(query, with_deleted)
        self._key = f"{with_deleted} {query}"

    def rows(self) -> list[Row]:
        """What is there now; later changes do not alter it."""
        kept = self._organisation.found
        if kept is None:
            return self._find()
        if self._key not in kept:
            kept[self._key] = self._find()
        return kept[self._key]

    def _find(self) -> list[Row]:
        with self._organisation.lock:
            self._organisation.table(self.table.type.name)
            rows: Iterable[Row] = filter(self._predicate, self._candidates())
            if self.query.order_by and not self._is_by_id:
                rows = self._sorted(list(rows))
            return list(islice(rows, self.query.limit))

    def count(self) -> int:
        return len(self.rows())

    @property
    def _is_by_id(self) -> bool:
        return self.query.order_by == (("Id", False),)

    def _find_table(self, name: str) -> Table:
        hidden = {n.lower() for n in self._organisation.hidden_objects}
        for table in self._organisation.tables.values():
            if table.type.name.lower() == name.lower() and name.lower() not in hidden:
                return table
        raise BadQuery(
            f"\n{name}\n^\nERROR at Row:1:Column:1\nsObject type '{name}' is not supported. If you are "
            "attempting to use a custom object, be sure to append the '__c' after the entity name.",
            "INVALID_TYPE",
        )

    # ── fields ───────────────────────────────────────────────────────────────────────────────────

    def _column(self, path: str) -> Column:
        kind, get = self._resolve(self.table, path)
        return Column(path=path, type=kind.type, get=get)

    def _resolve(self, table: Table, path: str) -> tuple[FieldType, Getter]:
        head, _, rest = path.partition(".")
        if not rest:
            kind = self._visible(table, head)
            at = table.place[head.lower()]
            return kind, lambda row: row[at]
        reference = next((f for f in table.type.fields if f.relationship.lower() == head.lower()), None)
        if reference is None or self._is_hidden(table, reference.name):
            raise BadQuery(
                f"\nSELECT {path}\n^\nERROR at Row:1:Column:8\nDidn't understand relationship '{head}' in "
                "field path. If you are attempting to use a custom relationship, be sure to append the "
                "'__r' after the custom relationship name.",
                "INVALID_FIELD",
            )
        return self._through(table, reference, rest)

    def _through(self, table: Table, reference: FieldType, rest: str) -> tuple[FieldType, Getter]:
        """A field of the row that a reference points to, in whichever table it stands."""
        targets = [t for n in reference.refers_to if (t := self._organisation.tables.get(n))]
        found = [(t, *self._resolve(t, rest)) for t in targets if t.type.field(rest.partition(".")[0])]
        if not found:
            raise self._no_column(rest, targets[0].type.name if targets else "Name")
        at = table.place[reference.name.lower()]

        def get(row: Row) -> Any:
            for target, _, getter in found:
                if (pointed := target.rows.get(row[at])) is not None:
                    return getter(pointed)
            return None

        return found[0][1], get

    def _visible(self, table: Table, name: str) -> FieldType:
        kind = table.type.field(name)
        if kind is None or self._is_hidden(table, kind.name):
            raise self._no_column(name, table.type.name)
        return kind

    def _is_hidden(self, table: Table, name: str) -> bool:
        return (table.type.name, name) in self._organisation.hidden_fields

    def _no_column(self, name: str, entity: str) -> BadQuery:
        return BadQuery(
            f"\nSELECT {name} FROM {entity}\n       ^\nERROR at Row:1:Column:8\nNo such column '{name}' on "
            f"entity '{entity}'. If you are attempting to use a custom field, be sure to append the '__c' "
            "after the custom field name. Please reference your WSDL or the describe call for the "
            "appropriate names.",
            "INVALID_FIELD",
        )

    # ── conditions ───────────────────────────────────────────────────────────────────────────────

    def _predicate_of(self, query: Query, with_deleted: bool) -> Predicate:
        hidden, at_id = self._organisation.hidden_rows, self.table.place["id"]
        at_deleted = self.table.place["isdeleted"]
        at_archived = self.table.place.get("isarchived")
        wanted = self._compile(query.where) if query.where else None

        def matches(row: Row) -> bool:
            if not with_deleted and (row[at_deleted] or (at_archived is not None and row[at_archived])):
                return False
            return row[at_id] not in hidden and (wanted is None or wanted(row))

        return matches

    def _compile(self, condition: Condition) -> Predicate:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        if isinstance(condition, Negated):
            inner = self._compile(condition.part)
            return lambda row: not inner(row)
        assert isinstance(condition, Joined)
        parts = [self._compile(p) for p in condition.parts]
        together = all if condition.operator == "and" else any
        return lambda row: together(p(row) for p in parts)

    def _comparison(self, c: Comparison) -> Predicate:
        kind, get = self._resolve(self.table, c.field)
        if kind.type in ("textarea", "address") or not kind.is_filterable:
            raise BadQuery(f"field '{c.field}' can not be filtered in a query call", "INVALID_FIELD")
        values = c.value if isinstance(c.value, tuple) else (c.value,)
        wanted = [_literal(kind, v, c.is_text) for v in values]
        if c.operator in ("in", "=", "!="):
            among = frozenset(wanted)
            fold = _folded if kind.type not in ("id", "reference", "datetime", "boolean") else _as_it_is
            if c.operator == "!=":
                return lambda row: fold(get(row)) not in among
            return lambda row: fold(get(row)) in among
        compare, bound = _OPERATORS[c.operator], wanted[0]
        return lambda row: (value := get(row)) is not None and compare(value, bound)

    def _candidates(self) -> Iterator[Row]:
        """Rows worth looking at, in the order of their ids where that is asked for or free."""
        low, high, among = 0, None, None
        ids = self.table.ids()
        for c in _required(self.query.where):
            if c.field.lower() != "id":
                continue
            values = c.value if isinstance(c.value, tuple) else (c.value,)
            wanted = [long_id(str(v)) for v in values]
            if c.operator in ("in", "="):
                among = sorted(set(wanted))
            elif c.operator in (">", ">="):
                cut = bisect_right if c.operator == ">" else bisect_left
                low = max(low, cut(ids, wanted[0]))
            elif c.operator in ("<", "<="):
                cut = bisect_left if c.operator == "<" else bisect_right
                high = min(high if high is not None else len(ids), cut(ids, wanted[0]))
        names = among if among is not None else islice(ids, low, high)
        rows = self.table.rows
        return (rows[i] for i in names if i in rows)

    def _sorted(self, rows: list[Row]) -> list[Row]:
        for path, descends in reversed(self.query.order_by):
            _, get = self._resolve(self.table, path)
            rows.sort(
                key=lambda r: (get(r) is not None, get(r) if get(r) is not None else ""), reverse=descends
            )
        return rows


def _required(condition: Condition | None) -> list[Comparison]:
    """Comparisons that every row must pass."""
    if isinstance(condition, Comparison):
        return [condition]
    if isinstance(condition, Joined) and condition.operator == "and":
        return [c for part in condition.parts for c in _required(part)]
    return []


def _literal(kind: FieldType, value: Any, is_text: bool) -> Any:
    """A literal as rows have it. Raises `BadQuery` where Salesforce minds how it is written."""
    if value is None:
        return None
    if kind.type == "datetime":
        if is_text:
            raise BadQuery(
                f"value of filter criterion for field '{kind.name}' must be of type dateTime and should "
                "not be enclosed in quotes",
                "INVALID_FIELD",
            )
        return _moment(str(value))
    if kind.type == "boolean":
        if not isinstance(value, bool):
            raise BadQuery(f"value of filter criterion for field '{kind.name}' must be of type boolean")
        return value
    if not isinstance(value, str) or not is_text:
        raise BadQuery(
            f"value of filter criterion for field '{kind.name}' must be of type string and should be "
            "enclosed in quotes",
            "INVALID_FIELD",
        )
    if kind.type in ("id", "reference"):
        try:
            return long_id(value)
        except MalformedRow:
            raise BadQuery(f"invalid ID field: {value}", "INVALID_QUERY_FILTER_OPERATOR") from None
    return value.lower()


def _moment(text: str) -> str:
    if len(text) == 10:
        raise BadQuery("value of filter criterion must be of type dateTime", "INVALID_FIELD")
    return stamp(datetime.fromisoformat(text).astimezone(UTC))


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _as_it_is(value: Any) -> Any:
    return value
