"""Comparison by sets: what the index and the source list is streamed into PostgreSQL and joined there.

The tables are temporary, of the session that looks; memory does not grow with the cases.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql
from psycopg.rows import dict_row

from everycase.domain.batching import pages
from everycase.domain.catalogue import SourceObject
from everycase.domain.failures import REMOVES_OBJECT
from everycase.domain.gaps import AT_SOURCE, METHODS, REPAIRABLE, Expected, Gap, GapKind
from everycase.domain.lineage import Owned
from everycase.domain.rows import RowVersion
from everycase.domain.shards import WHOLE, Shard
from everycase.ports import VersionKind
from everycase.store import staging
from everycase.store.db import Connection, again, scalar
from everycase.store.manifest import LOWEST, Manifest
from everycase.store.queries import queries
from everycase.store.staging import StagingTable

SQL = queries("gaps")

PAGE = 1000


class Look(StrEnum):
    """Which comparison: the one before the repairs, or the one after them."""

    BEFORE = "gap"
    AFTER = "gap_after"


@dataclass(frozen=True, slots=True, kw_only=True)
class GapOutcome:
    """What became of some gaps: `recovered` by a method, still `open`, or `withheld`."""

    kind: GapKind
    method: str
    outcome: str
    count: int


class GapTables:
    """The temporary tables of one comparison, on one connection. With a `shard`: of its cases alone."""

    def __init__(self, conn: Connection, shard: Shard | None = None) -> None:
        self._conn, self._shard = conn, shard
        self.manifest = Manifest(conn)
        conn.execute(SQL["create"])

    # ── gathering ────────────────────────────────────────────────────────────────────────────

    def add_swept(self, obj: SourceObject, versions: Iterable[RowVersion]) -> None:
        """Take in what the source has of an object, page by page: no transaction waits for the source."""
        has_deleted = False
        for page in pages(versions, PAGE):
            with self._conn.cursor() as cursor, cursor.copy(SQL["add_swept"]) as copy:
                for v in page:
                    copy.write_row((obj.name, v.id, v.version, v.is_deleted, v.at))
            has_deleted = has_deleted or any(v.is_deleted for v in page)
        self._conn.execute("analyze swept")
        if has_deleted:
            self._conn.execute(SQL["drop_buried"], {"object": obj.name})

    def rows_at_source(self, obj: SourceObject) -> set[str]:
        """The ids of an object's rows that differed from the source."""
        given = {"object": obj.name, "kinds": list(AT_SOURCE)}
        return {r[0] for r in self._conn.execute(SQL["rows_at_source"], given)}

    def altered_at(self, obj: SourceObject) -> list[str]:
        """The ids of an object's rows that were found to be altered."""
        given = {"object": obj.name, "kinds": [GapKind.ALTERED]}
        return [r[0] for r in self._conn.execute(SQL["rows_at_source"], given)]

    def find_altered(self, obj: SourceObject, *, sample: int | None, seed: int, look: Look) -> None:
        """Find staged rows that do not match their hash; the second time, only among those of the first."""
        only = self.altered_at(obj) if look is Look.AFTER else None
        ids = staging.altered_rows(self._conn, obj, sample=sample, seed=seed, only=only)
        self.add([Gap(kind=GapKind.ALTERED, object=obj.name, record_id=i) for i in list(ids)], look)

    def disbelieve_altered(self, obj: SourceObject) -> None:
        """Mark altered rows to be replaced by the source's, and their cases to be loaded again."""
        if ids := self.altered_at(obj):
            self._conn.execute(self._statement("doubt_altered", Look.BEFORE, obj), {"ids": ids})
            staging.disbelieve(self._conn, obj, ids)

    def sweep_again(self, obj: SourceObject, versions: Iterable[RowVersion]) -> None:
        """Replace what the source said of these rows by what it says now."""
        fetched = list(versions)
        self._conn.execute(SQL["forget_swept"], {"object": obj.name, "ids": [v.id for v in fetched]})
        self.add_swept(obj, fetched)

    def swept_count(self, obj: SourceObject) -> int:
        return self._number("swept_count", object=obj.name)

    # ── finding ──────────────────────────────────────────────────────────────────────────────

    def find_at_source(
        self, obj: SourceObject, versions: VersionKind, *, is_whole: bool, spared: Sequence[str], look: Look
    ) -> None:
        """Compare the swept rows of an object with staging; absence counts only where all was swept."""
        self._find("find_unstaged", look, obj=obj, object=obj.name, kind=versions)
        if is_whole:
            self._find("find_gone", look, obj=obj, object=obj.name, spared=list(spared))

    def find_tracking(self, *, recipe: str, look: Look) -> None:
        """Staging against lineage."""
        self._find("find_undeleted", look)
        self._find("find_untracked", look, recipe=recipe)

    def find_in_index(self, look: Look, *, again: bool = False) -> None:
        """Lineage against the manifest, both ways; `again`: only the objects that were looked at again."""
        self._find("find_in_index", look, lineage=self.manifest.lineage(again=again))
        self.manifest.mark_canonical()
        self._find("find_quarantined", look, again=again, types=sorted(REMOVES_OBJECT))
        self._find("find_extra", look, again=again)

    def find_debt(self, *, space: str, look: Look) -> None:
        """Cases in another space than the preferred one."""
        self._find("find_debt", look, space=space)

    def add(self, gaps: Sequence[Gap], look: Look) -> None:
        """Gaps that were found by reading back."""
        if not gaps:
            return
        self._find(
            "add_gaps",
            look,
            kinds=[g.kind for g in gaps],
            objects=[g.object for g in gaps],
            records=[g.record_id for g in gaps],
            numbers=[g.case_number for g in gaps],
            ids=[g.object_id for g in gaps],
        )

    def forget(self, kinds: Collection[GapKind], look: Look) -> None:
        """Delete the gaps of these kinds, before they are looked for a second time."""
        self._find("drop_kinds", look, kinds=list(kinds))

    def object_ids(self, kinds: Collection[GapKind], look: Look = Look.BEFORE) -> Iterator[list[UUID]]:
        """The index objects that gaps of these kinds are about, page by page."""
        statement = self._statement("object_ids", look)
        return self._pages(statement, kinds=list(kinds))

    def unreached(self, *, was_repaired: bool) -> Iterator[list[UUID]]:
        """Ids of objects that no vector search finds. `was_repaired`: only those repaired in this run."""
        return self._pages(SQL["unreached"], kind=GapKind.UNSEARCHABLE, was_repaired=was_repaired)

    def owned_objects(self, kinds: Collection[GapKind]) -> Iterator[list[Owned]]:
        """The same, with the case that each object says it belongs to."""
        statement, after = self._statement("owned_objects", Look.BEFORE), LOWEST
        given = {"kinds": list(kinds), "limit": PAGE}
        while rows := self._conn.execute(statement, {**given, "after": after}).fetchall():
            yield [Owned(object_id=i, case_id=c) for i, c in rows]
            after = rows[-1][0]

    def source_objects(self, kinds: Collection[GapKind]) -> set[str]:
        """The source objects that gaps of these kinds are about."""
        return {r[0] for r in self._conn.execute(SQL["source_objects"], {"kinds": list(kinds)})}

    def touched_object_ids(self, run_id: UUID) -> Iterator[list[UUID]]:
        """The objects of the cases that a run has worked on or found a gap about, page by page."""
        return self._pages(SQL["own_object_ids"], run_id=run_id)

    # ── contents ─────────────────────────────────────────────────────────────────────────────

    def choose_to_read(self, *, everything: bool, since: datetime | None, sample: int, seed: int) -> None:
        """Choose the objects to read back: all, or those loaded `since` then and a sample of the rest."""
        given = {"all": everything or since is None, "since": since, "sample": sample, "seed": seed}
        part = self._shard.as_given() if self._shard else WHOLE
        self._conn.execute(SQL["choose_to_read"], {**given, **part})

    def choose_repaired(self, run_id: UUID) -> None:
        self._conn.execute(SQL["choose_repaired"], {"run_id": run_id})

    def to_read(self, page: int) -> Iterator[list[Expected]]:
        after = LOWEST
        while rows := self._conn.execute(SQL["page_to_read"], {"after": after, "limit": page}).fetchall():
            yield [Expected(*row) for row in rows]
            after = rows[-1][0]

    # ── recovering ───────────────────────────────────────────────────────────────────────────

    def open_repairs(self, *, run_id: UUID, source: str, now: datetime) -> None:
        """Mark the cases whose object is missing or wrong as not loaded, so that they are due.

        Committed before anything is repaired, so that the run after a killed one finishes the repairs.
        Tried again after a deadlock.
        """

        def work() -> None:
            with self._conn.transaction():
                self._conn.execute(SQL["events"], {"run_id": run_id, "now": now})
                self._conn.execute(SQL["open_repairs"], {"kinds": sorted(REPAIRABLE)})
                self._conn.execute(SQL["resume"])
                self._conn.execute(SQL["adopt"], {"source": source})

        again(work)

    def adopt_failed(self) -> None:
        """Enter the objects of failed cases into lineage, so that they are deleted with their cases."""
        self._conn.execute(SQL["adopt_failed"])

    def carry_over(self, kind: GapKind) -> None:
        """Limit the next repair to the gaps of this kind that the last comparison was the first to find."""
        self._conn.execute(SQL["carry_over"], {"kind": kind})

    def open_debt(self) -> None:
        """Make the cases of a fallback space due; their old vectors are served until new ones are loaded."""
        self._conn.execute(SQL["open_debt"])

    def served_of_failed(self) -> Iterator[list[UUID]]:
        """Ids of the objects of failed cases that no search finds, page by page."""
        return self._pages(SQL["served_of_failed"])

    def withhold(self, kind: GapKind, source_object: str) -> None:
        """Mark these gaps as waiting for a person's approval."""
        self._conn.execute(SQL["withhold"], {"kind": kind, "object": source_object})

    def clear(self) -> None:
        """Empty the tables, for the comparison after the repairs."""
        self._conn.execute(SQL["clear"])
        self.manifest.forget_suspects()

    def settle(self, *, run_id: UUID, space: str) -> None:
        """Set the outcome of every gap (recovered or open) from the present state of lineage and index."""
        closing = {k: m for k, m in METHODS.items() if m}
        given = {
            "run_id": run_id,
            "space": space,
            "kinds": list(closing),
            "methods": list(closing.values()),
        }
        self._conn.execute(SQL["settle"], given)

    # ── telling ──────────────────────────────────────────────────────────────────────────────

    def tally(self, look: Look = Look.BEFORE) -> dict[GapKind, int]:
        return {GapKind(k): n for k, n in self._conn.execute(self._statement("tally", look))}

    def open_besides(self) -> dict[str, int]:
        """The waiting failures of cases that have no gap, by type."""
        return {r[0]: r[1] for r in self._conn.execute(SQL["open_besides"])}

    def gone_cases(self) -> int:
        """Cases among what is gone at the source."""
        return self._number("gone_cases")

    def outcomes(self) -> list[GapOutcome]:
        rows = self._conn.execute(SQL["outcomes"]).fetchall()
        return [GapOutcome(kind=GapKind(k), method=m, outcome=o, count=n) for k, m, o, n in rows]

    def recovered_failures(self, *, since: datetime) -> dict[str, int]:
        """How the failures closed since then were closed, by method; those of gaps not counted."""
        return {r[0]: r[1] for r in self._conn.execute(SQL["recovered_failures"], {"since": since})}

    # ── inside ───────────────────────────────────────────────────────────────────────────────

    def _find(
        self,
        name: str,
        look: Look,
        *,
        obj: SourceObject | None = None,
        lineage: sql.SQL | None = None,
        **given: object,
    ) -> None:
        self._conn.execute(self._statement(name, look, obj, lineage), given)
        if self._shard:
            self._conn.execute(self._statement("drop_others", look), self._shard.as_given())

    def _statement(
        self, name: str, look: Look, obj: SourceObject | None = None, lineage: sql.SQL | None = None
    ) -> sql.Composed:
        text: LiteralString = SQL[name]
        parts: dict[str, sql.Composable] = {"gaps": sql.Identifier(look.value)}
        parts |= {"table": StagingTable(obj).name} if obj else {}
        parts |= {"lineage": lineage} if lineage else {}
        return sql.SQL(text).format(**parts)

    def _pages(self, statement: Any, **given: object) -> Iterator[list[UUID]]:
        after = LOWEST
        while rows := self._conn.execute(statement, {**given, "after": after, "limit": PAGE}).fetchall():
            ids = [r[0] for r in rows]
            yield ids
            after = ids[-1]

    def _number(self, name: str, **given: object) -> int:
        return int(scalar(self._conn, SQL[name], given))


def keep(conn: Connection, run_id: UUID) -> None:
    """Store the gaps of this connection's last comparison with their run."""
    conn.execute(SQL["keep"], {"run_id": run_id})


def left(conn: Connection, run_id: UUID) -> list[dict[str, Any]]:
    """The gaps of a run that it did not close."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["left"], {"run_id": run_id}).fetchall()


def kept(conn: Connection, run_id: UUID, *, limit: int) -> list[dict[str, Any]]:
    """The gaps that a run found, and what became of each."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["kept"], {"run_id": run_id, "limit": limit}).fetchall()
