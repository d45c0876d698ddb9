"""Queries by REST: counts, pages of rows, rows by id. Each says what was announced and what came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from everycase.domain.batching import pages
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.answers import Answer, UnexpectedAnswer
from everycase.sources.salesforce.cells import Cells, from_records
from everycase.sources.salesforce.columns import Columns
from everycase.sources.salesforce.errors import PageBroken, QueryRefused
from everycase.sources.salesforce.session import Session

MOST_IDS = 500
"""Ids in one query; fewer where the address would be too long."""
_MOST_RESTARTS = 3
_FEWEST_ROWS = 200


@dataclass(slots=True, kw_only=True)
class Balance:
    """What one read announced and what came of it."""

    announced: int = 0
    read: int = 0

    def add(self, other: Balance) -> None:
        self.announced += other.announced
        self.read += other.read


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows that came together, and how the read goes on after them."""

    rows: list[Cells] = field(repr=False)
    after: str = ""
    """The last id, by which a read in the order of ids goes on."""


class RestQueries:
    """The REST half of the protocol. `queryAll` throughout: deleted rows and archived tasks are seen."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def count(self, name: str, where: str = "") -> int:
        """How many rows a condition holds, deleted ones included. Raises `QueryRefused`."""
        return self._query(soql.count(name, where), f"the count of {name}").number("totalSize")

    def rows(self, columns: Columns, where: str, balance: Balance) -> Iterator[Page]:
        """All rows of a condition, in no order. Raises `PageBroken` where less came than was announced."""
        yield from self._wide(columns, where, balance, order="")

    def by_id(
        self, columns: Columns, where: str, balance: Balance, *, after: str = "", rows: int = 0
    ) -> Iterator[Page]:
        """All rows of a condition in the order of their ids, beginning after one.

        `rows`: how many a page should have; Salesforce gives at least 200.
        A cursor that Salesforce forgot, or a query that took too long, is made anew from the last id.
        """
        limit, restarts = 0, 0
        while True:
            condition = soql.every(where, f"Id > {soql.text(after)}" if after else "")
            part = Balance()
            try:
                for page in self._wide(columns, condition, part, order="Id", limit=limit, rows=rows):
                    after = page.after or after
                    yield page
            except QueryRefused as e:
                balance.add(Balance(announced=part.read, read=part.read))
                restarts += 1
                limit = _smaller(e, limit, restarts)
                continue
            balance.add(part)
            if not limit or part.read < limit:
                return
            restarts = 0

    def by_ids(
        self, columns: Columns, ids: Iterable[str], field: str = "Id"
    ) -> Iterator[tuple[list[str], list[Cells]]]:
        """Rows whose `field` is one of `ids`: the ids that were asked for together, and their rows."""
        for some in pages(ids, self._ids_that_fit(columns, field)):
            balance, found = Balance(), []
            for page in self.rows(columns, soql.one_of(field, some), balance):
                found += page.rows
            yield some, found

    def raw(self, query: str, what: str) -> list[Answer]:
        """The records of a small query of another object."""
        return self._query(query, what).objects("records")

    def one(self, query: str, what: str) -> Answer:
        """The first record of such a query, which has one. Raises `UnexpectedAnswer`."""
        if not (found := self.raw(query, what)):
            raise UnexpectedAnswer(what, "there is no row")
        return found[0]

    # ── pages ────────────────────────────────────────────────────────────────────────────────────

    def _wide(
        self, columns: Columns, where: str, balance: Balance, *, order: str, limit: int = 0, rows: int = 0
    ) -> Iterator[Page]:
        """One query, or several of a part of the columns each, put together again by Id."""
        groups = soql.split_paths(columns.paths, columns.object.name, where, order=order)
        name = columns.object.name
        if len(groups) == 1:
            query = soql.select(columns.paths, name, where, order=order, limit=limit)
            yield from self._pages(columns, query, name, balance, rows)
            return
        first = soql.select(groups[0], name, where, order=order, limit=limit)
        for records in self._record_pages(first, name, balance, rows):
            merged = {_id_of(r, name): dict(r) for r in records}
            for group in groups[1:]:
                self._complete(merged, group, name)
            yield _page(columns, list(merged.values()))

    def _complete(self, merged: dict[str, dict[str, Any]], group: list[str], name: str) -> None:
        """Read further columns of rows. Raises `PageBroken` where a row has gone meanwhile."""
        left = set(merged)
        for ids in pages(merged, MOST_IDS // 2):
            query = soql.select(group, name, soql.one_of("Id", ids))
            for records in self._record_pages(query, name, Balance()):
                for record in records:
                    if (record_id := _id_of(record, name)) in left:
                        merged[record_id].update(_deep(merged[record_id], record))
                        left.discard(record_id)
        if left:
            raise PageBroken(f"{name}: {len(left)} rows went while their columns were read")

    def _pages(self, columns: Columns, query: str, name: str, balance: Balance, rows: int) -> Iterator[Page]:
        for records in self._record_pages(query, name, balance, rows):
            yield _page(columns, records)

    def _record_pages(
        self, query: str, name: str, balance: Balance, rows: int = 0
    ) -> Iterator[list[dict[str, Any]]]:
        """Raises `PageBroken` where the pages do not hold what the first of them announced."""
        what, path = _query_on(name), ""
        answer = self._query(query, what, rows)
        announced, read = answer.number("totalSize"), 0
        balance.announced += announced
        while True:
            records = answer.records("records")
            read += len(records)
            balance.read += len(records)
            yield records
            if answer.flag("done") or read > announced:
                break
            path = _following(answer, path, what)
            answer = self._session.get_object(path, what, headers=_of_size(rows))
        if read != announced:
            raise PageBroken(
                f"{name}: Salesforce announced {announced:,} rows and {read:,} came: nothing is concluded "
                "from this read, and it is made again by the next run"
            )

    def _query(self, query: str, what: str, rows: int = 0) -> Answer:
        path = f"{self._session.path}/queryAll"
        return self._session.get_object(path, what, params={"q": query}, headers=_of_size(rows))

    def _ids_that_fit(self, columns: Columns, field: str) -> int:
        found = MOST_IDS
        paths = columns.paths
        while found > 50 and not soql.fits(
            soql.select(paths, columns.object.name, soql.one_of(field, ["0" * 18] * found))
        ):
            found //= 2
        return found


def _smaller(refusal: QueryRefused, limit: int, restarts: int) -> int:
    """The limit that a query is made again with. Raises the refusal where that does not help."""
    if refusal.code == "INVALID_QUERY_LOCATOR" and restarts <= _MOST_RESTARTS:
        return limit
    if refusal.code == "QUERY_TIMEOUT" and limit != _FEWEST_ROWS:
        return max(limit // 2, _FEWEST_ROWS) if limit else 2000
    raise refusal


def _of_size(rows: int) -> dict[str, str]:
    """The header that asks for pages of so many rows; Salesforce may give more."""
    return {"Sforce-Query-Options": f"batchSize={max(rows, _FEWEST_ROWS)}"} if rows else {}


def _following(answer: Answer, path: str, what: str) -> str:
    """The path of the page after this one. Raises `UnexpectedAnswer` where the read would not go on."""
    found = answer.address("nextRecordsUrl")
    if not found or found == path:
        raise UnexpectedAnswer(what, "it does not name the page that follows")
    return found


def _query_on(name: str) -> str:
    return f"the query on {name}"


def _page(columns: Columns, records: list[dict[str, Any]]) -> Page:
    name = columns.object.name
    rows = from_records(columns.selected, records, _query_on(name))
    if not all(isinstance(r["Id"], str) for r in records):
        raise UnexpectedAnswer(_query_on(name), "a row has no Id")
    return Page(rows=rows, after=_id_of(records[-1], name) if records else "")


def _id_of(record: dict[str, Any], name: str) -> str:
    return Answer(record, _query_on(name)).record_id("Id")


def _deep(known: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`more`, with nested parts joined to those that are known."""
    return {
        k: {**known[k], **v} if isinstance(v, dict) and isinstance(known.get(k), dict) else v
        for k, v in more.items()
    }
