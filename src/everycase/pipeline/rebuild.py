"""Blue/green: build the index beside the served one, compare the two, and switch in one step (contract §8).

The served one stays as it is meanwhile, and takes what a sync brings. A build that was killed or has
become old is finished by the next one: it looks at what the collection holds and makes what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

from everycase.domain import fingerprint
from everycase.domain.alerts import Facts, Told
from everycase.domain.cases import IndexObject
from everycase.domain.errors import ExitCode, WrongUse, interrupted_by
from everycase.domain.runs import BatchResult, Deferral, RunFigures
from everycase.pipeline.build import given_up
from everycase.pipeline.run import LOCK_WAIT_S, OpenRun, RunEnd, Shell, reaching_index
from everycase.pipeline.work import BatchWorker, Crew
from everycase.ports import Collections, VectorIndex
from everycase.store import budget, builds, locks
from everycase.store.builds import Listing
from everycase.store.db import Connection

Judge = Callable[[VectorIndex, VectorIndex], list[str]]
"""Returns why the second index must not be served in place of the first one; empty if it may."""


def approve(_served: VectorIndex, _build: VectorIndex) -> list[str]:
    """A judge without objections, for a user without golden queries."""
    return []


READ_PAGE = 200
"""Objects that are read back at once."""

DELETE_BATCH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build came to, and whether it is served now."""

    collection: str
    figures: RunFigures
    deleted: int = 0
    """Objects of cases that are gone."""
    count: int = 0
    lacking: int = 0
    """Cases that can be found in the served collection and cannot in this one."""
    compared: int = 0
    """Objects that were read back and probed."""
    unlike: int = 0
    """Compared objects that differ from what was written or that their own vector does not find; removed."""
    objections: Sequence[str] = ()
    """Why it is not served although it is whole: searches find less in it."""
    is_served: bool = False
    adopted: int = 0
    ended_by: int | None = None
    """The signal that ended it early."""
    undelivered: Sequence[str] = ()

    facts = Facts()
    """A build says nothing of the served index, so it is judged by no rule."""
    is_fully_clean = False

    @property
    def totals(self) -> BatchResult:
        return self.figures.totals

    @property
    def problems(self) -> list[str]:
        found = self.figures.problems
        if self.totals.failed:
            kinds = ", ".join(f"{n:,} {t}" for t, n in sorted(self.totals.failures.items()))
            found.append(f"{self.totals.failed:,} cases could not be built: {kinds}")
        if self.unlike:
            found.append(f"{self.unlike:,} objects were not as they were written: removed; build again")
        if self.lacking:
            found.append(
                f"{self.lacking:,} cases of the served collection are not in {self.collection}: build again, "
                f"or approve it with --allow-missing {self.lacking}"
            )
        return [*found, *self.objections, *Told(undelivered=self.undelivered).problems]

    @property
    def exit_code(self) -> ExitCode:
        if self.figures.deferral is Deferral.INTERRUPTED:
            return interrupted_by(self.ended_by)
        return ExitCode.UNRESOLVED if self.problems and not self.is_served else ExitCode.CLEAN

    def with_alerts(self, told: Told) -> Self:
        return replace(self, undelivered=told.undelivered)

    def as_dict(self) -> dict[str, Any]:
        return {
            "collection": self.collection,
            "served": self.is_served,
            "built": self.totals.created,
            "failed": self.totals.failed,
            "failures": self.totals.failures,
            "deleted": self.deleted,
            "count": self.count,
            "lacking": self.lacking,
            "compared": self.compared,
            "unlike": self.unlike,
            "objections": list(self.objections),
            **self.figures.as_dict(),
            "adopted": self.adopted,
            "problems": self.problems,
        }


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """Builds an index beside the served one, and switches to it.

    `work`: `Builder.build` for a collection and a run, in a form that the engine may hand to other processes.
    """

    shell: Shell
    collections: Callable[[], Collections]
    crew: Callable[[], Crew]
    work: Callable[[str, UUID], BatchWorker]
    sample: int
    """Objects that are read back and probed before a collection is served."""
    judge: Judge = approve
    """Holds the build against the served index before it takes its place."""

    def build(self, run_id: UUID) -> BuildReport:
        """Make what the collection under way lacks; begin one where there is none.

        Raises as `Shell.carry_out` does.
        """
        return self.shell.carry_out(run_id, self._job)

    def switch(self, run_id: UUID, *, allow_missing: int = 0) -> BuildReport:
        """Serve the build: brought up to date first, and compared; nothing else runs meanwhile.

        It is not served where it lacks more than `allow_missing` cases of the served one. Raises as
        `build` does, and `WrongUse` where nothing is being built.
        """
        shell = replace(self.shell, held=(locks.BUILD, locks.PIPELINE))
        return shell.carry_out(
            run_id,
            lambda run: _SwitchJob(build=self._job(run), allow_missing=allow_missing, judge=self.judge),
        )

    def _job(self, run: OpenRun) -> _BuildJob:
        return _BuildJob(
            run=run,
            collections=self.collections(),
            crew=self.crew(),
            make_work=self.work,
            sample=self.sample,
        )

    def drop(self, name: str) -> None:
        """Remove a collection that is not served; a build that it was is given up. Raises `WrongUse`."""
        with (
            self.shell.connect() as conn,
            locks.wait_for(conn, locks.BUILD, seconds=LOCK_WAIT_S),
            reaching_index(),
        ):
            self.collections().drop(name)
            if builds.opened(conn) == name:
                builds.end(conn)


@dataclass(kw_only=True)
class _BuildJob:
    """One build at work, and what it has found so far. Its books are the collections themselves."""

    run: OpenRun
    collections: Collections
    crew: Crew
    make_work: Callable[[str, UUID], BatchWorker]
    sample: int
    collection: str = ""
    deleted: int = 0
    count: int = 0
    lacking: int = 0
    compared: int = 0
    unlike: int = 0
    objections: Sequence[str] = ()
    is_served: bool = False
    adopted: int = 0

    def begin(self) -> None:
        """Open the collection that is under way, or a new one."""
        spaces = self.crew.processor.embedder.spaces
        name = builds.opened(self.run.conn)
        there = {c.name: c for c in self.collections.listed()}
        if name is None or name not in there or there[name].is_served:
            name = self.collections.create(spaces)
            builds.begin(self.run.conn, name)
        else:
            self.collections.open(name).prepare(spaces)
        self.collection = name

    def work(self) -> None:
        self.catch_up()
        self.look()

    def summarise(self, conn: Connection, end: RunEnd) -> BuildReport:  # noqa: ARG002 - no books to say it in
        processor = self.crew.processor
        breakers = budget.transitions(conn, since=self.run.database_time)
        return BuildReport(
            collection=self.collection,
            figures=self.run.figures(processor.prices, processor.embedder.space, breakers),
            deleted=self.deleted,
            count=self.count,
            lacking=self.lacking,
            compared=self.compared,
            unlike=self.unlike,
            objections=self.objections,
            is_served=self.is_served,
            adopted=self.adopted,
            ended_by=self.crew.ending.signal,
        )

    def keep(self, conn: Connection, report: BuildReport) -> None:
        """Nothing to close."""

    # ── steps ────────────────────────────────────────────────────────────────────────────────

    def catch_up(self) -> None:
        """Delete what is gone, and make what is missing or old."""
        recipe, index = self.crew.processor.recipe, self.collections.open(self.collection)
        listing = Listing(self.run.conn, index.manifest())
        for ids in listing.extra(size=DELETE_BATCH):
            self.deleted += index.delete(ids)
        self.crew.through(
            self.run,
            self.make_work(self.collection, self.run.run_id),
            listing.batches(recipe=recipe, size=self.crew.batch_size),
            due=listing.due(recipe=recipe),
            give_up=given_up,
        )

    def look(self) -> Listing:
        """List the collection; count its objects and the served cases that it lacks."""
        index = self.collections.open(self.collection)
        listing = Listing(self.run.conn, index.manifest())
        self.count, self.lacking = index.count(), listing.lacking()
        return listing

    def compare(self, listing: Listing) -> None:
        """Read back and probe a sample; what is not as it was written is removed, to be built again."""
        index = self.collections.open(self.collection)
        sample = listing.sample(size=self.sample, seed=self.run.run_id.int % 2**31)
        for start in range(0, len(sample), READ_PAGE):
            ids = sample[start : start + READ_PAGE]
            good = {o.stamps.object_id for o in index.objects(ids) if _is_as_written(o)} & index.probe(ids)
            bad = [i for i in ids if i not in good]
            index.delete(bad)
            self.compared, self.unlike = self.compared + len(ids), self.unlike + len(bad)

    def serve(self, listing: Listing) -> None:
        """Serve the collection and close the build in one transaction: a killed switch can be repeated."""
        conn = self.run.conn
        with conn.transaction():
            self.adopted = listing.adopt()
            builds.end(conn)
            self.collections.serve(self.collection)
        self.is_served = True


@dataclass(kw_only=True)
class _SwitchJob:
    """One switch at work: a build that is brought up to date, compared and served."""

    build: _BuildJob
    allow_missing: int
    judge: Judge

    def begin(self) -> None:
        name = builds.opened(self.build.run.conn)
        if name is None:
            raise WrongUse("no index is being built: begin with `everycase index build`")
        self.build.collection = name

    def work(self) -> None:
        build = self.build
        if not self._was_served_before():
            build.catch_up()
        listing = build.look()
        build.compare(listing)
        if not build.unlike and build.lacking <= self.allow_missing and not self._is_cut_short():
            self._serve(listing)

    def _serve(self, listing: Listing) -> None:
        build = self.build
        if not self._was_served_before():
            served = build.crew.processor.index
            build.objections = self.judge(served, build.collections.open(build.collection))
        if not build.objections:
            build.serve(listing)

    def _is_cut_short(self) -> bool:
        worked = self.build.run.worked
        return bool(worked.stop_reason) or worked.deferral is Deferral.INTERRUPTED

    def _was_served_before(self) -> bool:
        """True if a switch that was killed has served the collection, and only the books are open."""
        name = self.build.collection
        return any(c.name == name and c.is_served for c in self.build.collections.listed())

    def summarise(self, conn: Connection, end: RunEnd) -> BuildReport:
        return self.build.summarise(conn, end)

    def keep(self, conn: Connection, report: BuildReport) -> None:
        """Nothing to close."""


def _is_as_written(o: IndexObject) -> bool:
    return (
        fingerprint.object_hash(o.properties, o.composite) == o.stamps.object_hash
        and fingerprint.vector_hash(o.vector) == o.stamps.vector_hash
    )
