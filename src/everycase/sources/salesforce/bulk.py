"""Bulk API 2.0 query jobs: made, waited for, read page by page, and deleted."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from everycase.sources.salesforce import soql
from everycase.sources.salesforce.answers import Answer, UnexpectedAnswer, header_number
from everycase.sources.salesforce.cells import Cells, arrange
from everycase.sources.salesforce.columns import Columns
from everycase.sources.salesforce.errors import PageBroken, QueryRefused, ReadFailure, last_line
from everycase.sources.salesforce.session import Session

LOST = frozenset({"INVALID_QUERY_LOCATOR", "INVALIDJOBSTATE", "NOT_FOUND", "INVALID_LOCATOR"})
"""Refusals of a page after which the job is made anew."""
_WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_MOST_POLLS = 2000
# EmailMessage bodies are longer than what Python's reader takes by default.
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


class JobLost(ReadFailure):
    """The job, or its place in it, is no longer known to Salesforce: it is made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """One page of a job's result."""

    rows: list[Cells] = field(repr=False)
    locator: str
    """Of the next page; empty after the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob:
    """A job as the list of jobs shows it."""

    id: str
    object: str
    created_by: str
    created: datetime


class BulkJobs:
    """The Bulk half of the protocol. `queryAll`: deleted rows and archived tasks are seen."""

    def __init__(self, session: Session, *, wait: Callable[[float], None]) -> None:
        self._session, self._wait = session, wait

    def create(self, columns: Columns, where: str) -> str:
        """The id of a new job. Raises `QueryRefused`."""
        query = soql.select(columns.paths, columns.object.name, where)
        what = f"the Bulk query on {columns.object.name}"
        content = {"operation": "queryAll", "query": query}
        return self._session.send_json("POST", self._path(), what, content).record_id("id")

    def wait_for(self, job: str, name: str) -> int:
        """Rows of the finished job. Raises `JobLost` where it failed, was aborted or is not known."""
        what = f"the state of the Bulk job on {name}"
        for poll in range(_MOST_POLLS):
            answer = self._asked(job, what)
            state = answer.text("state")
            if state == "JobComplete":
                return answer.number("numberRecordsProcessed")
            if state in ("Failed", "Aborted"):
                why = last_line(answer.optional_text("errorMessage") or "without a word")
                raise JobLost(f"the Bulk job on {name} ended as {state} at Salesforce: {why}")
            self._wait(_WAITS_S[min(poll, len(_WAITS_S) - 1)])
        raise JobLost(f"the Bulk job on {name} does not end")

    def page(self, job: str, columns: Columns, *, locator: str, rows: int) -> JobPage:
        """At most `rows` rows from a place on. Raises `JobLost`, or `PageBroken` where rows lack."""
        name = columns.object.name
        what = f"a page of the Bulk job on {name}"
        asked = {"maxRecords": str(rows)} | ({"locator": locator} if locator else {})
        try:
            response = self._session.request("GET", f"{self._path(job)}/results", what, params=asked)
        except QueryRefused as e:
            if e.code in LOST or e.status == 404:
                raise JobLost(f"Salesforce no longer knows the place in the Bulk job on {name}") from None
            raise
        cells = _cells(response.text, columns)
        header = "Sforce-NumberOfRecords"
        announced = header_number(response.headers.get(header), header, what)
        if announced is not None and announced != len(cells):
            raise PageBroken(
                f"{name}: a page announced {announced:,} rows and held {len(cells):,}: nothing is "
                "concluded from this read, and it is made again by the next run"
            )
        following = response.headers.get("Sforce-Locator") or ""
        if following and following == locator:
            raise UnexpectedAnswer(what, "it names itself as the page that follows")
        return JobPage(rows=cells, locator="" if following == "null" else following)

    def list(self) -> Iterator[ListedJob]:
        """Query jobs that Salesforce keeps, whoever made them."""
        path, what = f"{self._path()}?jobType=V2Query", "the list of Bulk jobs"
        while path:
            answer = self._session.get_object(path, what, is_free=True)
            for job in answer.objects("records"):
                yield ListedJob(
                    id=job.record_id("id"),
                    object=job.text("object"),
                    created_by=job.record_id("createdById"),
                    created=job.moment("createdDate"),
                )
            following = answer.address("nextRecordsUrl")
            if following == path:
                raise UnexpectedAnswer(what, "it names itself as the page that follows")
            path = following

    def remove(self, job: str) -> None:
        """Abort and delete a job; one that is not known is gone already."""
        try:
            self._session.request("DELETE", self._path(job), "the deletion of a Bulk job", is_free=True)
        except QueryRefused as e:
            if e.status == 404:
                return
            self._abort(job)

    def _abort(self, job: str) -> None:
        """A job that still runs is aborted first; one that ended meanwhile need not be."""
        aborted = {"state": "Aborted"}
        path = self._path(job)
        try:
            with suppress(QueryRefused):
                self._session.request("PATCH", path, "the end of a Bulk job", json=aborted, is_free=True)
            self._session.request("DELETE", path, "the deletion of a Bulk job", is_free=True)
        except QueryRefused as e:
            if e.status != 404:
                raise

    def _asked(self, job: str, what: str) -> Answer:
        try:
            return self._session.get_object(self._path(job), what)
        except QueryRefused as e:
            if e.status == 404:
                raise JobLost("Salesforce no longer knows a Bulk job of ours") from None
            raise

    def _path(self, job: str = "") -> str:
        return f"{self._session.path}/jobs/query" + (f"/{job}" if job else "")


def _cells(content: str, columns: Columns) -> list[Cells]:
    """The rows of a page, header left out. Raises `PageBroken` where it is not what was asked for."""
    lines: Iterator[Cells] = csv.reader(io.StringIO(content, newline=""), strict=True)
    reader = filter(None, lines)  # an empty line is no row
    name = columns.object.name
    try:
        header = next(reader, None)
        if header is None:
            return []
        arranged = arrange(columns.selected, header)
        width = len(header)
        rows = [arranged(row) for row in reader if len(row) == width or _broken(name)]
    except (csv.Error, KeyError):
        _broken(name)
    return rows


def _broken(name: str) -> bool:
    raise PageBroken(f"{name}: a page of the Bulk job is not whole CSV of the columns that were asked for")
