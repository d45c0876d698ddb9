"""Stage 1: the source's rows into staging, object by object (contract §3).

Rows are committed in chunks while the source is read. Deletions come after the read, past one guard, and
the mark moves with them, last, and only if the read was whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from uuid import UUID

from everycase.domain.cases import Record
from everycase.domain.catalogue import Catalogue, SourceObject
from everycase.domain.errors import EverycaseError
from everycase.domain.failures import LONG_WAIT
from everycase.domain.rows import BadRow, Tombstone
from everycase.domain.runs import ObjectResult
from everycase.domain.thresholds import DeletionGuard
from everycase.pipeline import bad_rows, identity
from everycase.pipeline.read import ChangedRows, Fetched, OnRows
from everycase.ports import ObjectState, Reading, ReadProof, Source
from everycase.store import failures, reads, staging
from everycase.store.db import Connection
from everycase.store.merging import Double, Merge, StagingTarget, Vanishing
from everycase.store.reads import Read, ReadPurpose

CHUNK = 2000
"""Rows that are committed at once, at most."""

Changes = Reading[Record | Tombstone | BadRow]

_FEWEST, _PARTS = 100, 250
"""A small read commits fewer rows at once, because a kill loses the rows that are not committed."""

MOST_FETCHED = 20_000
"""Rows of an object that are asked for by their ids; more than that is cheaper to read anew."""

MOST_DOUBLES = 1000
"""Ids named twice that are recorded one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The result of one read: its rows are merged; its deletions are decided, and not yet carried out."""

    merge: Merge
    rows: ChangedRows
    proof: ReadProof
    gone: Vanishing
    withheld: int
    """Deletions that wait for a person's word: all or none."""

    def is_unchanged(self, mark: str) -> bool:
        """The source had nothing since `mark`."""
        return bool(mark) and mark == self.proof.mark and not self.rows.count

    def result(self, obj: SourceObject, *, doubled: int = 0, otherwise: str = "") -> ObjectResult:
        """`otherwise`: what is wrong with the object where the read itself has no problem."""
        return ObjectResult(
            object=obj.name,
            was_read=True,
            rows=self.rows.count,
            changed=self.merge.changed,
            vanished=0 if self.withheld else self.gone.gone,
            malformed=len(self.rows.bad) + doubled,
            withheld=self.withheld,
            announced=self.proof.announced,
            counted=self.proof.counted,
            is_whole=self.proof.is_whole,
            passed_over=self.proof.passed_over,
            problem=self.proof.problem or _withheld_sentence(obj, self.gone, self.withheld) or otherwise,
        )


def chunks(rows: ChangedRows) -> Iterator[list[Record | Tombstone]]:
    """Rows in lists of at most `CHUNK`, by how many are to come."""
    left = iter(rows)
    left = chain(list(islice(left, 1)), left)  # how many are to come is known with the first of them
    size = min(max((rows.expected or CHUNK * _PARTS) // _PARTS, _FEWEST), CHUNK)
    while chunk := list(islice(left, size)):
        yield chunk


def take_in(
    merge: Merge, rows: ChangedRows, guard: DeletionGuard, *, is_stored: bool = True, is_by_id: bool = False
) -> Taken:
    """Merge the rows chunk by chunk, then judge what is gone: nothing, where the read was not whole.

    No transaction is open while the source is read. `is_stored`: the merge writes to staging, so that the
    source need not give these rows again. `is_by_id`: the rows were asked for by their ids, so an emptied
    file answers that all of them are gone.
    """
    for chunk in chunks(rows):
        if tombstones := [r for r in chunk if isinstance(r, Tombstone)]:
            merge.add_tombstones(tombstones)
        if records := [r for r in chunk if isinstance(r, Record)]:
            merge.add(records)
        if is_stored:
            rows.note_stored()
    proof = rows.proof()
    gone = Vanishing(seen=0, live=0, gone=0)
    if proof.is_whole:
        gone = merge.find_gone(absent=proof.proves_absence, spared=rows.spared)
    left = gone.live - gone.gone if is_by_id else None
    if proof.proves_absence:
        left = gone.seen + len(rows.spared)
    withheld = gone.gone if guard.withholds(gone=gone.gone, live=gone.live, left=left) else 0
    return Taken(merge=merge, rows=rows, proof=proof, gone=gone, withheld=withheld)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """Brings staging up to date with a source; every row that could not be read is a failure."""

    conn: Connection
    source: Source
    catalogue: Catalogue
    guard: DeletionGuard
    run_id: UUID
    now: datetime
    on_rows: OnRows

    def run(self) -> list[ObjectResult]:
        """Everything that changed since the last whole read, Case first.

        Raises `WrongUse` where nothing names a person, and the settings do not say that nothing does.
        """
        states = {obj: self.source.state(obj) for obj in self.catalogue.present}
        identity.check(self.catalogue, states.values())
        with self._begun(states) as readings:
            results = [self._bring_up_to_date(obj, state, readings.get(obj)) for obj, state in states.items()]
        if any(r.was_read for r in results):
            self._note_waiting()
        return results

    @contextmanager
    def _begun(self, states: Mapping[SourceObject, ObjectState]) -> Iterator[Mapping[SourceObject, Changes]]:
        """The reads of objects that an organisation is asked for whole, all begun: its jobs run side by side.

        Their rows wait until their object's turn comes, Case first.
        """
        readings: dict[SourceObject, Changes] = {}
        try:
            for obj, state in states.items() if self.source.is_incremental else ():
                if state.is_present and not staging.read_mark(self.conn, obj, self.source.identity):
                    readings[obj] = self.source.changes(obj)
                    readings[obj].begin()
            yield readings
        finally:
            for reading in readings.values():
                reading.stop()

    def fetch_all(self, wanted: Mapping[SourceObject, AbstractSet[str]]) -> list[ObjectResult]:
        """Fetch these rows by id; an object with very many of them is read whole instead."""
        results = [
            self._fetch(obj, ids) if len(ids) <= MOST_FETCHED else self._read_anew(obj)
            for obj, ids in wanted.items()
        ]
        self._note_waiting()
        return results

    def _read_anew(self, obj: SourceObject) -> ObjectResult:
        """Whatever the mark says, it is not what staging holds."""
        staging.set_mark(self.conn, obj, self.source.identity, "")
        return self._bring_up_to_date(obj, self.source.state(obj))

    def _bring_up_to_date(
        self, obj: SourceObject, state: ObjectState, begun: Changes | None = None
    ) -> ObjectResult:
        """`begun`: a read of the whole object that has been started."""
        remark = identity.remark(self.catalogue, obj)
        if not state.is_present:
            self._note_unreadable(obj, state.problem)
            return ObjectResult(object=obj.name, was_read=False, problem=state.problem, remark=remark)
        mark = "" if begun else staging.read_mark(self.conn, obj, self.source.identity)
        rows = ChangedRows(begun or self.source.changes(obj, mark), obj.name, self.on_rows)
        taken = self._take_in(obj, rows, ReadPurpose.CHANGES)
        if taken.is_unchanged(mark):
            failures.resolve_unreadable(self.conn, obj.name, now=self.now)
            return ObjectResult(object=obj.name, was_read=False, problem=state.problem, remark=remark)
        return replace(self._settle(obj, taken, state, moves_mark=True), remark=remark)

    def _fetch(self, obj: SourceObject, ids: AbstractSet[str]) -> ObjectResult:
        rows = ChangedRows(Fetched(self.source, obj, ids), obj.name, self.on_rows)
        taken = self._take_in(obj, rows, ReadPurpose.FETCH)
        return self._settle(obj, taken, self.source.state(obj), moves_mark=False)

    def _take_in(self, obj: SourceObject, rows: ChangedRows, purpose: ReadPurpose) -> Taken:
        follows = self.source.identity if self.source.is_incremental else ""
        if follows and not staging.is_marked(self.conn, obj, follows):
            follows = ""
        merge = Merge(self.conn, obj, StagingTarget(conn=self.conn, follows=follows))
        try:
            taken = take_in(merge, rows, self.guard, is_by_id=purpose is ReadPurpose.FETCH)
        except BaseException as e:
            self._note_cut_short(obj, purpose, rows, e)
            raise
        self._note_read(obj, purpose, taken.proof)
        return taken

    def _note_read(self, obj: SourceObject, purpose: ReadPurpose, proof: ReadProof) -> None:
        read = Read(object=obj.name, purpose=purpose, proof=proof)
        reads.add(self.conn, [read], run_id=self.run_id)

    def _note_cut_short(
        self, obj: SourceObject, purpose: ReadPurpose, rows: ChangedRows, error: BaseException
    ) -> None:
        """Store the balance of a read that was cut short, with the reason, if the database can be reached."""
        why = str(error) if isinstance(error, EverycaseError) else type(error).__name__
        proof = replace(rows.proof(), is_whole=False, mark="", problem=f"the read was cut short: {why}")
        with suppress(EverycaseError):
            self._note_read(obj, purpose, proof)

    def _settle(
        self, obj: SourceObject, taken: Taken, state: ObjectState, *, moves_mark: bool
    ) -> ObjectResult:
        """Mark what is gone, move the mark and record what could not be read: together, and last."""
        with self.conn.transaction():
            if not taken.withheld:
                taken.merge.mark_gone()
            if moves_mark:
                self._move_mark(obj, taken)
            doubles = self._doubles(taken)
            self._note_bad_rows(obj, taken, doubles, state.place)
        taken.merge.refresh_statistics()
        return taken.result(obj, doubled=len(doubles), otherwise=state.problem)

    def _move_mark(self, obj: SourceObject, taken: Taken) -> None:
        """Forward after a whole read; else an organisation is asked again from the old one, a file anew."""
        if taken.proof.is_whole and not taken.withheld:
            staging.set_mark(self.conn, obj, self.source.identity, taken.proof.mark)
        elif not self.source.is_incremental:
            staging.set_mark(self.conn, obj, self.source.identity, "")

    def _doubles(self, taken: Taken) -> list[Double]:
        """Ids that a file has twice; a row of an organisation may change while it is read."""
        return [] if self.source.is_incremental else taken.merge.doubles(limit=MOST_DOUBLES)

    # ── failures ─────────────────────────────────────────────────────────────────────────────

    def _note_bad_rows(self, obj: SourceObject, taken: Taken, doubles: list[Double], place: str) -> None:
        """Open a failure for each bad row and for a read that ended early; close those that are over."""
        proof = taken.proof
        bad = taken.rows.bad
        staged = staging.live_among(self.conn, obj, [r.record_id for r in bad if r.record_id])
        found = [*bad_rows.of_rows(bad, staged), *bad_rows.of_doubles(obj, place, doubles)]
        if proof.problem:
            found.append(bad_rows.of_object(obj.name, proof.problem, proof.error_type))
        failures.record(self.conn, found, now=self.now)
        keep = [f.record_id for f in found]
        if proof.names_everything and not proof.problem:
            failures.resolve_object(self.conn, obj.name, keep=keep, now=self.now)
        elif healed := set(taken.merge.named_failures()) - set(keep):
            failures.resolve_rows(self.conn, obj.name, sorted(healed), now=self.now)
        if not proof.problem:
            failures.resolve_unreadable(self.conn, obj.name, now=self.now)

    def _note_unreadable(self, obj: SourceObject, problem: str) -> None:
        failures.record(self.conn, [bad_rows.of_object(obj.name, problem)], now=self.now)

    def _note_waiting(self) -> None:
        """Children wait for a parent that may still come (contract §11)."""
        orphans = staging.waiting_children(self.conn, self.source.identity)
        found = [bad_rows.of_waiting(o) for o in orphans]
        with self.conn.transaction():
            failures.record(self.conn, found, now=self.now)
            failures.resolve_waiting(self.conn, keep=[f.record_id for f in found], now=self.now)
            failures.note_waiting(self.conn, since=self.now - LONG_WAIT)


def _withheld_sentence(obj: SourceObject, gone: Vanishing, withheld: int) -> str:
    if not withheld:
        return ""
    return (
        f"{withheld:,} of {gone.live:,} {obj.name} rows are gone from the source: nothing of {obj.name} was "
        f"deleted; if that is right, approve it once with --allow-deletes {withheld}"
    )
