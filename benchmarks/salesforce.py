"""Reading an organisation: rows a second beside simple-salesforce's own Bulk download of the same data.

The stand-in answers from a process of its own. What its queries find and the pages of their jobs are kept
from a first reading by each client, and the time stands still, so that every round asks for just these: the
clients are measured, in rounds, one after the other. simple-salesforce writes CSV files and parses nothing; it
begins with a pause of five seconds, which is left out here unless `--pause 5` is given. "read" is what the
source yields: canonical rows, hashed, the read balanced; "staged" is all of it, in PostgreSQL. CPU is that
of this process (neither the database's nor the stand-in's), in all and for 10,000 rows: the stand-in shares the
machine's cores, and rows a second depend on how busy they are. `--rate 20000` lets the stand-in send so many rows a
second over each connection, as a network does.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import psutil
import requests
from simple_salesforce import Salesforce
from tests.support.databases import Databases, serving
from tests.support.salesforce.certificate import write_certificate
from tests.support.salesforce.far_end import CREDENTIALS, source_of_url
from tests.support.salesforce.loading import fill
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.server import SalesforceServer
from tests.support.salesforce.world import extraction

from everycase.domain.catalogue import OBJECTS
from everycase.sources.salesforce.everything import page_rows
from everycase.sources.salesforce.source import SalesforceSource

COMMENT = next(o for o in OBJECTS if o.name == "CaseComment")
NOW = datetime(2026, 11, 4, tzinfo=UTC)
open_source = functools.partial(source_of_url, clock=lambda: NOW)


def serve(rows: int, rate: float, certificate: str, line: Connection) -> None:
    """Runs in a process of its own until it is told to stop."""
    organisation = Organisation(clock=lambda: NOW)
    fill(organisation, rows)
    organisation.found = {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with SalesforceServer(organisation) as plain, SalesforceServer(organisation, tls=context) as secure:
        secure.jobs = plain.jobs
        plain.jobs.page, plain.jobs.pages, plain.jobs.rate = 50_000, {}, rate
        line.send((plain.url, secure.host))
        line.recv()


@contextmanager
def organisation_of(rows: int, certificate: Path, rate: float = 0.0) -> Iterator[tuple[str, str]]:
    """The plain address, and host and port with TLS."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(rows, rate, str(certificate), theirs)
    )
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


def simple_download(host: str, certificate: Path, soql: str, pause: float = 0.0) -> int:
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
        pages = found.bulk2.CaseComment.download(soql, path=folder, wait=pause)
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
    """Rows a second."""
    process = psutil.Process()
    begun, cpu = time.perf_counter(), time.process_time()
    rows = work()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    print(
        f"{name:26} {rows:>9,} rows {seconds:8.1f} s {rows / seconds:>10,.0f} rows/s  "
        f"CPU {cpu:6.1f} s ({cpu / rows * 10_000:.3f} s for 10,000)  "
        f"{process.memory_info().rss / 2**20:,.0f} MiB",
        flush=True,
    )
    return rows / seconds


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.0, help="simple-salesforce's own is 5 seconds")
    parser.add_argument("--rate", type=float, default=0.0, help="rows a second over one connection")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, serving() as postgres:
        certificate = write_certificate(Path(folder))
        with organisation_of(asked.rows, certificate, asked.rate) as (url, host):
            columns = open_source(url).columns(COMMENT)
            assert columns is not None
            soql = f"SELECT {', '.join(columns.paths)} FROM CaseComment"
            print(f"pages of {page_rows(asked.rows):,} rows for everycase, of 50,000 for simple-salesforce")
            read(open_source(url))  # the stand-in renders its pages
            simple_download(host, certificate, soql)
            ratios = []
            for _ in range(asked.rounds):
                theirs = timed(
                    "simple-salesforce bulk2",
                    lambda: simple_download(host, certificate, soql, asked.pause),
                )
                ours = timed("everycase read", lambda: read(open_source(url)))
                with Databases(postgres).fresh() as dsn:
                    staged = timed("everycase staged", functools.partial(stage, open_source(url), dsn))
                ratios.append((ours / theirs, staged / theirs))
            for name, found in zip(("read", "staged"), zip(*ratios, strict=True), strict=True):
                print(
                    f"{name} {statistics.median(found):.2f} x of simple-salesforce ({min(found):.2f} to {max(found):.2f})"
                )


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
