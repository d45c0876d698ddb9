"""The disagreements that reconciliation looks for, and what closes each (contract §12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from everycase.domain.errors import WrongUse
from everycase.domain.shards import Shard


class GapKind(StrEnum):
    """One kind of disagreement between two places that should agree."""

    NOT_STAGED = "not_staged"
    """The source has the row, and staging does not."""
    GONE_AT_SOURCE = "gone_at_source"
    """Staging or lineage has it alive, the source has it no longer."""
    CHANGED_AT_SOURCE = "changed_at_source"
    """The source's row is not the one that is staged."""
    ALTERED = "altered"
    """The staged row does not hold what its hash says."""
    UNTRACKED = "untracked"
    """Staged, and in no lineage."""
    STUCK = "stuck"
    """In progress, and no worker alive."""
    OUTDATED = "outdated"
    """What was loaded is older than what is staged, or was made by another recipe."""
    MISSING = "missing"
    """Lineage says loaded, the index has none."""
    STALE = "stale"
    """The object's stamps or properties are not those that were loaded."""
    CORRUPT = "corrupt"
    """The vector that is read back is not the one that was loaded."""
    UNSEARCHABLE = "unsearchable"
    """There by id, and found by no vector search."""
    WRONG_SPACE = "wrong_space"
    """The object is in another embedding space than lineage says."""
    ORPHAN = "orphan"
    """An object of the index that belongs to no staged case."""
    DUPLICATE = "duplicate"
    """A second object of one case."""
    DEBT = "debt"
    """Loaded with a vector of a fallback space."""
    QUARANTINED = "quarantined"
    """The index serves a case whose text may hold personal data."""
    COUNT_MISMATCH = "count_mismatch"
    """The index counts more or fewer objects than it lists."""


class RecoveryMethod(StrEnum):
    """How a gap was closed. Failures that were closed name theirs in `failed_records`."""

    RESTAGED = "restaged"
    DELETED = "deleted"
    TRACKED = "tracked"
    RESUMED = "resumed"
    REFRESHED = "refreshed"
    RELOADED = "reloaded"
    RE_EMBEDDED = "re_embedded"
    REINSERTED = "delete_then_insert"
    REMOVED_ORPHAN = "removed_orphan"
    REMOVED_DUPLICATE = "removed_duplicate"
    REMOVED_QUARANTINED = "removed_quarantined"
    UPGRADED = "upgraded"


METHODS: Mapping[GapKind, RecoveryMethod | None] = {
    GapKind.NOT_STAGED: RecoveryMethod.RESTAGED,
    GapKind.GONE_AT_SOURCE: RecoveryMethod.DELETED,
    GapKind.CHANGED_AT_SOURCE: RecoveryMethod.RESTAGED,
    GapKind.ALTERED: RecoveryMethod.RESTAGED,
    GapKind.UNTRACKED: RecoveryMethod.TRACKED,
    GapKind.STUCK: RecoveryMethod.RESUMED,
    GapKind.OUTDATED: RecoveryMethod.REFRESHED,
    GapKind.MISSING: RecoveryMethod.RELOADED,
    GapKind.STALE: RecoveryMethod.REINSERTED,
    GapKind.CORRUPT: RecoveryMethod.REINSERTED,
    GapKind.UNSEARCHABLE: RecoveryMethod.REINSERTED,
    GapKind.WRONG_SPACE: RecoveryMethod.REINSERTED,
    GapKind.ORPHAN: RecoveryMethod.REMOVED_ORPHAN,
    GapKind.DUPLICATE: RecoveryMethod.REMOVED_DUPLICATE,
    GapKind.DEBT: RecoveryMethod.UPGRADED,
    GapKind.QUARANTINED: RecoveryMethod.REMOVED_QUARANTINED,
    GapKind.COUNT_MISMATCH: None,
}
"""The least work that repairs each kind; a missing object whose vector is lost too is `re_embedded`."""

AT_SOURCE = frozenset(
    {GapKind.NOT_STAGED, GapKind.CHANGED_AT_SOURCE, GapKind.GONE_AT_SOURCE, GapKind.ALTERED}
)
"""Kinds that are closed by reading rows of the source again."""
REPAIRABLE = frozenset(
    {GapKind.MISSING, GapKind.STALE, GapKind.CORRUPT, GapKind.UNSEARCHABLE, GapKind.WRONG_SPACE}
)
"""Kinds whose object is loaded again, because the index holds none or a wrong one."""
EXTRA = frozenset({GapKind.ORPHAN, GapKind.DUPLICATE, GapKind.QUARANTINED})
"""Kinds whose object is deleted from the index."""


class RunType(StrEnum):
    """How thorough a reconciliation is.

    `hourly`: counts, failures that are due, stuck work, changed cases; the sets too where counts disagree.
    `daily`: the source swept, all sets and stamps, a sample read back and probed, retention.
    `manual`: as daily, without retention.
    """

    HOURLY = "hourly"
    DAILY = "daily"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a reconciliation compares."""

    sets: bool
    """Compare every object of the index with lineage, and every row of the source with staging."""
    contents: bool
    """Read objects back and probe them: what was loaded since the last look and a sample of the rest."""
    everything: bool
    """Read back and probe all of them; read the source whatever its version says."""
    retention: bool
    skips: bool = False
    """List only the buckets of the index whose digest is not the expected one, if the index has digests."""
    source: bool = True
    """Compare source, staging and lineage with each other as well."""


def scope_of(run_type: RunType, *, deep: bool, is_part: bool = False) -> Scope:
    """The scope of a run. `deep`: everything is compared; `is_part`: index and lineage of one shard."""
    if is_part:
        return Scope(sets=True, contents=True, everything=True, retention=False, source=False)
    thorough = deep or run_type is not RunType.HOURLY
    return Scope(
        sets=thorough,
        contents=thorough,
        everything=deep,
        retention=run_type is RunType.DAILY,
        skips=not deep and run_type is not RunType.DAILY,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileOrder:
    """What a reconciliation is asked to do. With `dry_run` nothing is written and nobody is told."""

    run_type: RunType
    deep: bool = False
    dry_run: bool = False
    allow_deletes: int = 0
    shard: Shard | None = None
    """Reconcile only this part of the cases. Needs `deep`."""

    def __post_init__(self) -> None:
        if self.shard and (self.dry_run or not self.deep):
            raise WrongUse("--shard divides the work of --deep: give it with --deep and without --dry-run")

    @property
    def scope(self) -> Scope:
        return scope_of(self.run_type, deep=self.deep, is_part=self.shard is not None)


class Expected(NamedTuple):
    """What lineage says of a loaded object whose content is to be read back."""

    object_id: UUID
    record_id: str
    case_number: str
    vector_hash: str
    object_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One disagreement. `object`: the source object that it is about."""

    kind: GapKind
    object: str = "Case"
    record_id: str | None = None
    case_number: str | None = None
    object_id: UUID | None = None


def content_gap(
    expected: Expected, *, object_hash: str | None, vector_hash: str | None, is_found: bool
) -> GapKind | None:
    """What is wrong with an object that was read back; None for nothing.

    `object_hash` is None where the object was listed and cannot be read by its id: no filter finds it
    then (docs/facts.md 3). The vector comes first: it is what searches go by.
    """
    if object_hash is None:
        return GapKind.UNSEARCHABLE
    if vector_hash != expected.vector_hash:
        return GapKind.CORRUPT
    if object_hash != expected.object_hash:
        return GapKind.STALE
    return None if is_found else GapKind.UNSEARCHABLE
