"""Bulk API 2.0 query jobs."""

from __future__ import annotations

import gzip
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from tests.support.salesforce.answers import Answer, as_json, csv_header, csv_row, refusal
from tests.support.salesforce.evaluate import Selection
from tests.support.salesforce.faults import Fault
from tests.support.salesforce.organisation import Organisation, Row
from tests.support.salesforce.soql import BadQuery, parse

PAGE = 10_000
_HEADERS = {"Content-Type": "text/csv; charset=UTF-8"}


@dataclass(slots=True, kw_only=True)
class Job:
    """A query job: its rows are those that were there when it was made."""

    id: str
    operation: str
    selection: Selection
    rows: list[Row]
    created: str
    state: str = "UploadComplete"
    polls: int = 0
    message: str | None = None


class Jobs:
    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._numbers = itertools.count(1)
        self._lock = Lock()
        self.open: dict[str, Job] = {}
        self.made = 0
        self.page = PAGE
        self.used_up = ""
        """The code of a refusal: no job is made any more today."""
        self.polls = 1
        """How often a job is asked for before it is done."""
        self.pages: dict[tuple[str, int, int], tuple[bytes, bytes]] | None = None
        """Where it is a dict, pages are kept, plain and gzipped, so that a benchmark measures clients."""

        self.after_pages = ""
        """Text after the last row of each page."""
        self.rate = 0.0
        """Rows a second over one connection; 0: as fast as it can."""

    def create(self, asked: Mapping[str, Any], version: str, fault: Fault | None) -> Answer:
        """Raises `BadQuery`."""
        query = parse(asked.get("query", ""))
        if query.is_count:
            raise BadQuery("Aggregate queries are not supported in Bulk Query", "FEATURENOTENABLED")
        selection = Selection(self._organisation, query, with_deleted=asked["operation"] == "queryAll")
        if self.used_up:
            return refusal(400, self.used_up, "10,000 query jobs a day are reached")
        if fault is Fault.BULK_REFUSED or not selection.table.type.is_bulkable:
            name = selection.table.type.name
            return refusal(400, "INVALIDENTITY", f"Entity '{name}' is not supported by the Bulk API.")
        if any(c.type in ("address", "location") for c in selection.columns):
            raise BadQuery("Selecting compound data not supported in Bulk Query", "FEATURENOTENABLED")
        with self._lock:
            self.made += 1
            job = Job(
                id=f"750{next(self._numbers):012}AAA",
                operation=asked["operation"],
                selection=selection,
                rows=selection.rows(),
                created=f"{self._organisation.now()}+0000",
            )
            self.open[job.id] = job
        return as_json(self._seen(job, version))

    def poll(self, job_id: str, version: str, fault: Fault | None) -> Answer:
        job = self.open.get(job_id)
        if job is None:
            return _no_job()
        if job.state in ("UploadComplete", "InProgress"):
            job.polls += 1
            job.state = "JobComplete" if job.polls >= self.polls else "InProgress"
            if fault in (Fault.JOB_FAILS, Fault.JOB_FAILS_SILENTLY):
                job.state = "Failed"
                job.message = None if fault is Fault.JOB_FAILS_SILENTLY else "InternalServerError : retry"
        more = {
            "jobType": "V2Query",
            "numberRecordsProcessed": len(job.rows) if job.state == "JobComplete" else 0,
            "retries": 0,
            "totalProcessingTime": 12,
        }
        if job.message:
            more["errorMessage"] = job.message
        return as_json(self._seen(job, version) | more)

    def results(self, job_id: str, asked: Mapping[str, str], fault: Fault | None) -> Answer:
        job = self.open.get(job_id)
        if job is None:
            return _no_job()
        if job.state != "JobComplete":
            return refusal(400, "INVALIDJOBSTATE", "The job is not complete")
        if fault is Fault.LOCATOR_LOST:
            return refusal(400, "INVALID_QUERY_LOCATOR", "The locator is not valid")
        start = _offset(asked.get("locator", ""))
        size = min(int(asked.get("maxRecords", self.page)), self.page)
        if fault is Fault.SHORT_PAGE:
            size = max(size // 7, 1)
        end = min(start + size, len(job.rows))
        rows = job.rows[start:end]
        announced = len(rows) + (fault is Fault.PAGE_ANNOUNCES_MORE)
        if fault is Fault.PAGE_LACKS_A_ROW and rows:
            rows = rows[:-1]
        headers = {
            "Sforce-Locator": _locator(end) if end < len(job.rows) else "null",
            "Sforce-NumberOfRecords": str(announced),
        }
        body, packed = self._rendered(job, rows, start)
        if self.rate:
            time.sleep(len(rows) / self.rate)
        return Answer(body=body, packed=packed, headers=_HEADERS | headers, rows=len(rows))

    def abort(self, job_id: str, version: str) -> Answer:
        job = self.open.get(job_id)
        if job is None:
            return _no_job()
        if job.state in ("JobComplete", "Failed", "Aborted"):
            return refusal(400, "INVALIDJOBSTATE", f"The job is {job.state}")
        job.state = "Aborted"
        return as_json(self._seen(job, version))

    def delete(self, job_id: str) -> Answer:
        job = self.open.get(job_id)
        if job is None:
            return _no_job()
        if job.state not in ("JobComplete", "Failed", "Aborted"):
            return refusal(400, "INVALIDJOBSTATE", "The job is not finished")
        del self.open[job_id]
        return Answer(status=204)

    def all(self, version: str) -> Answer:
        records = [self._seen(j, version) | {"jobType": "V2Query"} for j in list(self.open.values())]
        return as_json({"done": True, "records": records, "nextRecordsUrl": None})

    def _rendered(self, job: Job, rows: list[Row], start: int) -> tuple[bytes, bytes | None]:
        key = (repr(job.selection.query), start, len(rows))
        if self.pages is not None and key in self.pages:
            return self.pages[key]
        columns = job.selection.columns
        body = (csv_header(columns) + "".join(csv_row(columns, r) for r in rows) + self.after_pages).encode()
        if self.pages is None:
            return body, None
        self.pages[key] = (body, gzip.compress(body, compresslevel=1))
        return self.pages[key]

    def _seen(self, job: Job, version: str) -> dict[str, Any]:
        return {
            "id": job.id,
            "operation": job.operation,
            "object": job.selection.table.type.name,
            "createdById": "005000000000001AAA",
            "createdDate": job.created,
            "systemModstamp": job.created,
            "state": job.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(version),
            "lineEnding": "LF",
            "columnDelimiter": "COMMA",
        }


def _no_job() -> Answer:
    return refusal(404, "NOT_FOUND", "The requested resource does not exist")


def _locator(offset: int) -> str:
    return f"MTAw{offset:x}"


def _offset(locator: str) -> int:
    """Raises `BadQuery` for a locator that was never given."""
    if locator in ("", "null"):
        return 0
    try:
        return int(locator.removeprefix("MTAw"), 16)
    except ValueError:
        raise BadQuery("The locator is not valid", "INVALID_QUERY_LOCATOR") from None
