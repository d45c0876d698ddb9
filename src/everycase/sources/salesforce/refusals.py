"""Columns that Salesforce describes and refuses to read: found by asking once, and left out from then on."""

from __future__ import annotations

from collections.abc import Sequence

from everycase.ports import ReadState
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.columns import Columns
from everycase.sources.salesforce.describe import Descriptions
from everycase.sources.salesforce.errors import QueryRefused, ReadFailure
from everycase.sources.salesforce.rest import RestQueries

_CODES = frozenset({"INVALID_FIELD", "MALFORMED_QUERY", "INVALID_TYPE"})


class RefusedColumns:
    """Remembers what was refused of each object, until its description changes."""

    def __init__(self, rest: RestQueries, descriptions: Descriptions, state: ReadState) -> None:
        self._rest, self._descriptions, self._state = rest, descriptions, state

    def leave_out(self, columns: Columns) -> Columns:
        """The columns that can be read. Asks only where the object is described anew."""
        name = columns.object.name
        key = f"refused:{name}"
        if name in self._descriptions.changed:
            try:
                self._state.put(key, {"paths": self._find(columns)})
            except ReadFailure:  # the read itself will say what is wrong; the question is put again
                return columns
            self._descriptions.changed.discard(name)
        kept = self._state.get(key)
        return columns.without(kept["paths"]) if kept and kept["paths"] else columns

    def _find(self, columns: Columns) -> list[str]:
        """Raises `QueryRefused` where it is not a column that is refused."""
        refused: list[str] = []
        while (refusal := self._ask(columns.without(refused).paths, columns)) is not None:
            suspects = columns.without(refused).named(refusal.name)
            guilty = [p for p in suspects if self._ask(["Id", p], columns) is not None]
            if not guilty:
                raise refusal
            refused += guilty
        return refused

    def _ask(self, paths: Sequence[str], columns: Columns) -> QueryRefused | None:
        """The refusal of a query on these paths; None where it is answered, or too wide to be asked."""
        name = columns.object.name
        query = soql.select(list(dict.fromkeys(paths)), name, limit=1)
        if not soql.fits(query):
            return None
        try:
            self._rest.raw(query, f"the columns of {name}")
        except QueryRefused as e:
            if e.code not in _CODES:
                raise
            return e
        return None
