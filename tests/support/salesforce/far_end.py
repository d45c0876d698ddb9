"""The stand-in as the far end of the conformance suite, and a source of it that waits for nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from everycase.domain.catalogue import Catalogue
from everycase.domain.rows import moment
from everycase.ports import ReadState
from everycase.sources.salesforce.grants import ClientCredentials
from everycase.sources.salesforce.quota import Quota
from everycase.sources.salesforce.session import Patience, Session
from everycase.sources.salesforce.source import ReadManners, SalesforceSource
from tests.support.exports import Row
from tests.support.salesforce.faults import Ask, Fault
from tests.support.salesforce.loading import Loader
from tests.support.salesforce.organisation import Organisation
from tests.support.salesforce.server import SalesforceServer

CREDENTIALS = ClientCredentials(client_id="client", client_secret="secret-of-the-client")
IMPATIENT = Patience(attempts=4, first_wait_s=0.0)


class MemoryState:
    """What a source keeps between reads, in memory. Implements `ports.ReadState`."""

    def __init__(self) -> None:
        self._kept: dict[str, Mapping[str, Any]] = {}

    def get(self, key: str) -> Mapping[str, Any] | None:
        return self._kept.get(key)

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        self._kept[key] = value

    def delete(self, key: str) -> None:
        self._kept.pop(key, None)


class Clock:
    """A time that tests move."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def do_not_wait(seconds: float) -> None:
    """Instead of a pause."""


def source_of(
    server: SalesforceServer,
    *,
    state: ReadState | None = None,
    manners: ReadManners | None = None,
    bulk_from: int = 2000,
    quota_share: float = 0.8,
    catalogue: Catalogue | None = None,
) -> SalesforceSource:
    """A source as a new run would make it."""
    manners = manners or ReadManners(bulk_from=bulk_from, wait=do_not_wait)
    return source_of_url(
        server.url,
        state=state,
        manners=manners,
        quota_share=quota_share,
        catalogue=catalogue,
        clock=server.organisation.clock,
    )


def source_of_url(
    url: str,
    *,
    state: ReadState | None = None,
    manners: ReadManners | None = None,
    quota_share: float = 0.8,
    catalogue: Catalogue | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SalesforceSource:
    """The same of a server in another process."""
    session = Session(
        url=url,
        grant=CREDENTIALS,
        version="62.0",
        quota=Quota(quota_share),
        timeout_s=20.0,
        patience=IMPATIENT,
        wait=do_not_wait,
        clock=clock,
    )
    manners = manners or ReadManners(wait=do_not_wait)
    return SalesforceSource(session, catalogue or Catalogue(), state or MemoryState(), manners)


class OrganisationEnd:
    """An organisation behind a server. Implements `tests.support.far_ends.FarEnd`."""

    def __init__(self, *, bulk_from: int) -> None:
        self.clock = Clock(datetime(2024, 11, 4, 9, tzinfo=UTC))
        self.organisation = Organisation(clock=self.clock)
        self.server = SalesforceServer(self.organisation)
        self._loader = Loader(self.organisation)
        self._manners = ReadManners(bulk_from=bulk_from, wait=do_not_wait)

    def source(self) -> SalesforceSource:
        return source_of(self.server, manners=self._manners)

    def put(self, name: str, *rows: Row) -> None:
        for row in rows:
            self._loader.put(name, row)
        latest = max(moment(row["SystemModstamp"]) for row in rows)
        self.clock.now = max(self.clock.now, latest) + timedelta(hours=1)

    def remove(self, name: str, *ids: str) -> None:
        for record_id in ids:
            self.organisation.purge(name, record_id)
        self.clock.move(hours=1)

    def mark_deleted(self, name: str, *ids: str) -> None:
        for record_id in ids:
            self.organisation.delete(name, record_id)
        self.clock.move(hours=1)

    def cut(self, name: str) -> None:
        for ask in (Ask.QUERY, Ask.RESULTS):
            self.server.faults.plan(Fault.PAGE_LACKS_A_ROW, ask, times=1000)
