"""What the index lists, in temporary tables of the session that compares it with the lineage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from psycopg import sql

from everycase.domain import fingerprint
from everycase.domain.buckets import Digest, Digests, Range
from everycase.domain.cases import Stamps
from everycase.store.db import Connection, scalar
from everycase.store.queries import queries

SQL = queries("manifest")

LOWEST, _HIGHEST = UUID(int=0), UUID(int=(1 << 128) - 1)

_PAGE = 1000


class Manifest:
    """The listed objects, and which lineage rows they are compared with: all, or those of some buckets."""

    def __init__(self, conn: Connection) -> None:
        self._conn, self._is_partial = conn, False
        conn.execute(SQL["create"])

    def add(self, stamps: Iterable[Stamps]) -> None:
        """Stream in what the index says it holds."""
        with self._conn.cursor() as cursor, cursor.copy(SQL["add"]) as copy:
            for s in stamps:
                copy.write_row((s.object_id, s.case_id, s.case_number, s.space, s.generation, s.seal()))

    def clear(self) -> None:
        """Forget everything; the next comparison is with the whole lineage."""
        self._is_partial = False
        self._conn.execute(SQL["clear"])

    def expected_digests(self) -> Digests:
        """A digest for each bucket of what the index should hold."""
        with self._conn.transaction():
            self._conn.execute(SQL["hash_groups"])
            return {r[0]: Digest(*r[1:]) for r in self._conn.execute(SQL["expected_digests"])}

    def compare_only(self, differing: Sequence[Range], *, agreeing: Digests) -> None:
        """Leave the objects of `agreeing` buckets, and their lineage rows, out of the comparison."""
        self._is_partial = True
        agreed = {"buckets": list(agreeing), "objects": [d.objects for d in agreeing.values()]}
        self._conn.execute(SQL["agree"], agreed)
        first = [UUID(int=r.after.int + 1) if r.after else LOWEST for r in differing]
        self._conn.execute(SQL["differ"], {"first": first, "last": [r.until or _HIGHEST for r in differing]})

    def index(self) -> None:
        """Call when everything is listed."""
        self._conn.execute(SQL["index"])

    def look_again(self, ids: Sequence[UUID], stamps: Iterable[Stamps]) -> None:
        """Replace what the index said of these objects by what it says now."""
        self._conn.execute(SQL["forget"], {"ids": list(ids)})
        self._conn.execute(SQL["add_suspects"], {"ids": list(ids)})
        self.add(stamps)

    def forget_suspects(self) -> None:
        """No object counts as looked at again any more."""
        self._conn.execute(SQL["forget_suspects"])

    def size(self) -> int:
        """Objects of the index, as listed and as its agreeing buckets say."""
        return int(scalar(self._conn, SQL["size"]))

    def lineage(self, *, again: bool) -> sql.SQL:
        """The lineage rows to compare, as a part of a statement; `again`: of objects looked at again."""
        if again:
            self._conn.execute(SQL["analyze_suspects"])
            return sql.SQL(SQL["suspects"])
        return sql.SQL(SQL["differing" if self._is_partial else "everything"])

    def mark_canonical(self) -> None:
        """Mark objects whose id is uuid5(case number): they belong to that case even without lineage."""
        after = LOWEST
        while rows := self._conn.execute(SQL["unclaimed"], {"after": after, "limit": _PAGE}).fetchall():
            after = rows[-1][0]
            own = [i for i, number in rows if fingerprint.object_id(number or "") == i]
            self._conn.execute(SQL["mark_canonical"], {"ids": own})
