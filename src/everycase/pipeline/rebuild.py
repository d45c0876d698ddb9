"""Blue/green: the index is built anew beside the served one, compared, and served in one step (contract §8).

The served one stays as it is meanwhile, and takes what a sync brings. A build that was killed or has
become old is finished by the next one: it looks at what the collection holds and makes what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from everycase.domain import fingerprint, providers
from everycase.domain.cases import IndexObject
from everycase.domain.errors import DependencyUnreachable, ExitCode, WrongUse
from everycase.domain.failures import LoadFailure
from everycase.domain.runs import BatchResult, Deferral, deferred
from everycase.pipeline.build import given_up
from everycase.pipeline.work import LOCK_WAIT_S, Crew, Work
from everycase.ports import Collections
from everycase.store import builds, db, locks, state
from everycase.store.builds import Listing
from everycase.store.db import Connection

READ_PAGE = 200
"""Objects that are read back at once."""

DELETE_BATCH = 1000


@dataclass(slots=True, kw_only=True)
class BuildReport:
    """What a build came to, and whether it is served now."""

    collection: str
    totals: BatchResult = field(default_factory=BatchResult)
    deleted: int = 0
    """Objects of cases that are gone."""
    count: int = 0
    lacking: int = 0
    """Cases that can be found in the served collection and cannot in this one."""
    compared: int = 0
    """Objects that were read back and probed."""
    unlike: int = 0
    """Those of them that were not as they were written, or that their own vector did not find: removed."""
    deferred: int = 0
    deferral: Deferral | None = None
    cost: float = 0.0
    stop_reason: str = ""
    is_served: bool = False
    adopted: int = 0
    duration_s: float = 0.0

    @property
    def problems(self) -> list[str]:
        found = [self.stop_reason] if self.stop_reason else []
        if self.totals.failed:
            kinds = ", ".join(f"{n:,} {t}" for t, n in sorted(self.totals.failures.items()))
            found.append(f"{self.totals.failed:,} cases could not be built: {kinds}")
        if self.deferred:
            found.append(deferred(self.deferred, self.deferral or Deferral.BUDGET, self.cost))
        if self.unlike:
            found.append(f"{self.unlike:,} objects were not as they were written: removed; build again")
        if self.lacking:
            found.append(
                f"{self.lacking:,} cases of the served collection are not in {self.collection}: build again, "
                f"or approve it with --allow-missing {self.lacking}"
            )
        return found

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.UNRESOLVED if self.problems and not self.is_served else ExitCode.CLEAN

    def as_dict(self) -> dict[str, Any]:
        t = self.totals
        return {
            "collection": self.collection,
            "served": self.is_served,
            "built": t.created,
            "failed": t.failed,
            "failures": t.failures,
            "deleted": self.deleted,
            "count": self.count,
            "lacking": self.lacking,
            "compared": self.compared,
            "unlike": self.unlike,
            "deferred": self.deferred,
            "embedded": t.embedded,
            "reused": t.reused,
            "embedding_calls": t.embedding_calls,
            "tokens": t.tokens,
            "cost": self.cost,
            "adopted": self.adopted,
            "problems": self.problems,
            "duration_s": round(self.duration_s, 3),
        }


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """Builds beside what is served.

    `work`: `Builder.build` for a collection and a run, in a form that the engine may hand to other processes.
    """

    dsn: str
    collections: Collections
    crew: Crew
    work: Callable[[str, UUID], Work]
    sample: int
    """Objects that are read back and probed before a collection is served."""

    def build(self, run_id: UUID) -> BuildReport:
        """Make what the collection under way lacks; begin one where there is none.

        Raises `PipelineStopped`, `WrongUse` when another build is at work, `DependencyUnreachable`.
        """
        started = time.perf_counter()
        with (
            db.connect(self.dsn) as conn,
            locks.wait_for(conn, locks.BUILD, seconds=LOCK_WAIT_S),
            _reaching(),
        ):
            state.check(conn)
            report = BuildReport(collection=self._under_way(conn))
            self._catch_up(conn, report, run_id)
            self._look(conn, report)
        report.duration_s = time.perf_counter() - started
        return report

    def switch(self, run_id: UUID, *, allow_missing: int = 0) -> BuildReport:
        """Serve the build: brought up to date first, and compared; nothing else runs meanwhile.

        It is not served where it lacks more than `allow_missing` cases of the served one. Raises as
        `build` does, and `WrongUse` where nothing is being built.
        """
        started = time.perf_counter()
        with self._alone() as conn, locks.wait_for(conn, locks.PIPELINE, seconds=LOCK_WAIT_S):
            state.check(conn)
            name = builds.opened(conn)
            if name is None:
                raise WrongUse("no index is being built: begin with `everycase index build`")
            report = BuildReport(collection=name)
            if not self._is_served(name):
                self._catch_up(conn, report, run_id)
            listing = self._look(conn, report)
            self._compare(listing, report, seed=run_id.int % 2**31)
            if not report.unlike and report.lacking <= allow_missing and not report.stop_reason:
                self._serve(conn, listing, report)
        report.duration_s = time.perf_counter() - started
        return report

    def drop(self, name: str) -> None:
        """Remove a collection that is not served; a build that it was is given up. Raises `WrongUse`."""
        with (
            db.connect(self.dsn) as conn,
            locks.wait_for(conn, locks.BUILD, seconds=LOCK_WAIT_S),
            _reaching(),
        ):
            self.collections.drop(name)
            if builds.opened(conn) == name:
                builds.end(conn)

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        with (
            db.connect(self.dsn) as conn,
            locks.wait_for(conn, locks.BUILD, seconds=LOCK_WAIT_S),
            _reaching(),
        ):
            yield conn

    # ── steps ────────────────────────────────────────────────────────────────────────────────

    def _under_way(self, conn: Connection) -> str:
        name = builds.opened(conn)
        there = {c.name: c for c in self.collections.listed()}
        if name is None or name not in there or there[name].is_served:
            name = self.collections.create(self.crew.processor.embedder.spaces)
            builds.begin(conn, name)
        else:
            self.collections.open(name).prepare(self.crew.processor.embedder.spaces)
        return name

    def _is_served(self, name: str) -> bool:
        """A switch that was killed has served it already, and only the books are open."""
        return any(c.name == name and c.is_served for c in self.collections.listed())

    def _catch_up(self, conn: Connection, report: BuildReport, run_id: UUID) -> None:
        world, index = self.crew.processor, self.collections.open(report.collection)
        listing = Listing(conn, index.manifest())
        for ids in listing.extra(size=DELETE_BATCH):
            report.deleted += index.delete(ids)
        done = self.crew.through(
            self.work(report.collection, run_id),
            listing.batches(recipe=world.recipe, size=self.crew.batch_size),
            due=listing.due(recipe=world.recipe),
            give_up=given_up,
        )
        report.totals, report.stop_reason = done.totals, done.stop_reason
        report.deferred, report.deferral = done.deferred, done.deferral
        report.cost = round(providers.cost(done.totals.usage, world.prices), 4)

    def _look(self, conn: Connection, report: BuildReport) -> Listing:
        """What the collection holds now, by its own word."""
        index = self.collections.open(report.collection)
        listing = Listing(conn, index.manifest())
        report.count, report.lacking = index.count(), listing.lacking()
        return listing

    def _compare(self, listing: Listing, report: BuildReport, *, seed: int) -> None:
        """A sample is read back and probed; what is not as it was written goes, to be built again."""
        index = self.collections.open(report.collection)
        sample = listing.sample(size=self.sample, seed=seed)
        for start in range(0, len(sample), READ_PAGE):
            ids = sample[start : start + READ_PAGE]
            good = {o.stamps.object_id for o in index.objects(ids) if _is_as_written(o)} & index.probe(ids)
            bad = [i for i in ids if i not in good]
            index.delete(bad)
            report.compared, report.unlike = report.compared + len(ids), report.unlike + len(bad)

    def _serve(self, conn: Connection, listing: Listing, report: BuildReport) -> None:
        """In one transaction with the books: killed in the middle, the next switch does the same."""
        with conn.transaction():
            report.adopted = listing.adopt()
            builds.end(conn)
            self.collections.serve(report.collection)
        report.is_served = True


def _is_as_written(o: IndexObject) -> bool:
    return (
        fingerprint.object_hash(o.properties, o.composite) == o.stamps.object_hash
        and fingerprint.vector_hash(o.vector) == o.stamps.vector_hash
    )


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except LoadFailure as e:
        raise DependencyUnreachable(
            f"the index cannot be used ({e}): what is served is as it was; do it again when it is back"
        ) from None
