"""Cases that were merged: the loser says into which, and its children have changed hands without a stamp."""

from __future__ import annotations

from everycase.sources.salesforce import soql
from everycase.sources.salesforce.columns import MASTER
from everycase.sources.salesforce.describe import Descriptions
from everycase.sources.salesforce.rest import RestQueries
from everycase.sources.salesforce.windows import Window


class Merges:
    """Asked once a window, for the six objects are read by the same one."""

    def __init__(self, rest: RestQueries, descriptions: Descriptions) -> None:
        self._rest, self._descriptions = rest, descriptions
        self._last: tuple[Window, tuple[str, ...]] | None = None

    def masters(self, window: Window) -> tuple[str, ...]:
        """The ids of the cases that others were merged into in a window."""
        if self._last is None or self._last[0] != window:
            self._last = (window, self._ask(window))
        return self._last[1]

    def _ask(self, window: Window) -> tuple[str, ...]:
        case = self._descriptions.describe("Case")
        if case is None or MASTER.lower() not in case.fields:
            return ()
        where = soql.every("IsDeleted = true", f"{MASTER} != null", window.condition())
        merged = self._rest.raw(soql.select(["Id", MASTER], "Case", where), "the merged cases")
        return tuple(sorted({m.record_id(MASTER) for m in merged}))
