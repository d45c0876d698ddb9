"""The stand-in for Salesforce speaks the real protocol: clients that we did not write read all rows right."""

from __future__ import annotations

import csv
import io
import json
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest

from everycase.domain.catalogue import OBJECTS
from everycase.sources.sample.source import write_sample
from tests.support.salesforce.certificate import write_certificate
from tests.support.salesforce.far_end import CREDENTIALS, source_of
from tests.support.salesforce.loading import Loader
from tests.support.salesforce.node import NoNode, run_script
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.server import SalesforceServer
from tests.support.salesforce.soql import BadQuery, parse

NAMES = [o.name for o in OBJECTS]


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Organisation:
    """A sample of 300 cases, with a deleted case and an archived task."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, cases=300, seed=11)
    found = Organisation()
    Loader(found).load(folder)
    found.delete("Case", min(found.tables["Case"].rows))
    found.change("Task", min(found.tables["Task"].rows), IsArchived=True)
    return found


@pytest.fixture
def server(organisation: Organisation) -> Iterator[SalesforceServer]:
    with SalesforceServer(organisation) as found:
        found.queries.page = 150
        found.jobs.page = 170
        yield found


def token_of(server: SalesforceServer) -> str:
    form, basic = {"grant_type": "client_credentials"}, (CREDENTIALS.client_id, CREDENTIALS.client_secret)
    answer = httpx.post(f"{server.url}/services/oauth2/token", data=form, auth=basic)
    return str(answer.json()["access_token"])


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return write_certificate(tmp_path)


@pytest.fixture
def simple(organisation: Organisation, certificate: Path) -> Iterator[Salesforce]:
    """simple-salesforce as it is, over TLS, as it cannot do otherwise."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with SalesforceServer(organisation, tls=context) as server:
        server.queries.page = 150
        server.jobs.page = 170
        trust = ssl.create_default_context(cafile=str(certificate))
        form, basic = {"grant_type": "client_credentials"}, (CREDENTIALS.client_id, CREDENTIALS.client_secret)
        answer = httpx.post(f"{server.url}/services/oauth2/token", data=form, auth=basic, verify=trust)
        session = requests.Session()
        session.trust_env = False
        session.verify = str(certificate)
        yield Salesforce(
            instance=server.host, session_id=answer.json()["access_token"], version="62.0", session=session
        )


@pytest.mark.parametrize("name", NAMES)
def test_simple_salesforce_reads_every_row_by_rest(
    simple: Salesforce, organisation: Organisation, name: str
) -> None:
    """Over several pages; archived tasks and deleted rows only with `queryAll`."""
    soql = f"SELECT Id, SystemModstamp FROM {name}"
    all_rows = set(organisation.tables[name].rows)
    assert {r["Id"] for r in simple.query_all_iter(soql, include_deleted=True)} == all_rows
    live = {r["Id"] for r in simple.query_all_iter(soql)}
    assert len(all_rows - live) == (1 if name in ("Case", "Task") else 0)
    assert simple.query(f"SELECT count() FROM {name}")["totalSize"] == len(live)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "WorkOrderFeed"])
def test_simple_salesforce_reads_every_row_by_bulk(
    simple: Salesforce, organisation: Organisation, name: str
) -> None:
    """Page by page, with a header on each."""
    pages = getattr(simple.bulk2, name).query_all(f"SELECT Id, CreatedDate FROM {name}", wait=0.01)
    ids = [row["Id"] for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert sorted(ids) == sorted(organisation.tables[name].rows)


def test_simple_salesforce_is_refused_what_salesforce_refuses(simple: Salesforce) -> None:
    """With the codes that it knows."""
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'Shoe__c'"):
        simple.query("SELECT Shoe__c FROM Case")
    with pytest.raises(SalesforceMalformedRequest, match="not supported by the Bulk API"):
        list(simple.bulk2.WorkOrderFeed.query("SELECT Id FROM WorkOrderFeed", wait=0.01))


def test_simple_salesforce_sees_descriptions_deletions_and_limits(
    simple: Salesforce, organisation: Organisation
) -> None:
    assert {o["name"] for o in simple.describe()["sobjects"]} == set(organisation.tables)
    assert "SystemModstamp" in {f["name"] for f in simple.Case.describe()["fields"]}
    now = organisation.clock()
    deleted = simple.Case.deleted(now - timedelta(days=1), now + timedelta(minutes=2))
    assert [r["id"] for r in deleted["deletedRecords"]] == [min(organisation.tables["Case"].rows)]
    assert simple.limits()["DailyApiRequests"]["Max"] == 100_000


def test_jsforce_reads_every_row(server: SalesforceServer, organisation: Organisation) -> None:
    """By REST over several pages, and by Bulk in one: jsforce 3.10 ends its stream after the first."""
    server.jobs.page = 10_000
    try:
        found = run_script("read.mjs", server.url, token_of(server), *NAMES)
    except NoNode as e:
        pytest.skip(str(e))
    for name in NAMES:
        tasks = organisation.tables["Task"]
        live = sorted(
            i for i, _ in organisation.live(name) if name != "Task" or not tasks.value(i, "IsArchived")
        )
        assert sorted(found[name]["rest"]) == live
        assert found[name]["bulk"] is None or sorted(found[name]["bulk"]) == live
        assert found[name]["total"] == found[name]["count"] == len(live)


BAD = (
    "SELECT FROM Case",
    "SELECT Id FROM Case WHERE",
    "SELECT Id FROM Case WHERE Status = 'New' AND",
    "SELECT Id, FROM Case",
    "SELECT Id FROM Case ORDER Id",
    "SELECT Id FROM Case WHERE Id IN ()",
)


def test_a_soql_parser_takes_what_we_ask_and_the_stand_in_refuses_what_it_refuses(
    server: SalesforceServer,
) -> None:
    """Every query that a first load and a sweep sent, and queries that are none."""
    source = source_of(server)
    for obj in OBJECTS:
        assert source.state(obj).is_present
        for reading in (source.changes(obj), source.inventory(obj)):
            rows = list(reading)
            assert reading.proof().is_whole
        assert list(source.fetch(obj, {r.id for r in rows[:3]}))
    asked = sorted(server.soql)
    assert len(asked) > 20
    try:
        verdicts = run_script("parse.mjs", given=json.dumps([*asked, *BAD]))
    except NoNode as e:
        pytest.skip(str(e))
    assert [q for q, is_valid in zip(asked, verdicts, strict=False) if not is_valid] == []
    for query, is_valid in zip(BAD, verdicts[len(asked) :], strict=True):
        assert not is_valid
        with pytest.raises(BadQuery):
            parse(query)
