"""The figures that monitoring reads: all of them from PostgreSQL, none from this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from everycase.app import App
from everycase.operations.overview import OverviewPage, read_overview
from everycase.store import budget, census, ledger

_EVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One scrape."""

    overview: OverviewPage
    last_ended: Sequence[Mapping[str, Any]]
    """Kind, status and end of the last run of each kind and status."""
    last_clean: datetime | None
    spent: Sequence[Mapping[str, Any]]
    """Calls, tokens, time-outs and cost of each provider, since the beginning."""
    breakers: Mapping[str, bool]
    """Whether the breaker of a provider is open."""


def read_figures(app: App) -> Figures:
    overview = read_overview(app)
    names = [n for n in app.settings.embedders if not n.startswith("local")]
    with app.pool.connection() as conn:
        return Figures(
            overview=overview,
            last_ended=census.last_ended(conn),
            last_clean=census.last_clean(conn),
            spent=ledger.spent(conn, since=_EVER),
            breakers={n: s.open_until is not None for n, s in budget.states(conn, names).items()},
        )
