"""Reads every row that a condition holds, by Bulk or by REST, page by page, so that it can be resumed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from queue import Full, Queue
from threading import Event, Thread

from everycase.sources.salesforce import soql
from everycase.sources.salesforce.bulk import REFUSALS, BulkJobs, JobLost
from everycase.sources.salesforce.cells import Cells
from everycase.sources.salesforce.columns import Columns
from everycase.sources.salesforce.errors import QueryRefused
from everycase.sources.salesforce.jobs import JobKeeper, part_condition
from everycase.sources.salesforce.position import Part, Position, Progress
from everycase.sources.salesforce.rest import Balance, RestQueries

_MOST_LOST = 3
_PAGES_OF_AN_OBJECT = 600
_FEWEST, _MOST = 500, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What reads: the two APIs and the keeper of jobs."""

    rest: RestQueries
    bulk: BulkJobs
    keeper: JobKeeper
    bulk_from: int
    """Rows from which an object is read by Bulk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    """A page on its way from a reader's thread, and what the part will be when its rows are stored."""

    part: Part
    rows: list[Cells] = field(repr=False)
    locator: str
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """A reader's last word."""

    part: Part
    error: BaseException | None


_Arrivals = Queue[_Arrived | _Ended]


def page_rows(expected: int | None) -> int:
    """Rows of a Bulk page: few, so that a kill costs little, and more of them for a large object."""
    return min(max((expected or 0) // _PAGES_OF_AN_OBJECT, _FEWEST), _MOST)


class Everything:
    """One read. Iterated once, it gives rows of cells; `position` moves with the rows that were taken."""

    def __init__(self, tools: Tools, columns: Columns, position: Position) -> None:
        self._tools, self._columns, self.position = tools, columns, position
        self._stop = Event()

    def __iter__(self) -> Iterator[Cells]:
        """Raises `ReadFailure` where the read cannot go on; the position says how far it came."""
        if self._is_for_bulk():
            try:
                yield from self._by_bulk()
                return
            except QueryRefused as e:
                if e.code not in REFUSALS or self.position.read:
                    raise
                self.position.parts[:] = [Part()]
        for part in self.position.parts:
            if not part.given.is_done:
                yield from self._by_rest(part)

    def _is_for_bulk(self) -> bool:
        position = self.position
        if any(p.job for p in position.parts):
            return True
        if any(p.given.after for p in position.parts):
            return False
        return position.expected is None or position.expected >= self._tools.bulk_from

    # ── REST ─────────────────────────────────────────────────────────────────────────────────────

    def _by_rest(self, part: Part) -> Iterator[Cells]:
        where = soql.every(self.position.where, part_condition(part))
        balance, begun = Balance(), part.given
        for page in self._tools.rest.by_id(self._columns, where, balance, after=begun.after):
            *others, last = page.rows or [[]]
            yield from others
            read = part.given.read + len(page.rows)
            part.given = Progress(after=page.after or part.given.after, read=read, announced=read)
            if last:
                yield last
        announced = begun.announced + balance.announced
        part.given = replace(part.given, announced=announced, is_done=True)

    # ── Bulk ─────────────────────────────────────────────────────────────────────────────────────

    def _by_bulk(self) -> Iterator[Cells]:
        """Parts are read side by side; beside the page that is taken, one waits in each reader's hands."""
        arrivals: _Arrivals = Queue(maxsize=1)
        todo = [p for p in self.position.parts if not p.given.is_done]
        for part in todo:
            self._start(part, arrivals)
        running, lost = len(todo), 0
        try:
            while running:
                arrival = arrivals.get()
                if isinstance(arrival, _Arrived):
                    yield from self._take(arrival)
                elif arrival.error is None:
                    running -= 1
                else:
                    lost += 1
                    self._begin_again(arrival.part, arrival.error, lost)
                    self._start(arrival.part, arrivals)
        finally:
            self._stop.set()

    def _take(self, page: _Arrived) -> Iterator[Cells]:
        """The rows of a page. It counts as taken when its last row is given out."""
        *others, last = page.rows or [[]]
        yield from others
        read, is_done = page.part.given.read + len(page.rows), not page.locator
        page.part.given = Progress(
            locator=page.locator, read=read, announced=page.total if is_done else read, is_done=is_done
        )
        if last:
            yield last

    def _begin_again(self, part: Part, error: BaseException, lost: int) -> None:
        """A part whose job is lost is read anew. Raises whatever else ended its reader."""
        if not isinstance(error, JobLost):
            raise error
        if part.job:
            self._tools.bulk.remove(part.job)
        part.begin_again()
        if lost > _MOST_LOST:
            raise error

    def _start(self, part: Part, arrivals: _Arrivals) -> None:
        Thread(target=self._read_part, args=(part, part.given.locator, arrivals), daemon=True).start()

    def _read_part(self, part: Part, locator: str, arrivals: _Arrivals) -> None:
        """Runs in a thread of its own; whatever happens is handed over."""
        ending: BaseException | None = None
        try:
            self._read_job(part, locator, arrivals)
        except BaseException as e:
            ending = e
        self._hand_over(arrivals, _Ended(part=part, error=ending))

    def _read_job(self, part: Part, locator: str, arrivals: _Arrivals) -> None:
        self._tools.keeper.ensure(self.position, part, self._columns)
        bulk, rows = self._tools.bulk, page_rows(self.position.expected)
        total = bulk.wait_for(part.job, self._columns.object.name)
        while not self._stop.is_set():
            page = bulk.page(part.job, self._columns, locator=locator, rows=rows)
            locator = page.locator
            self._hand_over(arrivals, _Arrived(part=part, rows=page.rows, locator=locator, total=total))
            if not locator:
                return

    def _hand_over(self, arrivals: _Arrivals, arrival: _Arrived | _Ended) -> None:
        """Waits until it is taken; nobody takes anything once the read has ended."""
        while not self._stop.is_set():
            try:
                arrivals.put(arrival, timeout=0.2)
            except Full:
                continue
            return
