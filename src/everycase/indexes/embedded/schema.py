"""The schema of the embedded index: its tables, its mark, and connections with errors in our words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg_pool import ConnectionPool

from everycase.domain.catalogue import OBJECTS, Catalogue
from everycase.domain.errors import (
    DatabaseFault,
    DatabaseFull,
    DatabaseLacks,
    DatabaseReadOnly,
    DatabaseTimeout,
    WrongUse,
)
from everycase.domain.failures import ErrorType, LoadFailure
from everycase.indexes.admission import check_widths, is_marked, marked, token_of
from everycase.indexes.embedded import graphs
from everycase.indexes.embedded import search as searching
from everycase.indexes.embedded.graphs import SQL

STAMPS = (
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
"""The columns that say what an object was made of."""

_WORDS = "case_words"


class VectorSchema:
    """The schema `vector_index`: one table of objects, one of words, one of vectors for each space.

    `name`: of the index, for its messages; `most_dimensions`: of a vector that it takes.
    """

    def __init__(self, pool: ConnectionPool[Any], *, name: str, most_dimensions: int) -> None:
        self._pool, self._name, self._most_dimensions = pool, name, most_dimensions
        self.properties = Catalogue(objects=OBJECTS).properties
        own = [p for p in self.properties if p not in ("case_id", "case_number")]
        self.columns = ["id", "case_id", "case_number", "composite", *own, *STAMPS]
        self._is_ours = False

    def prepare(self, spaces: Mapping[str, int]) -> None:
        check_widths(spaces, most=self._most_dimensions, index=self._name)
        tables = [_WORDS, *(table_name(s) for s in spaces)]
        with self.connection(vectors=False) as conn:
            found = conn.execute(SQL["is_prepared"], {"columns": self.columns, "tables": tables}).fetchone()
            if found and found[0]:
                self.check_mark(conn)
                return
            with conn.transaction():
                conn.execute(SQL["lock"])
                self.check_mark(conn)
                self._create(conn, spaces)

    def exists(self) -> bool:
        """Whether it was ever prepared. Raises `WrongUse` for a schema that is somebody else's."""
        with self.connection(vectors=False) as conn:
            self.check_mark(conn)
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
        for column in self.columns:
            if column in self.properties:
                conn.execute(
                    sql.SQL("alter table vector_index.support_case add column if not exists {} {}").format(
                        sql.Identifier(column), sql.SQL(self.type_of(column))
                    )
                )
        conn.execute(SQL["add_indexes"])
        conn.execute(searching.SQL["create_words"])
        for space, dimensions in spaces.items():
            parts = {"table": table_of(space), "dimensions": sql.Literal(dimensions)}
            conn.execute(sql.SQL(SQL["create_vectors"]).format(**parts))
            graphs.add(conn, table_name(space))

    def rebuild_graphs(self) -> None:
        """Make the vector index of every space anew; searches go on meanwhile."""
        with self.connection(vectors=False) as conn:
            self.check_mark(conn)
            for table in sorted(self.tables(conn)):
                graphs.rebuild(conn, table)

    def put_off_graph(self, space: str, objects: int) -> None:
        """Drop the vector index of a space of few objects that so many are to be written into."""
        with self.connection(vectors=False) as conn:
            self.check_mark(conn)
            if table_name(space) in self.tables(conn):
                graphs.put_off(conn, table_name(space), objects)

    def make_graphs(self) -> None:
        """Make the vector index of every space that has none."""
        with self.connection(vectors=False) as conn:
            self.check_mark(conn)
            for table in graphs.lacking(conn):
                graphs.build(conn, table)

    def type_of(self, column: str) -> LiteralString:
        if column == "id":
            return "uuid"
        if column == "generation":
            return "bigint"
        if column == "loaded_at":
            return "timestamptz"
        if column in self.properties and self.properties[column][0].parent:
            return "text[]"
        return "text"

    def life(self) -> str:
        with self.connection(vectors=False) as conn:
            row = conn.execute(SQL["mark"], {"columns": []}).fetchone()
        return token_of(row[0]) if row else ""

    def set_life(self, token: str) -> None:
        with self.connection(vectors=False) as conn:
            self.check_mark(conn)
            self._set_mark(conn, token)

    def _set_mark(self, conn: psycopg.Connection[Any], token: str) -> None:
        conn.execute(sql.SQL("comment on schema vector_index is {}").format(sql.Literal(marked(token))))

    def check_mark(self, conn: psycopg.Connection[Any]) -> None:
        """Raises `WrongUse` for a schema that is somebody else's; ours of 0.1 is known by its columns."""
        if self._is_ours:
            return
        row = conn.execute(SQL["mark"], {"columns": list(STAMPS)}).fetchone()
        if row and not (is_marked(row[0]) or row[1] or row[2]):
            raise WrongUse(
                "the schema vector_index in this database is not everycase's: nothing was written or "
                "removed; point EVERYCASE_DATABASE_URL at another database"
            )
        self._is_ours = row is not None

    def tables(self, conn: psycopg.Connection[Any]) -> set[str]:
        return {r[0] for r in conn.execute(SQL["tables"], {})}

    def run(
        self, conn: psycopg.Connection[Any], name: str, table: str, *, binary: bool = False, **given: object
    ) -> psycopg.Cursor[Any]:
        """`binary`: how the answer comes; vectors as text cost more than all the rest of a row."""
        statement = sql.SQL(SQL[name]).format(table=sql.Identifier("vector_index", table))
        return conn.execute(statement, given, binary=binary)

    @contextmanager
    def connection(self, *, vectors: bool = True) -> Iterator[psycopg.Connection[Any]]:
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


def _error_type(error: DatabaseFault) -> ErrorType:
    if isinstance(error, DatabaseTimeout):
        return ErrorType.WEAVIATE_TIMEOUT
    if isinstance(error, DatabaseReadOnly | DatabaseFull):
        return ErrorType.WEAVIATE_READ_ONLY
    return ErrorType.WEAVIATE_UNAVAILABLE


def table_name(space: str) -> str:
    """A space's table: readable, and another one for every other space."""
    slug = re.sub(r"[^a-z0-9]+", "_", space.lower()).strip("_")[:40]
    return f"vector_{slug}_{hashlib.sha256(space.encode()).hexdigest()[:6]}"


def table_of(space: str) -> sql.Identifier:
    return sql.Identifier("vector_index", table_name(space))
