"""The default index: pgvector in PostgreSQL. HNSW for meaning, BM25 over full text for words.

It is an index like any other: nothing outside this module reads its tables (contract §8).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from everycase.domain.cases import IndexObject, Stamps, Vector
from everycase.domain.catalogue import OBJECTS, Catalogue
from everycase.domain.errors import (
    DatabaseFault,
    DatabaseFull,
    DatabaseLacks,
    DatabaseReadOnly,
    DatabaseTimeout,
    RowRefused,
    WrongUse,
)
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.domain.lineage import Owned
from everycase.domain.ranking import Background
from everycase.domain.sql_blocks import read_blocks
from everycase.indexes import hybrid
from everycase.indexes.admission import admit, check_widths, failed, is_marked, marked, outcome, token_of
from everycase.indexes.embedded import search as searching
from everycase.indexes.embedded.search import EmbeddedLists, Filter, Lexicon, words_row
from everycase.indexes.hybrid import SAMPLE, Question, Remembered, as_matrix
from everycase.ports import Condition, Findings, IndexHealth, UpsertOutcome, UpsertStatus

_STAMPS = (
    "checksum",
    "children_checksum",
    "text_hash",
    "space",
    "recipe",
    "vector_hash",
    "object_hash",
    "generation",
    "loaded_at",
)
_NEAREST = 20
"""A probe looks for an object among so many nearest: equal texts have equal vectors."""

_EFFORTS = (100, 1000)
"""`hnsw.ef_search` of a probe, and of a second one for what the first did not find."""

_PAGE = 2000
_WORDS = "case_words"
_HIGHEST = (1 << 128) - 1


SQL = read_blocks("everycase.indexes.embedded", "embedded.sql")


class EmbeddedIndex:
    """Implements `ports.VectorIndex` on connections that it is handed, which raise `DatabaseFault`s."""

    name = "embedded"
    settles_after = timedelta(0)
    """A transaction is there whole, with its vectors, or not at all."""
    writes_whole = True
    most_dimensions = 4000
    """Of `halfvec` in an HNSW graph of pgvector."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._pool = pool
        self._properties = Catalogue(objects=OBJECTS).properties
        own = [p for p in self._properties if p not in ("case_id", "case_number")]
        self._is_ours = False
        self._columns = ["id", "case_id", "case_number", "composite", *own, *_STAMPS]
        self._sizes = hybrid.remembered_sizes()
        self._samples = hybrid.remembered_samples()
        self._lexicons: Remembered[Lexicon] = Remembered(lambda lexicon: lexicon.size >= hybrid.SMALL)

    # ── shape ────────────────────────────────────────────────────────────────────────────────

    def prepare(self, spaces: Mapping[str, int]) -> None:
        check_widths(spaces, most=self.most_dimensions, index=self.name)
        tables = [_WORDS, *(_table_name(s) for s in spaces)]
        with self._connection(vectors=False) as conn:
            found = conn.execute(SQL["is_prepared"], {"columns": self._columns, "tables": tables}).fetchone()
            if found and found[0]:
                self._check_mark(conn)
                return
            with conn.transaction():
                conn.execute(SQL["lock"])
                self._check_mark(conn)
                self._create(conn, spaces)

    def exists(self) -> bool:
        """Whether it was ever prepared. Raises `WrongUse` for a schema that is somebody else's."""
        with self._connection(vectors=False) as conn:
            self._check_mark(conn)
            row = conn.execute("select to_regclass('vector_index.support_case') is not null").fetchone()
        return bool(row and row[0])

    def _create(self, conn: psycopg.Connection[Any], spaces: Mapping[str, int]) -> None:
        try:
            conn.execute("create extension if not exists vector")
        except DatabaseLacks:
            raise LoadFailure(
                ErrorType.WEAVIATE_UNAVAILABLE,
                "this PostgreSQL has no pgvector (or the role may not create the extension): install it, "
                "or set EVERYCASE_DATABASE_URL=embedded",
            ) from None
        conn.execute("create schema if not exists vector_index")
        self._set_mark(conn, token_of((conn.execute(SQL["mark"], {"columns": []}).fetchone() or [""])[0]))
        conn.execute(SQL["create"])
        for column in self._columns:
            if column in self._properties:
                conn.execute(
                    sql.SQL("alter table vector_index.support_case add column if not exists {} {}").format(
                        sql.Identifier(column), sql.SQL(self._type(column))
                    )
                )
        conn.execute(SQL["add_indexes"])
        conn.execute(searching.SQL["create_words"])
        for space, dimensions in spaces.items():
            parts = {"table": _table(space), "dimensions": sql.Literal(dimensions)}
            conn.execute(sql.SQL(SQL["create_vectors"]).format(**parts))
            index = sql.Identifier(_table_name(space)[:55] + "_hnsw")
            conn.execute(sql.SQL(SQL["add_vector_index"]).format(index=index, **parts))

    def _type(self, column: str) -> LiteralString:
        if column == "id":
            return "uuid"
        if column == "generation":
            return "bigint"
        if column == "loaded_at":
            return "timestamptz"
        if column in self._properties and self._properties[column][0].parent:
            return "text[]"
        return "text"

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def upsert(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        return self._admit(objects, anew=False)

    def replace(self, objects: Sequence[IndexObject]) -> list[UpsertOutcome]:
        return self._admit(objects, anew=True)

    def _admit(self, objects: Sequence[IndexObject], *, anew: bool) -> list[UpsertOutcome]:
        with self._connection(vectors=False) as conn:
            self._check_mark(conn)
            there = self._tables(conn)
        return admit(objects, partial(self._write, anew=anew), refuse=lambda o: _refuse_space(o, there))

    def _write(self, objects: Sequence[IndexObject], *, anew: bool) -> dict[UUID, UpsertOutcome]:
        """All of them in one go; where the server refuses one, halves, until that one stands alone."""
        if not objects:
            return {}
        try:
            with self._connection() as conn, conn.transaction():
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
        columns = sql.SQL(", ").join(map(sql.Identifier, self._columns))
        typed = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(self._type(c))) for c in self._columns
        )
        assignments = sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in self._columns if c != "id"
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
        there = self._tables(conn)
        for space, members in by_space.items():
            ids = [o.stamps.object_id for o in members]
            for other in there - {_table_name(space)}:
                self._in(conn, "drop_vectors", other, ids=ids)
            vectors = [HalfVector(o.vector) for o in members]
            self._in(conn, "upsert_vectors", _table_name(space), ids=ids, vectors=vectors)
        return stored

    def delete(self, object_ids: Sequence[UUID]) -> int:
        if not object_ids:
            return 0
        with self._connection() as conn:
            self._check_mark(conn)
            return conn.execute(SQL["delete"], {"ids": list(object_ids)}).rowcount

    def release(self, objects: Sequence[Owned]) -> int:
        if not objects:
            return 0
        with self._connection() as conn:
            self._check_mark(conn)
            given = {"ids": [o.object_id for o in objects], "cases": [o.case_id for o in objects]}
            return conn.execute(SQL["release"], given).rowcount

    # ── the mark ─────────────────────────────────────────────────────────────────────────────

    def life(self) -> str:
        with self._connection(vectors=False) as conn:
            row = conn.execute(SQL["mark"], {"columns": []}).fetchone()
        return token_of(row[0]) if row else ""

    def set_life(self, token: str) -> None:
        with self._connection(vectors=False) as conn:
            self._check_mark(conn)
            self._set_mark(conn, token)

    def _set_mark(self, conn: psycopg.Connection[Any], token: str) -> None:
        conn.execute(sql.SQL("comment on schema vector_index is {}").format(sql.Literal(marked(token))))

    def _check_mark(self, conn: psycopg.Connection[Any]) -> None:
        """Raises `WrongUse` for a schema that is somebody else's; ours of 0.1 is known by its columns."""
        if self._is_ours:
            return
        row = conn.execute(SQL["mark"], {"columns": list(_STAMPS)}).fetchone()
        if row and not (is_marked(row[0]) or row[1] or row[2]):
            raise WrongUse(
                "the schema vector_index in this database is not everycase's: nothing was written or "
                "removed; point EVERYCASE_DATABASE_URL at another database"
            )
        self._is_ours = row is not None

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def manifest(self, *, after: UUID | None = None, until: UUID | None = None) -> Iterator[Stamps]:
        first = after.int + 1 if after else 0
        last = until or UUID(int=_HIGHEST)
        while first <= last.int:
            with self._connection() as conn:  # given back between the pages: the reader may take his time
                rows = conn.execute(
                    SQL["manifest"], {"first": UUID(int=first), "last": last, "page": _PAGE}
                ).fetchall()
            yield from map(_stamps, rows)
            if len(rows) < _PAGE:
                return
            first = rows[-1][0].int + 1

    def stamps(self, object_ids: Sequence[UUID]) -> Iterator[Stamps]:
        with self._connection() as conn:
            rows = conn.execute(SQL["stamps"], {"ids": list(object_ids)}).fetchall()
        return map(_stamps, rows)

    def vectors(self, object_ids: Sequence[UUID]) -> Iterator[tuple[UUID, Vector]]:
        for _, object_id, vector in self._vectors(object_ids):
            yield object_id, vector

    def _vectors(self, object_ids: Sequence[UUID]) -> Iterator[tuple[str, UUID, Vector]]:
        """With the table that each is in."""
        with self._connection() as conn:
            for table in sorted(self._tables(conn)):
                found = self._in(conn, "vectors", table, binary=True, ids=list(object_ids))
                for object_id, vector in found:
                    yield table, object_id, vector.to_numpy().astype(np.float32)

    def objects(self, object_ids: Sequence[UUID]) -> Iterator[IndexObject]:
        vectors: dict[UUID, list[tuple[str, Vector]]] = {}
        for table, object_id, vector in self._vectors(object_ids):
            vectors.setdefault(object_id, []).append((table, vector))
        columns = sql.SQL(", ").join(map(sql.Identifier, self._columns))
        with self._connection() as conn:
            statement = sql.SQL(SQL["objects"]).format(columns=columns)
            for row in conn.execute(statement, {"ids": list(object_ids)}):
                found = dict(zip(self._columns, row, strict=True))
                stamps = {n: found[n] for n in ("case_id", "case_number", *_STAMPS)}
                yield IndexObject(
                    stamps=Stamps(object_id=found["id"], **stamps),
                    properties={p: found[p] for p in self._properties if found[p]},
                    composite=found["composite"],
                    vector=_only(vectors.get(found["id"], []), _table_name(found["space"])),
                )

    def probe(self, object_ids: Sequence[UUID]) -> set[UUID]:
        """An approximate index overlooks a few; lost is what it does not find at its most thorough."""
        found = self._probe(object_ids, effort=_EFFORTS[0])
        for effort in _EFFORTS[1:]:
            left = [i for i in object_ids if i not in found]
            found |= self._probe(left, effort=effort) if left else set()
        return found & self._searchable_by_words(list(found))

    def _searchable_by_words(self, object_ids: Sequence[UUID]) -> set[UUID]:
        rows = [words_row(o) for o in self.objects(object_ids)]
        with self._connection(vectors=False) as conn:
            given = {"objects": Jsonb(rows, dumps=_dumps)}
            return {r[0] for r in conn.execute(SQL["searchable_by_words"], given)}

    def _probe(self, object_ids: Sequence[UUID], *, effort: int) -> set[UUID]:
        found: set[UUID] = set()
        with self._connection() as conn, conn.transaction():
            conn.execute("set local enable_seqscan = off")
            conn.execute(sql.SQL("set local hnsw.ef_search = {}").format(effort))
            for table in self._tables(conn):
                rows = self._in(conn, "probe", table, ids=list(object_ids), nearest=_NEAREST)
                found |= {r[0] for r in rows}
        return found

    def spaces(self) -> Mapping[str, int]:
        with self._connection() as conn:
            return {r[0]: r[1] for r in conn.execute(SQL["spaces"])}

    def count(self) -> int:
        with self._connection() as conn:
            row = conn.execute(SQL["count"]).fetchone()
        return int(row[0]) if row else 0

    def health(self) -> IndexHealth:
        try:
            with self._connection(vectors=False) as conn:
                self._check_mark(conn)
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
        chosen = Filter(where, self._properties)
        with self._connection() as conn, conn.transaction():
            conn.execute(sql.SQL(searching.SETTINGS).format(effort=min(1000, 2 * question.depth)))
            lexicon = self._lexicons.get("", lambda: searching.read_lexicon(conn))
            tables = {s: _table_name(s) for s in queries} if queries else {}
            there = self._tables(conn)
            lists = EmbeddedLists(conn, chosen, lexicon, {s: t for s, t in tables.items() if t in there})
            return hybrid.search(lists, question, self._backgrounds(conn, queries, there))

    def _backgrounds(
        self, conn: psycopg.Connection[Any], queries: Mapping[str, Vector], there: set[str]
    ) -> dict[str, Background]:
        sizes = self._sizes.get("", lambda: self._about_spaces(conn))
        asked = {s: v for s, v in queries.items() if _table_name(s) in there}
        return {
            s: hybrid.background(self._sample(conn, s), sizes.get(s, 0), vector)
            for s, vector in asked.items()
        }

    def _sample(self, conn: psycopg.Connection[Any], space: str) -> Vector:
        def ask() -> Vector:
            statement = sql.SQL(searching.SQL["sample"]).format(table=_table(space))
            rows = conn.execute(statement, {"size": SAMPLE}, binary=True).fetchall()
            return as_matrix([r[0].to_numpy() for r in rows])

        return self._samples.get(space, ask)

    def about_spaces(self) -> Mapping[str, int]:
        with self._connection(vectors=False) as conn:
            return self._sizes.get("", lambda: self._about_spaces(conn))

    def _about_spaces(self, conn: psycopg.Connection[Any]) -> Mapping[str, int]:
        sizes: dict[str, int] = {}
        for table in self._tables(conn):
            identifier = sql.Identifier("vector_index", table)
            statement = sql.SQL(searching.SQL["space_size"]).format(table=identifier)
            sizes |= dict(conn.execute(statement, {"name": f"vector_index.{table}"}).fetchall())
        return sizes

    # ── the edge ─────────────────────────────────────────────────────────────────────────────

    def _tables(self, conn: psycopg.Connection[Any]) -> set[str]:
        return {r[0] for r in conn.execute(SQL["tables"], {})}

    def _in(
        self, conn: psycopg.Connection[Any], name: str, table: str, *, binary: bool = False, **given: object
    ) -> psycopg.Cursor[Any]:
        """`binary`: how the answer comes; vectors as text cost more than all the rest of a row."""
        statement = sql.SQL(SQL[name]).format(table=sql.Identifier("vector_index", table))
        return conn.execute(statement, given, binary=binary)

    @contextmanager
    def _connection(self, *, vectors: bool = True) -> Iterator[psycopg.Connection[Any]]:
        """A connection, and the driver's errors in our words; refused data is the caller's business."""
        try:
            with self._pool.connection() as conn:
                if vectors and not conn.adapters.types.get("halfvec"):
                    _register(conn)
                yield conn
        except DatabaseFault as e:
            raise LoadFailure(_error_type(e), str(e)) from None


def _register(conn: psycopg.Connection[Any]) -> None:
    try:
        register_vector(conn)
    except psycopg.ProgrammingError:
        raise LoadFailure(
            ErrorType.WEAVIATE_UNAVAILABLE, "the index is not in this database: everycase sync creates it"
        ) from None


def _refuse_space(o: IndexObject, tables: Collection[str]) -> UpsertOutcome | None:
    if _table_name(o.stamps.space) in tables:
        return None
    return failed(o, ErrorType.WEAVIATE_REJECTED, f"the index is not prepared for {o.stamps.space}")


def _error_type(error: DatabaseFault) -> ErrorType:
    if isinstance(error, DatabaseTimeout):
        return ErrorType.WEAVIATE_TIMEOUT
    if isinstance(error, DatabaseReadOnly | DatabaseFull):
        return ErrorType.WEAVIATE_READ_ONLY
    return ErrorType.WEAVIATE_UNAVAILABLE


def _table_name(space: str) -> str:
    """A space's table: readable, and another one for every other space."""
    slug = re.sub(r"[^a-z0-9]+", "_", space.lower()).strip("_")[:40]
    return f"vector_{slug}_{hashlib.sha256(space.encode()).hexdigest()[:6]}"


def _table(space: str) -> sql.Identifier:
    return sql.Identifier("vector_index", _table_name(space))


def _only(vectors: Sequence[tuple[str, Vector]], table: str) -> Vector:
    """The one vector that an object has, in its own space; none where it has several, or a stranger's."""
    if [t for t, _ in vectors] == [table]:
        return vectors[0][1]
    return np.zeros(0, dtype=np.float32)


def _stamps(row: Sequence[Any]) -> Stamps:
    return Stamps(**dict(zip(("object_id", "case_id", "case_number", *_STAMPS), row, strict=True)))


def _versions(objects: Sequence[IndexObject]) -> dict[str, list[Any]]:
    return {
        "ids": [o.stamps.object_id for o in objects],
        "generations": [o.stamps.generation for o in objects],
    }


def _row(o: IndexObject) -> dict[str, Any]:
    stamps = {n: getattr(o.stamps, n) for n in ("case_id", "case_number", *_STAMPS)}
    return {**o.properties, **stamps, "id": o.stamps.object_id, "composite": o.composite}


_dumps: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, default=str).encode
