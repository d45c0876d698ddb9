"""The default index: pgvector in PostgreSQL. HNSW for meaning, BM25 over full text for words.

It is an index like any other: nothing outside this module reads its tables (contract §8).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from pgvector import HalfVector
from psycopg import sql
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from everycase.domain.buckets import Digest, Digests
from everycase.domain.cases import MOST_DIMENSIONS, IndexObject, Stamps, Vector
from everycase.domain.errors import RowRefused, WrongUse
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.domain.lineage import Owned
from everycase.domain.ranking import Background
from everycase.indexes import hybrid
from everycase.indexes.admission import admit, failed, outcome
from everycase.indexes.embedded import search as searching
from everycase.indexes.embedded.graphs import SQL
from everycase.indexes.embedded.schema import STAMPS, VectorSchema, table_name, table_of
from everycase.indexes.embedded.search import EmbeddedLists, Filter, Lexicon, words_row
from everycase.indexes.hybrid import SAMPLE, Question, Remembered, as_matrix
from everycase.ports import Condition, Findings, IndexHealth, UpsertOutcome, UpsertStatus

_NEAREST = 20
"""A probe looks for an object among so many nearest: equal texts have equal vectors."""

_EFFORTS = (100, 1000)
"""`hnsw.ef_search` of a probe, and of a second one for what the first did not find."""

_PAGE = 2000
_HIGHEST = (1 << 128) - 1


class EmbeddedIndex:
    """Implements `ports.VectorIndex` on connections that it is handed, which raise `DatabaseFault`s."""

    name = "embedded"
    settles_after = timedelta(0)
    """A transaction writes objects with their vectors, or nothing."""
    writes_whole = True
    most_dimensions = MOST_DIMENSIONS[name]

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._schema = VectorSchema(pool, name=self.name, most_dimensions=self.most_dimensions)
        self._sizes = hybrid.remembered_sizes()
        self._samples = hybrid.remembered_samples()
        self._lexicons: Remembered[Lexicon] = Remembered(lambda lexicon: lexicon.size >= hybrid.SMALL)

    def prepare(self, spaces: Mapping[str, int]) -> None:
        self._schema.prepare(spaces)

    def exists(self) -> bool:
        return self._schema.exists()

    def life(self) -> str:
        return self._schema.life()

    def set_life(self, token: str) -> None:
        self._schema.set_life(token)

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def upsert(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        return self._admit(objects, anew=False)

    def replace(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        return self._admit(objects, anew=True)

    def _admit(self, objects: Sequence[IndexObject], *, anew: bool) -> list[UpsertOutcome]:
        with self._schema.connection(vectors=False) as conn:
            self._schema.check_mark(conn)
            there = self._schema.tables(conn)
        return admit(objects, partial(self._write, anew=anew), refuse=lambda o: _refuse_space(o, there))

    def _write(self, objects: Sequence[IndexObject], *, anew: bool) -> dict[UUID, UpsertOutcome]:
        """Write all in one statement; if the server refuses one, write halves until that one stands alone."""
        if not objects:
            return {}
        try:
            with self._schema.connection() as conn, conn.transaction():
                if anew:
                    conn.execute(SQL["delete_older"], _versions(objects))
                stored = self._write_all(conn, objects)
        except RowRefused as e:
            if len(objects) == 1:
                said = f"PostgreSQL refuses the object: {e}"
                return {objects[0].stamps.object_id: failed(objects[0], ErrorType.WEAVIATE_REJECTED, said)}
            half = len(objects) // 2
            return {
                **self._write(objects[:half], anew=anew),
                **self._write(objects[half:], anew=anew),
            }
        return {
            o.stamps.object_id: outcome(
                o, UpsertStatus.STORED if o.stamps.object_id in stored else UpsertStatus.SUPERSEDED
            )
            for o in objects
        }

    def _write_all(self, conn: psycopg.Connection[Any], objects: Sequence[IndexObject]) -> set[UUID]:
        columns = sql.SQL(", ").join(map(sql.Identifier, self._schema.columns))
        typed = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(self._schema.type_of(c)))
            for c in self._schema.columns
        )
        assignments = sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in self._schema.columns if c != "id"
        )
        statement = sql.SQL(SQL["upsert"]).format(columns=columns, typed=typed, assignments=assignments)
        rows = conn.execute(
            statement, {"objects": Jsonb([_row(o) for o in objects], dumps=_dumps)}
        ).fetchall()
        stored = {r[0] for r in rows}
        words = [words_row(o) for o in objects if o.stamps.object_id in stored]
        conn.execute(searching.SQL["upsert_words"], {"objects": Jsonb(words, dumps=_dumps)})
        by_space: dict[str, list[IndexObject]] = {}
        for o in objects:
            if o.stamps.object_id in stored:
                by_space.setdefault(o.stamps.space, []).append(o)
        there = self._schema.tables(conn)
        for space, members in by_space.items():
            ids = [o.stamps.object_id for o in members]
            for other in there - {table_name(space)}:
                self._schema.run(conn, "drop_vectors", other, ids=ids)
            vectors = [HalfVector(o.vector) for o in members]
            self._schema.run(conn, "upsert_vectors", table_name(space), ids=ids, vectors=vectors)
        return stored

    def delete(self, object_ids: Sequence[UUID]) -> int:
        if not object_ids:
            return 0
        with self._schema.connection() as conn:
            self._schema.check_mark(conn)
            return conn.execute(SQL["delete"], {"ids": list(object_ids)}).rowcount

    def release(self, objects: Sequence[Owned]) -> int:
        if not objects:
            return 0
        with self._schema.connection() as conn:
            self._schema.check_mark(conn)
            given = {"ids": [o.object_id for o in objects], "cases": [o.case_id for o in objects]}
            return conn.execute(SQL["release"], given).rowcount

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def manifest(self, *, after: UUID | None = None, until: UUID | None = None) -> Iterator[Stamps]:
        first = after.int + 1 if after else 0
        last = until or UUID(int=_HIGHEST)
        while first <= last.int:
            # given back between the pages: the reader may take his time
            with self._schema.connection() as conn:
                rows = conn.execute(
                    SQL["manifest"], {"first": UUID(int=first), "last": last, "page": _PAGE}
                ).fetchall()
            yield from map(_stamps, rows)
            if len(rows) < _PAGE:
                return
            first = rows[-1][0].int + 1

    def digests(self) -> Digests:
        with self._schema.connection(vectors=False) as conn, conn.transaction():
            conn.execute(SQL["hash_groups"])
            return {r[0]: Digest(*r[1:]) for r in conn.execute(SQL["digests"])}

    def stamps(self, object_ids: Sequence[UUID]) -> Iterator[Stamps]:
        with self._schema.connection() as conn:
            rows = conn.execute(SQL["stamps"], {"ids": list(object_ids)}).fetchall()
        return map(_stamps, rows)

    def vectors(self, object_ids: Sequence[UUID]) -> Iterator[tuple[UUID, Vector]]:
        for _, object_id, vector in self._vectors(object_ids):
            yield object_id, vector

    def _vectors(self, object_ids: Sequence[UUID]) -> Iterator[tuple[str, UUID, Vector]]:
        """With the table that each is in."""
        with self._schema.connection() as conn:
            for table in sorted(self._schema.tables(conn)):
                found = self._schema.run(conn, "vectors", table, binary=True, ids=list(object_ids))
                for object_id, vector in found:
                    yield table, object_id, vector.to_numpy().astype(np.float32)

    def objects(self, object_ids: Sequence[UUID]) -> Iterator[IndexObject]:
        vectors: dict[UUID, list[tuple[str, Vector]]] = {}
        for table, object_id, vector in self._vectors(object_ids):
            vectors.setdefault(object_id, []).append((table, vector))
        columns = sql.SQL(", ").join(map(sql.Identifier, self._schema.columns))
        with self._schema.connection() as conn:
            statement = sql.SQL(SQL["objects"]).format(columns=columns)
            for row in conn.execute(statement, {"ids": list(object_ids)}):
                found = dict(zip(self._schema.columns, row, strict=True))
                stamps = {n: found[n] for n in ("case_id", "case_number", *STAMPS)}
                yield IndexObject(
                    stamps=Stamps(object_id=found["id"], **stamps),
                    properties={p: found[p] for p in self._schema.properties if found[p]},
                    composite=found["composite"],
                    vector=_only(vectors.get(found["id"], []), table_name(found["space"])),
                )

    def probe(self, object_ids: Sequence[UUID]) -> set[UUID]:
        """Objects count as lost only if the most thorough search misses them: a quick one overlooks a few."""
        found = self._probe(object_ids, effort=_EFFORTS[0])
        for effort in _EFFORTS[1:]:
            left = [i for i in object_ids if i not in found]
            found |= self._probe(left, effort=effort) if left else set()
        return found & self._searchable_by_words(list(found))

    def _searchable_by_words(self, object_ids: Sequence[UUID]) -> set[UUID]:
        rows = [words_row(o) for o in self.objects(object_ids)]
        with self._schema.connection(vectors=False) as conn:
            given = {"objects": Jsonb(rows, dumps=_dumps)}
            return {r[0] for r in conn.execute(SQL["searchable_by_words"], given)}

    def _probe(self, object_ids: Sequence[UUID], *, effort: int) -> set[UUID]:
        found: set[UUID] = set()
        with self._schema.connection() as conn, conn.transaction():
            conn.execute("set local enable_seqscan = off")
            conn.execute(sql.SQL("set local hnsw.ef_search = {}").format(effort))
            for table in self._schema.tables(conn):
                rows = self._schema.run(conn, "probe", table, ids=list(object_ids), nearest=_NEAREST)
                found |= {r[0] for r in rows}
        return found

    def make_reachable(self, object_ids: Sequence[UUID]) -> None:
        """Rebuild the graphs, which reaches objects that single inserts left out."""
        if object_ids:
            self._schema.rebuild_graphs()

    def begin_load(self, space: str, objects: int) -> None:
        self._schema.put_off_graph(space, objects)

    def end_load(self) -> None:
        self._schema.make_graphs()

    def spaces(self) -> Mapping[str, int]:
        with self._schema.connection() as conn:
            return {r[0]: r[1] for r in conn.execute(SQL["spaces"])}

    def count(self) -> int:
        with self._schema.connection() as conn:
            row = conn.execute(SQL["count"]).fetchone()
        return int(row[0]) if row else 0

    def health(self) -> IndexHealth:
        try:
            with self._schema.connection(vectors=False) as conn:
                self._schema.check_mark(conn)
                row = conn.execute("select current_setting('transaction_read_only')").fetchone()
        except WrongUse as e:
            return IndexHealth(is_ready=True, is_writable=False, detail=str(e))
        except LoadFailure as e:
            return IndexHealth(is_ready=False, is_writable=False, detail=str(e))
        is_writable = row is not None and row[0] == "off"
        detail = "pgvector answers" if is_writable else "PostgreSQL takes no writes: it is read-only"
        return IndexHealth(is_ready=True, is_writable=is_writable, detail=detail)

    # ── search ───────────────────────────────────────────────────────────────────────────────

    def search(
        self,
        text: str,
        queries: Mapping[str, Vector],
        *,
        where: Sequence[Condition] = (),
        limit: int = 10,
        offset: int = 0,
    ) -> Findings:
        question = Question(text=text.replace("\x00", " "), queries=queries, limit=limit, offset=offset)
        chosen = Filter(where, self._schema.properties)
        with self._schema.connection() as conn, conn.transaction():
            conn.execute(sql.SQL(searching.SETTINGS).format(effort=min(1000, 2 * question.depth)))
            lexicon = self._lexicons.get("", lambda: searching.read_lexicon(conn))
            tables = {s: table_name(s) for s in queries} if queries else {}
            there = self._schema.tables(conn)
            lists = EmbeddedLists(conn, chosen, lexicon, {s: t for s, t in tables.items() if t in there})
            return hybrid.search(lists, question, self._backgrounds(conn, queries, there))

    def _backgrounds(
        self, conn: psycopg.Connection[Any], queries: Mapping[str, Vector], there: set[str]
    ) -> dict[str, Background]:
        sizes = self._sizes.get("", lambda: self._about_spaces(conn))
        asked = {s: v for s, v in queries.items() if table_name(s) in there}
        return {
            s: hybrid.background(self._sample(conn, s), sizes.get(s, 0), vector)
            for s, vector in asked.items()
        }

    def _sample(self, conn: psycopg.Connection[Any], space: str) -> Vector:
        def ask() -> Vector:
            statement = sql.SQL(searching.SQL["sample"]).format(table=table_of(space))
            rows = conn.execute(statement, {"size": SAMPLE}, binary=True).fetchall()
            return as_matrix([r[0].to_numpy() for r in rows])

        return self._samples.get(space, ask)

    def about_spaces(self) -> Mapping[str, int]:
        with self._schema.connection(vectors=False) as conn:
            return self._sizes.get("", lambda: self._about_spaces(conn))

    def _about_spaces(self, conn: psycopg.Connection[Any]) -> Mapping[str, int]:
        sizes: dict[str, int] = {}
        for table in self._schema.tables(conn):
            identifier = sql.Identifier("vector_index", table)
            statement = sql.SQL(searching.SQL["space_size"]).format(table=identifier)
            sizes |= dict(conn.execute(statement, {"name": f"vector_index.{table}"}).fetchall())
        return sizes


def _refuse_space(o: IndexObject, tables: Collection[str]) -> UpsertOutcome | None:
    if table_name(o.stamps.space) in tables:
        return None
    return failed(o, ErrorType.WEAVIATE_REJECTED, f"the index is not prepared for {o.stamps.space}")


def _only(vectors: Sequence[tuple[str, Vector]], table: str) -> Vector:
    """The one vector that an object has, in its own space; none where it has several, or a stranger's."""
    if [t for t, _ in vectors] == [table]:
        return vectors[0][1]
    return np.zeros(0, dtype=np.float32)


def _stamps(row: Sequence[Any]) -> Stamps:
    return Stamps(**dict(zip(("object_id", "case_id", "case_number", *STAMPS), row, strict=True)))


def _versions(objects: Sequence[IndexObject]) -> dict[str, list[Any]]:
    return {
        "ids": [o.stamps.object_id for o in objects],
        "generations": [o.stamps.generation for o in objects],
    }


def _row(o: IndexObject) -> dict[str, Any]:
    stamps = {n: getattr(o.stamps, n) for n in ("case_id", "case_number", *STAMPS)}
    return {**o.properties, **stamps, "id": o.stamps.object_id, "composite": o.composite}


_dumps: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, default=str).encode
