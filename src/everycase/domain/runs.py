"""The figures of stages, batches and runs. The same objects are logged, stored and printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from everycase.domain.failures import POLICIES, ErrorType
from everycase.domain.usage import Prices, Usage, add_usage, fallback_share, told
from everycase.domain.usage import cost as cost_of


class RunKind(StrEnum):
    """What a run is for."""

    SYNC = "sync"
    RECONCILE = "reconcile"
    RETRY = "retry"
    BUILD = "build"


class RunStatus(StrEnum):
    """How a run ended, or that it has not."""

    RUNNING = "running"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    """Gaps are left that nothing explains."""
    DEFERRED = "deferred"
    """Cases are left to the next run: the budget is spent, or the index is away."""
    STOPPED = "stopped"
    """So much failed that the pipeline was stopped."""
    INTERRUPTED = "interrupted"
    """It was told to end, or its process died."""
    FAILED = "failed"
    """An error ended it."""


@dataclass(slots=True, kw_only=True)
class StageResult:
    """What one stage did with the cases that it read: `read == written + skipped + failed`, always."""

    read: int = 0
    written: int = 0
    skipped: int = 0
    failed: int = 0
    seconds: float = 0.0
    """Summed over all workers."""

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise `AssertionError` if the numbers do not add up."""
        if self.read != self.written + self.skipped + self.failed:
            raise AssertionError(f"a stage lost cases: {self}")

    def add(self, other: StageResult) -> None:
        self.read += other.read
        self.written += other.written
        self.skipped += other.skipped
        self.failed += other.failed
        self.seconds += other.seconds


class Deferral(StrEnum):
    """Why a run leaves cases to the next one."""

    BUDGET = "budget"
    INDEX_AWAY = "index_away"
    INTERRUPTED = "interrupted"
    """A person, or the system, told the run to end."""


def deferred(cases: int, why: Deferral, cost: float) -> str:
    """The sentence for a report."""
    reason = {
        Deferral.BUDGET: f"{cost:.2f} spent, and --max-cost allows no more",
        Deferral.INDEX_AWAY: "the index does not answer or takes no writes; see `everycase doctor`",
        Deferral.INTERRUPTED: "the run was told to end",
    }[why]
    return f"{cases:,} cases are left to the next run: {reason}"


_PROVIDER_OUTAGES = frozenset(
    {
        ErrorType.EMBEDDING_API_TIMEOUT,
        ErrorType.EMBEDDING_RATE_LIMITED,
        ErrorType.EMBEDDING_UNAVAILABLE,
    }
)
INDEX_OUTAGES = frozenset(
    {ErrorType.WEAVIATE_UNAVAILABLE, ErrorType.WEAVIATE_READ_ONLY, ErrorType.WEAVIATE_TIMEOUT}
)


@dataclass(slots=True, kw_only=True)
class BatchResult:
    """What became of one batch of cases: each of its ids is in exactly one of the counts."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    """The case changed or was deleted while this batch was under way; a later batch works on it."""
    failed: int = 0
    retries: int = 0
    """Cases that had failed before. The failure rate leaves them out."""
    blamed: int = 0
    """Cases that failed for the first time, and not because a dependency was down."""
    embedded: int = 0
    """Texts that a provider turned into a vector."""
    reused: int = 0
    """Cases whose vector was in the cache."""
    embedding_calls: int = 0
    tokens: int = 0
    cut: int = 0
    """Texts that were too long for the model, and were cut."""
    usage: dict[str, Usage] = field(default_factory=dict)
    """What each provider did."""
    redactions: dict[str, int] = field(default_factory=dict)
    residues: dict[str, int] = field(default_factory=dict)
    """What the residual scan found behind the rules and masked, by shape."""
    failures: dict[ErrorType, int] = field(default_factory=dict)
    """The cases that failed, by type."""
    stages: dict[str, StageResult] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        return self.created + self.updated + self.unchanged + self.superseded + self.failed

    @property
    def outages(self) -> int:
        """Cases that failed because a provider or the index was down."""
        return sum(n for t, n in self.failures.items() if t in _PROVIDER_OUTAGES | INDEX_OUTAGES)

    @property
    def met_no_index(self) -> bool:
        """Whether cases came as far as the index and every one of them found it away."""
        lost = sum(n for t, n in self.failures.items() if t in INDEX_OUTAGES)
        return bool(lost) and not self.created and not self.updated

    def count_failure(self, error_type: ErrorType, *, is_first: bool) -> None:
        """Count a case that failed. `is_first`: it had not failed before."""
        self.failed += 1
        self.failures[error_type] = self.failures.get(error_type, 0) + 1
        self.blamed += is_first and not POLICIES[error_type].is_outage

    def add(self, other: BatchResult) -> None:
        for name in (
            "created",
            "updated",
            "unchanged",
            "superseded",
            "failed",
            "retries",
            "blamed",
            "embedded",
            "reused",
            "embedding_calls",
            "tokens",
            "cut",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        add_usage(self.usage, other.usage)
        add_counts(self.redactions, other.redactions)
        add_counts(self.residues, other.residues)
        add_counts(self.failures, other.failures)
        for stage, result in other.stages.items():
            self.stages.setdefault(stage, StageResult()).add(result)


K = TypeVar("K", bound=str)


def add_counts(counts: dict[K, int], more: Mapping[K, int]) -> None:
    """Add counts by name to those that are there."""
    for name, n in more.items():
        counts[name] = counts.get(name, 0) + n


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectResult:
    """What reading one source object did to staging."""

    object: str
    was_read: bool
    """False where the source's version was the one that staging holds already."""
    rows: int = 0
    changed: int = 0
    vanished: int = 0
    malformed: int = 0
    withheld: int = 0
    """Rows whose deletion waits for a person's approval."""
    announced: int | None = None
    """Rows that the source promised, where it promises any."""
    counted: int | None = None
    """Rows that the source counted, where it counts."""
    is_whole: bool = True
    """Every row was named; a read that is not whole deletes nothing."""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Rows that belong to no case, by the reason."""
    remark: str = ""
    """What a reader of the report must know, though nothing is wrong."""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowest:
    """The stage that took the most time of all workers together."""

    stage: str
    seconds: float


def slowest(stages: Mapping[str, StageResult]) -> Slowest | None:
    if not stages:
        return None
    name = max(stages, key=lambda s: stages[s].seconds)
    return Slowest(stage=name, seconds=stages[name].seconds)


@dataclass(slots=True, kw_only=True)
class Worked:
    """What has been worked off so far. `stop_reason`: why the pipeline was stopped in the middle of it."""

    totals: BatchResult = field(default_factory=BatchResult)
    stop_reason: str = ""
    deferred: int = 0
    """Cases that are left to the next run."""
    deferral: Deferral | None = None
    """Why they are left."""

    @property
    def is_whole(self) -> bool:
        """Everything that was due was worked on."""
        return not (self.stop_reason or self.deferral)

    def add(self, other: Worked) -> None:
        """Count what was worked off after this."""
        self.totals.add(other.totals)
        self.stop_reason, self.deferral = other.stop_reason, other.deferral
        self.deferred += other.deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """What a run worked off, and what that cost: the same in the report of every kind of run."""

    totals: BatchResult = field(default_factory=BatchResult)
    stop_reason: str = ""
    deferred: int = 0
    """Cases that are left to the next run."""
    deferral: Deferral | None = None
    """Why they are left."""
    cost: float = 0.0
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What each provider did, and what it cost."""
    fallback_share: float = 0.0
    """Of the vectors of this run, those that a fallback made."""
    breakers: Sequence[Mapping[str, Any]] = ()
    """The circuit breakers that opened and closed meanwhile, in order."""
    duration_s: float = 0.0

    @classmethod
    def of(
        cls,
        worked: Worked,
        *,
        prices: Prices,
        space: str,
        breakers: Sequence[Mapping[str, Any]],
        duration_s: float,
    ) -> RunFigures:
        """The figures of what was worked off. `space`: the preferred embedding space."""
        usage = worked.totals.usage
        return cls(
            totals=worked.totals,
            stop_reason=worked.stop_reason,
            deferred=worked.deferred,
            deferral=worked.deferral,
            cost=round(cost_of(usage, prices), 4),
            providers=told(usage, prices),
            fallback_share=fallback_share(usage, space),
            breakers=breakers,
            duration_s=duration_s,
        )

    @property
    def problems(self) -> list[str]:
        """Why work is left, in sentences."""
        found = [f"the pipeline was stopped: {self.stop_reason}"] if self.stop_reason else []
        if self.deferred:
            found.append(deferred(self.deferred, self.deferral or Deferral.BUDGET, self.cost))
        return found

    def as_dict(self) -> dict[str, Any]:
        totals, slow = self.totals, slowest(self.totals.stages)
        return {
            "embedded": totals.embedded,
            "reused": totals.reused,
            "embedding_calls": totals.embedding_calls,
            "tokens": totals.tokens,
            "cut": totals.cut,
            "cost": self.cost,
            "deferred": self.deferred,
            "deferral": self.deferral,
            "providers": {name: dict(used) for name, used in self.providers.items()},
            "fallback_share": self.fallback_share,
            "breakers": list(self.breakers),
            "stages": {name: asdict(s) for name, s in totals.stages.items()},
            "slowest_stage": slow.stage if slow else None,
            "stop_reason": self.stop_reason,
            "duration_s": round(self.duration_s, 3),
        }
