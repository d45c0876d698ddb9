"""The bodies of the API: what a client is generated from. Names and meanings are stable.

An order and the progress of a run are the domain's own `Order` and `RunProgress`, as they stand.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from everycase.domain.orders import Order, OrderKind


class Body(BaseModel):
    """What every answer has in common: it is read from our own values and never guesses."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")


class Freshness(Body):
    """How long a change at the source takes until it is searchable, over the last seven days."""

    changes: int = Field(description="Changes that were served.")
    p50_s: float | None
    p95_s: float | None
    longest_s: float | None
    unserved: int = Field(description="Cases that are not served as the source has them.")
    oldest_case: str | None
    oldest_unserved_s: float | None


class SystemStatus(Body):
    """The state of the whole, as the last run left it."""

    taken_at: datetime | None = Field(description="When the counts were taken.")
    counts: dict[str, int | None] = Field(description="Cases at each step from source to index.")
    coverage: dict[str, float] = Field(description="Share of cases that have rows of each child table.")
    completed: int
    completeness: float = Field(
        description="Share of the source's cases that are in the index as they are there."
    )
    lacking: int = Field(description="Cases that are not in the index as the source has them.")
    open_failures: dict[str, int] = Field(description="Open failures by disposition.")
    spaces: dict[str, int]
    debt: int = Field(description="Cases whose vector is of a fallback space.")
    freshness: Freshness
    alerts: list[str]
    stop_reason: str | None
    source: str
    index: str
    space: str


class Case(Body):
    """Where one case stands."""

    record_id: str
    case_number: str | None
    status: str
    current_stage: str
    space: str | None
    note: str | None
    limited_data: bool
    total_fields_populated: int | None
    retry_count: int
    source_timestamp: datetime | None
    weaviate_timestamp: datetime | None
    updated_at: datetime
    error_message: str | None


class CaseList(Body):
    items: list[Case]
    next: str | None = Field(description="`after` of the next page; null on the last one.")


class Failure(Body):
    """One open failure of the error inbox."""

    failure_id: UUID
    record_id: str
    case_number: str | None
    source_object: str
    stage: str
    error_type: str
    error_message: str
    disposition: str
    retry_count: int
    next_retry_time: datetime | None
    failed_at: datetime
    last_failed_at: datetime


class FailureList(Body):
    items: list[Failure]
    next: str | None = Field(description="`cursor` of the next page; null on the last one.")


class FailureGroup(Body):
    """Open failures of one stage and type."""

    stage: str
    error_type: str
    disposition: str
    open: int
    cases: int
    first_seen: datetime
    last_seen: datetime
    next_retry_time: datetime | None


class Forecast(Body):
    """What an order about failures would touch now. The cost is an upper bound."""

    failures: int
    cases: int
    tokens: int
    cost: float


class FailureSelection(BaseModel):
    """Which open failures; every part that is given narrows the choice, none means all."""

    model_config = ConfigDict(extra="forbid")

    stage: str | None = None
    error_type: str | None = None
    disposition: str | None = None
    case: str | None = Field(default=None, description="A record id or a case number.")
    failures: Annotated[list[UUID], Field(max_length=10_000)] | None = Field(
        default=None, description="Only these failures."
    )


class NewOrder(BaseModel):
    """Work to be done. `selection` goes with retry and skip, and only with them."""

    model_config = ConfigDict(extra="forbid")

    kind: OrderKind
    parameters: dict[str, bool | Annotated[int, Field(ge=0, le=10**9)] | float | str] = Field(
        default_factory=dict, description="As the options of the command of this name."
    )
    selection: FailureSelection | None = None


class OrderList(Body):
    items: list[Order]
    next: str | None


class Run(Body):
    """A sync or a reconciliation."""

    run_id: UUID
    kind: str
    start_time: datetime
    end_time: datetime | None
    duration: float | None
    status: str
    gaps: int | None
    recovered: int | None


class RunList(Body):
    items: list[Run]
    next: str | None


class Check(Body):
    """One thing that doctor looked at."""

    name: str
    ok: bool
    detail: str
