"""A session and the source over it, from plain options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from everycase.domain.catalogue import Catalogue
from everycase.domain.errors import WrongUse
from everycase.ports import ReadState
from everycase.sources.salesforce.grants import ClientCredentials, LoginGrant, SignedAssertion, signer
from everycase.sources.salesforce.quota import Quota
from everycase.sources.salesforce.session import Patience, Session
from everycase.sources.salesforce.source import ReadManners, SalesforceSource
from everycase.sources.salesforce.visibility import Expectations
from everycase.sources.salesforce.windows import Pace

_SETTING = "EVERYCASE_SALESFORCE__"


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceOptions:
    """The settings of EVERYCASE_SALESFORCE, in the form in which they are used."""

    url: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    username: str
    private_key: str | None = field(default=None, repr=False)
    audience: str
    api_version: str
    quota_share: float
    overlap: timedelta
    lag: timedelta
    timeout: timedelta
    attempts: int
    bulk_from: int
    readers: int
    expected_rows: Mapping[str, int]
    canaries: tuple[str, ...]
    without: tuple[str, ...]


def open_session(options: SalesforceOptions, clock: Callable[[], datetime]) -> Session:
    """A session that has not logged in yet. Raises `WrongUse` where settings are missing."""
    if not options.url:
        raise WrongUse(
            f"EVERYCASE_SOURCE is salesforce and {_SETTING}URL is not set: give the My Domain address, such "
            "as https://example.my.salesforce.com (docs/salesforce.md)"
        )
    return Session(
        url=options.url,
        grant=_grant(options),
        version=options.api_version,
        quota=Quota(options.quota_share),
        timeout_s=options.timeout.total_seconds(),
        patience=Patience(attempts=options.attempts),
        clock=clock,
    )


def open_source(
    session: Session, options: SalesforceOptions, catalogue: Catalogue, state: ReadState
) -> SalesforceSource:
    manners = ReadManners(
        pace=Pace(overlap=options.overlap, lag=options.lag),
        bulk_from=options.bulk_from,
        readers=options.readers,
        expectations=Expectations(rows=options.expected_rows, canaries=options.canaries),
        without=frozenset(options.without),
    )
    return SalesforceSource(session, catalogue, state, manners)


def _grant(options: SalesforceOptions) -> LoginGrant:
    """Client credentials where there is a secret, else a signed assertion. Raises `WrongUse`."""
    if not options.client_id:
        raise WrongUse(f"{_SETTING}CLIENT_ID is not set: it is the consumer key of the External Client App")
    if options.client_secret:
        return ClientCredentials(client_id=options.client_id, client_secret=options.client_secret)
    if options.private_key and options.username:
        return SignedAssertion(
            client_id=options.client_id,
            username=options.username,
            audience=options.audience,
            sign=signer(options.private_key.encode()),
        )
    raise WrongUse(
        f"Salesforce needs {_SETTING}CLIENT_SECRET, or {_SETTING}PRIVATE_KEY and {_SETTING}USERNAME, "
        "from the environment or the folder EVERYCASE_SECRETS"
    )
