"""Reads every row that a condition holds, by Bulk or by REST, page by page, so that it can be resumed.

Threads read the parts of an object side by side, each a page ahead of whoever takes the rows, and wait while
nobody takes any: memory does not grow, and a kill costs a page or two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Queue
from threading import Event, Thread
from typing import Generic, TypeVar

from everycase.sources.salesforce import soql
from everycase.sources.salesforce.bulk import BulkJobs, JobLost
from everycase.sources.salesforce.cells import Cells
from everycase.sources.salesforce.columns import Columns
from everycase.sources.salesforce.errors import QueryRefused
from everycase.sources.salesforce.jobs import JobKeeper, part_condition
from everycase.sources.salesforce.position import KeyRange, Position, ReadProgress
from everycase.sources.salesforce.rest import Balance, RestQueries

T = TypeVar("T")
Turn = Callable[[Sequence[Cells]], Sequence[T]]
"""What makes rows of the cells of a page; called in the threads that read."""

_MOST_LOST = 3
_PAGES_OF_AN_OBJECT = 500
_FEWEST, _MOST = 100, 10_000
_MOST_BY_REST = 2000
_STOP_S = 0.2
"""Until a reader that nobody takes anything from looks whether it is to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What reads: the two APIs and the keeper of jobs."""

    rest: RestQueries
    bulk: BulkJobs
    keeper: JobKeeper
    bulk_from: int
    """Rows from which an object is read by Bulk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived(Generic[T]):
    """A page on its way from a reader's thread, and how far its part is once the rows are taken."""

    part: KeyRange
    rows: Sequence[T] = field(repr=False)
    progress: ReadProgress
    taken: Event = field(repr=False, default_factory=Event)
    """Set when the reader may fetch the page after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """A reader's last word."""

    part: KeyRange
    error: BaseException | None


def page_rows(expected: int | None) -> int:
    """Rows of a page of a first load: a kill costs those that are not stored, so they are a small part."""
    return min(max((expected or 0) // _PAGES_OF_AN_OBJECT, _FEWEST), _MOST)


class _Readers(Generic[T]):
    """The threads that read one object, and the queue by which they hand pages over."""

    def __init__(self) -> None:
        self._queue: Queue[_Arrived[T] | _Ended] = Queue()
        self._stop, self._wanted = Event(), Event()

    def start(self, part: KeyRange, read: Callable[[KeyRange], Iterator[_Arrived[T]]]) -> None:
        Thread(target=self._run, args=(part, read), daemon=True).start()

    def get(self) -> _Arrived[T] | _Ended:
        """The next page of any part; its reader fetches the one after it meanwhile."""
        arrival = self._queue.get()
        if isinstance(arrival, _Arrived):
            arrival.taken.set()
        return arrival

    def want(self) -> None:
        """Rows are wanted now, not only jobs that are ready."""
        self._wanted.set()

    def are_wanted(self) -> bool:
        """Waits until rows are wanted; False if they never will be."""
        return self._is_set(self._wanted)

    def stop(self) -> None:
        """Tell the readers that no more rows will be taken."""
        self._stop.set()

    def _is_set(self, event: Event) -> bool:
        while not event.wait(_STOP_S):
            if self._stop.is_set():
                return False
        return True

    def _run(self, part: KeyRange, read: Callable[[KeyRange], Iterator[_Arrived[T]]]) -> None:
        """Runs in a thread of its own; whatever happens is handed over."""
        ending: BaseException | None = None
        try:
            for page in read(part):
                self._queue.put(page)
                if not self._is_set(page.taken):
                    return
        except BaseException as e:
            ending = e
        self._queue.put(_Ended(part=part, error=ending))


class Everything(Generic[T]):
    """One read. Iterated once, it gives rows; `position` moves with the rows that were taken."""

    def __init__(
        self, tools: Tools, columns: Columns, position: Position, turn: Turn[T], *, rows: int = _MOST
    ) -> None:
        """`rows`: of a page; fewer for a read that is resumed, which loses the pages that are not stored."""
        self._tools, self._columns, self.position, self._turn = tools, columns, position, turn
        self._page_rows = rows
        self._readers: _Readers[T] | None = None
        self._running = 0

    def begin(self) -> None:
        """Let Salesforce run the jobs. No page is fetched until the rows are asked for."""
        self._start(self._read_job if self._is_for_bulk() else self._read_by_rest)

    def stop(self) -> None:
        """End the threads of a read that is not iterated to its end."""
        if self._readers is not None:
            self._readers.stop()

    def __iter__(self) -> Iterator[T]:
        """Raises `ReadFailure` where the read cannot go on; the position says how far it came."""
        if self._readers is None:
            self.begin()
        try:
            yield from self._rows()
        except QueryRefused as e:
            # Whatever Bulk refuses is asked by REST; what is wrong there too is refused once more.
            if e.status != 400 or self.position.read or not self._is_for_bulk():
                raise
        else:
            return
        for part in self.position.parts:
            self._tools.keeper.drop_job(part)
        self._start(self._read_by_rest)
        yield from self._rows()

    def _is_for_bulk(self) -> bool:
        position = self.position
        if position.has_jobs:
            return True
        if any(p.given.after for p in position.parts):
            return False
        return position.expected is None or position.expected >= self._tools.bulk_from

    # ── taking ───────────────────────────────────────────────────────────────────────────────────

    def _start(self, read: Callable[[KeyRange], Iterator[_Arrived[T]]]) -> None:
        self._readers, self._read = _Readers(), read
        todo = [p for p in self.position.parts if not p.given.is_done]
        self._running = len(todo)
        for part in todo:
            self._readers.start(part, read)

    def _rows(self) -> Iterator[T]:
        """The rows of all parts as they arrive; a part whose job is lost is read anew."""
        assert self._readers is not None
        readers, lost = self._readers, 0
        readers.want()
        try:
            while self._running:
                arrival = readers.get()
                if isinstance(arrival, _Arrived):
                    yield from _take(arrival)
                elif arrival.error is None:
                    self._running -= 1
                else:
                    lost += 1
                    self._begin_again(arrival.part, arrival.error, lost)
                    readers.start(arrival.part, self._read)
        finally:
            readers.stop()

    def _begin_again(self, part: KeyRange, error: BaseException, lost: int) -> None:
        """A part whose job is lost is read anew. Raises whatever else ended its reader."""
        if not isinstance(error, JobLost):
            raise error
        self._tools.keeper.drop_job(part)
        if lost > _MOST_LOST:
            raise error

    def _are_wanted(self) -> bool:
        return self._readers is not None and self._readers.are_wanted()

    # ── reading, in threads ──────────────────────────────────────────────────────────────────────

    def _read_by_rest(self, part: KeyRange) -> Iterator[_Arrived[T]]:
        if not self._are_wanted():
            return
        where = soql.every(self.position.where, part_condition(part))
        balance, begun = Balance(), part.given
        read, after = begun.read, begun.after
        rows = min(self._page_rows, _MOST_BY_REST)
        for page in self._tools.rest.by_id(self._columns, where, balance, after=after, rows=rows):
            read, after = read + len(page.rows), page.after or after
            progress = ReadProgress(after=after, read=read, announced=read)
            yield _Arrived(part=part, rows=self._turn(page.rows), progress=progress)
        announced = begun.announced + balance.announced
        progress = ReadProgress(after=after, read=read, announced=announced, is_done=True)
        yield _Arrived(part=part, rows=(), progress=progress)

    def _read_job(self, part: KeyRange) -> Iterator[_Arrived[T]]:
        self._tools.keeper.ensure(self.position, part, self._columns)
        bulk, rows = self._tools.bulk, self._page_rows
        total = bulk.wait_for(part.job, self._columns.object.name)
        read, locator, is_done = part.given.read, part.given.locator, not self._are_wanted()
        while not is_done:
            page = bulk.page(part.job, self._columns, locator=locator, rows=rows)
            read, locator, is_done = read + len(page.rows), page.locator, not page.locator
            announced = total if is_done else read
            progress = ReadProgress(locator=locator, read=read, announced=announced, is_done=is_done)
            yield _Arrived(part=part, rows=self._turn(page.rows), progress=progress)


def _take(page: _Arrived[T]) -> Iterator[T]:
    """The rows of a page. It counts as taken when its last row is given out."""
    if page.rows:
        yield from page.rows[:-1]
    page.part.given = page.progress
    yield from page.rows[-1:]
