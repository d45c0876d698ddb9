"""The session with a Salesforce organisation and the source over it, as the settings describe them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime

from everycase.domain.catalogue import Catalogue
from everycase.ports import ReadState
from everycase.settings.salesforce import SalesforceSettings
from everycase.sources.salesforce.source import SalesforceSource
from everycase.sources.salesforce.wiring import SalesforceOptions, open_session, open_source


def connect_salesforce(
    settings: SalesforceSettings,
    catalogue: Catalogue,
    state: ReadState,
    *,
    clock: Callable[[], datetime],
    until: ExitStack,
) -> SalesforceSource:
    """Nothing is sent until the source is first read; the session closes with `until`.

    Raises `WrongUse` where settings are missing.
    """
    options = SalesforceOptions(**settings.as_options())
    session = open_session(options, clock)
    until.callback(session.close)
    return open_source(session, options, catalogue, state)
