"""Step 2: find every disagreement, by sets and by content; each is checked twice before it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from everycase.domain import buckets, fingerprint
from everycase.domain.batching import pages
from everycase.domain.buckets import EVERYTHING, Range
from everycase.domain.cases import IndexObject, Stamps
from everycase.domain.gaps import EXTRA, REPAIRABLE, Expected, Gap, GapKind, Scope, content_gap
from everycase.ports import VectorIndex
from everycase.reconcile.count import Sweep, Sweeper
from everycase.store.gaps import GapTables, Look

_OF_OBJECTS = REPAIRABLE | EXTRA | {GapKind.GONE_AT_SOURCE}

READ_PAGE = 200
"""Objects that are read back at once: 200 vectors of 3,072 numbers are 2.5 MB."""

_AT_ONCE = 4
"""Pages under way at a time: the index works on some while others are compared here."""


_STEP = 1000
"""Progress of a listing is reported after so many objects."""

OnStep = Callable[[str, int], None]
"""Called with what is being done, and how many are done so far."""


def _say_nothing(_doing: str, _count: int) -> None:
    return None


@dataclass(slots=True)
class Found:
    """The gaps by kind, and how many objects were read back and probed."""

    tally: dict[GapKind, int] = field(default_factory=dict)
    has_sets: bool = False
    read_back: int = 0
    probed: int = 0

    @property
    def by_name(self) -> dict[str, int]:
        """The kinds that occurred, most first, by name."""
        return {k.value: n for k, n in sorted(self.tally.items(), key=lambda i: (-i[1], i[0])) if n}


@dataclass(frozen=True, kw_only=True)
class Finder:
    """Looks for gaps. `since`: when everything was last looked at; None: never."""

    tables: GapTables
    sweeper: Sweeper
    index: VectorIndex
    recipe: str
    space: str
    scope: Scope
    since: datetime | None
    sample: int
    seed: int
    on_step: OnStep = _say_nothing

    def find(self, sweeps: Sequence[Sweep], *, sets: bool) -> Found:
        """Everything that the scope asks for; `sets`: the index is compared object by object."""
        found = Found(has_sets=sets)
        self._at_source(sweeps, Look.BEFORE)
        if self.scope.contents and self.scope.source:
            self._recompute(Look.BEFORE)
        self._in_lineage(Look.BEFORE)
        if sets:
            self._gather_manifest()
            self.tables.find_in_index(Look.BEFORE)
            self._confirm(Look.BEFORE)
        self._in_debt(Look.BEFORE)
        if sets and self.scope.contents:
            self._choose_to_read()
            self._read_back(found, Look.BEFORE)
        if sets and self.scope.source:
            self._compare_counts(Look.BEFORE)
        found.tally = self.tables.tally()
        return found

    def find_again(self, sweeps: Sequence[Sweep], run_id: UUID, *, sets: bool) -> dict[GapKind, int]:
        """What is true now of all that was found and all that was worked on: the post-check.

        Where a search had missed something, of all that was read back: a repair can put others out of reach.
        """
        self.tables.clear()
        self._at_source(sweeps, Look.AFTER)
        if self.tables.tally().get(GapKind.ALTERED):
            self._recompute(Look.AFTER)
        self._in_lineage(Look.AFTER)
        if sets:
            for ids in self.tables.touched_object_ids(run_id):
                self.tables.manifest.look_again(ids, self.index.stamps(ids))
            self._look_again_at(_OF_OBJECTS, Look.BEFORE)
            if self.tables.manifest.size() != self.index.count():
                self._gather_manifest()
            self.tables.find_in_index(Look.AFTER)
            self._confirm(Look.AFTER)
        self._in_debt(Look.AFTER)
        if sets and self.scope.contents:
            if self.tables.tally().get(GapKind.UNSEARCHABLE):
                self._choose_to_read()
            self.tables.choose_repaired(run_id)
            self._read_back(Found(), Look.AFTER)
        if sets and self.scope.source:
            self._compare_counts(Look.AFTER)
        return self.tables.tally(Look.AFTER)

    # ── source ───────────────────────────────────────────────────────────────────────────────

    def _at_source(self, sweeps: Sequence[Sweep], look: Look) -> None:
        versions = self.sweeper.source.versions
        for s in sweeps:
            if not s.is_swept:
                continue
            if look is Look.AFTER:
                self.sweeper.look_again(s)
            self.tables.find_at_source(s.object, versions, is_whole=s.is_whole, spared=s.spared, look=look)

    def _recompute(self, look: Look) -> None:
        """The hashes that everything is compared by, from what is staged: all of them, or of a sample."""
        sample = None if self.scope.everything or look is Look.AFTER else self.sample
        for obj in self.sweeper.catalogue.objects:
            self.tables.find_altered(obj, sample=sample, seed=self.seed, look=look)

    def _in_lineage(self, look: Look) -> None:
        if self.scope.source:
            self.tables.find_tracking(recipe=self.recipe, look=look)

    def _in_debt(self, look: Look) -> None:
        if self.scope.source:
            self.tables.find_debt(space=self.space, look=look)

    # ── sets ─────────────────────────────────────────────────────────────────────────────────

    def _gather_manifest(self) -> None:
        """List the index, or only its differing buckets. Listed again if other objects changed meanwhile."""
        manifest = self.tables.manifest
        manifest.clear()
        for after, until in self._unlike():
            manifest.add(self._told(self.index.manifest(after=after, until=until)))
        manifest.index()

    def _unlike(self) -> Sequence[Range]:
        """The id ranges to list. Buckets with the expected digest have no gaps."""
        there = self.index.digests() if self.scope.skips else None
        if there is None:
            return [EVERYTHING]
        expected = self.tables.manifest.expected_digests()
        same = buckets.agreeing(there, expected)
        differing = list(buckets.ranges({*there, *expected} - {*same}))
        self.tables.manifest.compare_only(differing, agreeing=same)
        return differing

    def _told(self, listing: Iterator[Stamps]) -> Iterator[Stamps]:
        for n, stamps in enumerate(listing, start=1):
            if n % _STEP == 0:
                self.on_step("listing the index", n)
            yield stamps

    def _confirm(self, look: Look) -> None:
        """Ask by id for objects that the listing lacks or has too many of: a listing is no snapshot."""
        if self._look_again_at(REPAIRABLE | EXTRA, look):
            self.tables.forget(REPAIRABLE | EXTRA, look)
            self.tables.find_in_index(look, again=True)

    def _look_again_at(self, kinds: frozenset[GapKind], look: Look) -> bool:
        some = False
        for ids in self.tables.object_ids(kinds, look):
            some = True
            self.tables.manifest.look_again(ids, self.index.stamps(ids))
        return some

    def _compare_counts(self, look: Look) -> None:
        """An index that counts other than it lists has replicas that disagree, or hides something."""
        listed, counted = self.tables.manifest.size(), self.index.count()
        gap = Gap(kind=GapKind.COUNT_MISMATCH)
        self.tables.add([gap] * abs(counted - listed), look)

    # ── contents ─────────────────────────────────────────────────────────────────────────────

    def _choose_to_read(self) -> None:
        self.tables.choose_to_read(
            everything=self.scope.everything, since=self.since, sample=self.sample, seed=self.seed
        )

    def _read_back(self, found: Found, look: Look) -> None:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="read-back") as pool:
            for some in pages(self.tables.to_read(READ_PAGE), _AT_ONCE):
                for page, suspects in zip(some, pool.map(self._judge_twice, some), strict=True):
                    self.tables.add([_gap(e, kind) for e, kind in suspects], look)
                    found.read_back += len(page)
                    found.probed += len(page)
                    self.on_step("reading back and probing", found.read_back)

    def _judge_twice(self, page: Sequence[Expected]) -> list[tuple[Expected, GapKind]]:
        suspects = self._judge(page)
        return self._judge([e for e, _ in suspects]) if suspects else []

    def _judge(self, page: Sequence[Expected]) -> list[tuple[Expected, GapKind]]:
        """The objects that differ from what was loaded, with the kind of gap."""
        ids = [e.object_id for e in page]
        objects = {o.stamps.object_id: o for o in self.index.objects(ids)}
        there = self.index.probe(ids)
        judged = [
            (e, content_gap(e, **_hashes(objects.get(e.object_id)), is_found=e.object_id in there))
            for e in page
        ]
        return [(e, kind) for e, kind in judged if kind]


def _hashes(o: IndexObject | None) -> dict[str, str | None]:
    if o is None:
        return {"object_hash": None, "vector_hash": None}
    return {
        "object_hash": fingerprint.object_hash(o.properties, o.composite),
        "vector_hash": fingerprint.vector_hash(o.vector),
    }


def _gap(e: Expected, kind: GapKind) -> Gap:
    return Gap(kind=kind, record_id=e.record_id, case_number=e.case_number, object_id=e.object_id)
