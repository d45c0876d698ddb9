"""Our jobs at Salesforce: made one after the other, kept as rows, and none of them left behind."""

from __future__ import annotations

from datetime import datetime
from threading import Lock

from everycase.domain.rows import MalformedRow, iso, moment
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.bulk import BulkJobs
from everycase.sources.salesforce.columns import Columns
from everycase.sources.salesforce.errors import QueryRefused, ReadFailure
from everycase.sources.salesforce.position import KeyRange, Position, Positions
from everycase.sources.salesforce.session import Session


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
        with self._lock:
            begun, failures = iso(self._session.now()), self._session.broken
            self._positions.begin_making(name, begun)
            try:
                part.job = self._bulk.create(columns, soql.every(position.where, part_condition(part)))
                self._positions.save(position)
            except QueryRefused:
                if self._session.broken == failures:
                    self._positions.end_making(name)
                raise
            if self._session.broken == failures:
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
        """Delete jobs of ours whose making was cut short."""
        since = self._positions.was_making(name)
        if since is None:
            return
        kept = {p.job for p in known.parts} if known else set()
        user = self._session.log_in().user
        for job in self._bulk.list():
            is_ours = job.object == name and job.created_by[:15] == user[:15] and job.id not in kept
            if is_ours and _moment(job.created) >= moment(since).replace(microsecond=0):
                self._bulk.remove(job.id)
        self._positions.end_making(name)


def part_condition(part: KeyRange) -> str:
    """The ids of a part."""
    low = f"Id >= {soql.text(part.low)}" if part.low else ""
    high = f"Id < {soql.text(part.high)}" if part.high else ""
    return soql.every(low, high)


def _moment(text: str) -> datetime:
    try:
        return moment(text)
    except MalformedRow:
        raise ReadFailure("Salesforce gave a Bulk job without a date") from None
