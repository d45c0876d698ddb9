"""`/query`, `/queryAll`, their further pages, and `/sobjects/X/deleted | updated`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.support.salesforce.answers import Answer, as_json, as_records, refusal
from tests.support.salesforce.evaluate import Selection
from tests.support.salesforce.faults import Fault
from tests.support.salesforce.organisation import Organisation, Row, stamp
from tests.support.salesforce.soql import parse

PAGE = 2000
_MOST_DELETED = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    selection: Selection
    rows: list[Row]
    size: int
    """Rows of a page."""


class Queries:
    """Queries by REST. A cursor keeps the rows as they were when the query was made."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._cursors: dict[str, _Cursor] = {}
        self._numbers = itertools.count(1)
        self.page = PAGE

    def query(
        self, soql: str, path: str, *, with_deleted: bool, fault: Fault | None, options: str = ""
    ) -> Answer:
        """The first page. `options`: the header Sforce-Query-Options. Raises `BadQuery`."""
        if fault is Fault.QUERY_TIMEOUT:
            return refusal(400, "QUERY_TIMEOUT", "Your query request was running for too long.")
        query = parse(soql)
        selection = Selection(self._organisation, query, with_deleted=with_deleted)
        if query.is_count:
            return as_json({"totalSize": selection.count(), "done": True, "records": []})
        size = min(_batch_size(options) or self.page, self.page)
        cursor = _Cursor(selection=selection, rows=selection.rows(), size=size)
        name = f"01g{next(self._numbers):012}AAA"
        self._cursors[name] = cursor
        return self._page(name, 0, path, fault)

    def more(self, locator: str, path: str, fault: Fault | None) -> Answer:
        name, _, offset = locator.rpartition("-")
        if fault is Fault.LOCATOR_LOST:
            self._cursors.pop(name, None)
        if name not in self._cursors:
            return refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(name, int(offset), path, fault)

    def _page(self, name: str, offset: int, path: str, fault: Fault | None) -> Answer:
        cursor = self._cursors[name]
        size = cursor.size if fault is not Fault.SHORT_PAGE else max(cursor.size // 7, 1)
        rows = cursor.rows[offset : offset + size]
        end = offset + len(rows)
        lacks = fault is Fault.PAGE_LACKS_A_ROW
        total = len(cursor.rows) + (fault is Fault.PAGE_ANNOUNCES_MORE or (lacks and not rows))
        rows = rows[:-1] if lacks else rows
        content = {
            "totalSize": total,
            "done": end >= len(cursor.rows),
            "records": as_records(cursor.selection, rows, path),
        }
        if end < len(cursor.rows):
            content["nextRecordsUrl"] = f"{path}/query/{name}-{end}"
        else:
            del self._cursors[name]
        return as_json(content, rows=len(rows))

    # ── deletions ────────────────────────────────────────────────────────────────────────────────

    def deleted(self, name: str, asked: Mapping[str, str]) -> Answer:
        """Ids that were deleted between two moments. Raises `ValueError` for moments that are none."""
        organisation = self._organisation
        table = organisation.table(name)
        if not table.type.is_replicateable:
            return refusal(404, "NOT_FOUND", f"{name} is not replicable")
        start, end = (datetime.fromisoformat(asked[k]) for k in ("start", "end"))
        now = organisation.clock()
        if organisation.is_deletion_log_purged or now - start > timedelta(days=30):
            return refusal(400, "INVALID_REPLICATION_DATE", "start date before replication enablement date")
        if end - start < timedelta(minutes=1):
            return refusal(
                400, "INVALID_REPLICATION_DATE", "endDate must be at least a minute after startDate"
            )
        first, last = stamp(start), stamp(end)
        found = [(at, i) for at, i in list(table.deletions) if first <= at < last]
        if len(found) > _MOST_DELETED:
            return refusal(400, "EXCEEDED_ID_LIMIT", "too many ids")
        covered = min(last, organisation.now())
        return as_json(
            {
                "deletedRecords": [{"id": i, "deletedDate": f"{at}+0000"} for at, i in found],
                "earliestDateAvailable": f"{stamp(now - timedelta(days=30))}+0000",
                "latestDateCovered": f"{covered}+0000",
            }
        )

    def updated(self, name: str, asked: Mapping[str, str]) -> Answer:
        table = self._organisation.table(name)
        first, last = (stamp(datetime.fromisoformat(asked[k])) for k in ("start", "end"))
        at = table.place["systemmodstamp"]
        ids = [i for i, row in list(table.rows.items()) if row[at] and first <= row[at] < last]
        return as_json({"ids": ids, "latestDateCovered": f"{last}+0000"})


def _batch_size(options: str) -> int:
    """Of `batchSize=500`; Salesforce takes 200 to 2,000. 0 where nothing is said."""
    found = re.search(r"batchSize=(\d+)", options)
    return min(max(int(found[1]), 200), PAGE) if found else 0
