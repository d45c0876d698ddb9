"""Our jobs at Salesforce: made one after the other, kept as rows, and none of them left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock

from everycase.domain.rows import iso, moment
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.bulk import BulkJobs, ListedJob
from everycase.sources.salesforce.columns import Columns
from everycase.sources.salesforce.errors import QueryRefused
from everycase.sources.salesforce.position import KeyRange, Position, Positions
from everycase.sources.salesforce.session import Session

_CLOCKS_DIFFER = timedelta(seconds=5)
"""Salesforce's clock is known to the second only."""


class JobKeeper:
    """Makes the jobs of positions and removes them. Safe to use from several threads."""

    def __init__(self, session: Session, bulk: BulkJobs, positions: Positions) -> None:
        self._session, self._bulk, self._positions = session, bulk, positions
        self._lock = Lock()

    def ensure(self, position: Position, part: KeyRange, columns: Columns) -> None:
        """The part has a job when this returns, and the job is in the books. Raises `QueryRefused`."""
        if part.job:
            return
        name = columns.object.name
        with self._lock, self._in_the_books(name):
            part.job = self._bulk.create(columns, soql.every(position.where, part_condition(part)))
            self._positions.save(position)

    @contextmanager
    def _in_the_books(self, name: str) -> Iterator[None]:
        """Keep a note while a job is made. Where an answer was lost it stays, until `find_lost` has looked.

        A note that an earlier making has left is not replaced: its job is older than this one.
        """
        failures, is_noted = self._session.broken, self._positions.was_making(name) is not None
        if not is_noted:
            self._positions.begin_making(name, iso(self._session.now()))
        try:
            yield
        except QueryRefused:
            self._end_making(name, failures, is_noted)
            raise
        self._end_making(name, failures, is_noted)

    def _end_making(self, name: str, failures: int, is_noted: bool) -> None:
        """Remove the note of this making, if every answer came."""
        if self._session.broken == failures and not is_noted:
            self._positions.end_making(name)

    def drop_job(self, part: KeyRange) -> None:
        """The part is read anew, by another job or without one."""
        if part.job:
            self._bulk.remove(part.job)
        part.begin_again()

    def settle(self, key: str, position: Position | None) -> None:
        """Delete the jobs of a position that is over, and any of its object that was never written down."""
        if position is not None:
            position.is_over = True
            for part in position.parts:
                if part.job:
                    self._bulk.remove(part.job)
            self._positions.forget(key)
        self.find_lost(key)

    def find_lost(self, name: str, known: Position | None = None) -> None:
        """Delete jobs of ours whose making was cut short, where Salesforce lists its jobs."""
        since = self._positions.was_making(name)
        if since is None:
            return
        kept = {p.job for p in known.parts} if known else set()
        try:
            jobs = list(self._bulk.list())
        except QueryRefused:  # asked once more by the next run; Salesforce deletes jobs after seven days
            return
        for job in jobs:
            is_young = job.created >= moment(since) - _CLOCKS_DIFFER
            if is_young and job.object == name and job.id not in kept and self._is_by_us(job):
                self._bulk.remove(job.id)
        self._positions.end_making(name)

    def _is_by_us(self, job: ListedJob) -> bool:
        """Where the log-in does not say who we are, object and time must do."""
        user = self._session.log_in().user
        return not user or job.created_by[:15] == user[:15]


def part_condition(part: KeyRange) -> str:
    """The ids of a part."""
    low = f"Id >= {soql.text(part.low)}" if part.low else ""
    high = f"Id < {soql.text(part.high)}" if part.high else ""
    return soql.every(low, high)
