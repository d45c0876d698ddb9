"""Reading an organisation: rows a second beside simple-salesforce's own Bulk download of the same data.

The stand-in answers from a process of its own, from pages that it has rendered before, so that the clients
are measured. simple-salesforce writes CSV files and parses nothing; it begins with a pause of five seconds,
which is left out here. "read" is what the source yields: canonical rows, hashed, the read balanced.
"""

from __future__ import annotations

import argparse
import multiprocessing
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import psutil
import requests
from simple_salesforce import Salesforce
from tests.support.databases import Databases, serving
from tests.support.salesforce.certificate import write_certificate
from tests.support.salesforce.far_end import CREDENTIALS, source_of_url
from tests.support.salesforce.organisation import Organisation, stamp
from tests.support.salesforce.server import SalesforceServer
from tests.support.salesforce.world import extraction

from everycase.domain.catalogue import OBJECTS
from everycase.domain.rows import moment
from everycase.sources.salesforce.everything import page_rows
from everycase.sources.salesforce.source import SalesforceSource

COMMENT = next(o for o in OBJECTS if o.name == "CaseComment")
_TEXT = "Replaced the fan in slot {n} and watched it for an hour; the health light is green. " * 3


def fill(organisation: Organisation, rows: int) -> None:
    """Comments of invented cases, ten a case."""
    begun, case = moment("2024-03-05T04:13:22Z"), ""
    for n in range(rows):
        when = stamp(begun + timedelta(seconds=n))
        stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), when)
        if n % 10 == 0:
            case = organisation.new_id("Case")
        organisation.load(
            "CaseComment",
            organisation.new_id("CaseComment"),
            ParentId=case,
            CommentBody=_TEXT.format(n=n),
            IsPublished=n % 2 == 0,
            **stamps,
        )


def serve(rows: int, certificate: str, line: Connection) -> None:
    """Runs in a process of its own until it is told to stop."""
    organisation = Organisation()
    fill(organisation, rows)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with SalesforceServer(organisation) as plain, SalesforceServer(organisation, tls=context) as secure:
        secure.jobs = plain.jobs
        plain.jobs.page, plain.jobs.pages = 50_000, {}
        line.send((plain.url, secure.host))
        line.recv()


@contextmanager
def organisation_of(rows: int, certificate: Path) -> Iterator[tuple[str, str]]:
    """The plain address, and host and port with TLS."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(rows, str(certificate), theirs)
    )
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


def simple_download(host: str, certificate: Path, soql: str) -> int:
    """What simple-salesforce does of itself; rows."""
    form, basic = {"grant_type": "client_credentials"}, CREDENTIALS.basic()
    trust = ssl.create_default_context(cafile=str(certificate))
    answer = httpx.post(f"https://{host}/services/oauth2/token", data=form, auth=basic, verify=trust)
    session = requests.Session()
    session.trust_env, session.verify = False, str(certificate)
    found = Salesforce(
        instance=host, session_id=answer.json()["access_token"], version="62.0", session=session
    )
    with tempfile.TemporaryDirectory() as folder:
        pages = found.bulk2.CaseComment.download(soql, path=folder, wait=0)
        return sum(p["number_of_records"] for p in pages)


def read(source: SalesforceSource) -> int:
    reading = source.changes(COMMENT)
    rows = sum(1 for _ in reading)
    assert reading.proof().is_whole
    return rows


def stage(source: SalesforceSource, dsn: str) -> int:
    with extraction(dsn, source) as found:
        return found._bring_up_to_date(COMMENT, source.state(COMMENT)).rows


def timed(name: str, work: Callable[[], int]) -> float:
    process = psutil.Process()
    begun = time.perf_counter()
    rows = work()
    seconds = time.perf_counter() - begun
    print(
        f"{name:34} {rows:>9,} rows {seconds:8.1f} s {rows / seconds:>10,.0f} rows/s  "
        f"{process.memory_info().rss / 2**20:,.0f} MiB"
    )
    return rows / seconds


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, serving() as postgres:
        certificate = write_certificate(Path(folder))
        with (
            organisation_of(asked.rows, certificate) as (url, host),
            Databases(postgres).fresh() as dsn,
        ):
            source = source_of_url(url)
            columns = source.columns(COMMENT)
            assert columns is not None
            soql = f"SELECT {', '.join(columns.paths)} FROM CaseComment"
            print(f"pages of {page_rows(asked.rows):,} rows for everycase, of 50,000 for simple-salesforce")
            for once in ("first", "again"):
                theirs = timed(
                    f"simple-salesforce bulk2, {once}", lambda: simple_download(host, certificate, soql)
                )
                ours = timed(f"everycase read, {once}", lambda: read(source_of_url(url)))
            staged = timed("everycase staged", lambda: stage(source_of_url(url), dsn))
            print(f"read {ours / theirs:.2f} x, staged {staged / theirs:.2f} x of simple-salesforce")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
