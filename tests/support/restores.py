"""Parts of a database put back to what they were, as a restore of a backup would do it."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

_TABLES = """
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind = 'r' order by c.relname
"""
_SEQUENCES = """
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind = 'S' order by c.relname
"""


class Backup:
    """The tables, sequences and comment of some schemas, kept in the same database."""

    def __init__(self, dsn: str, *schemas: str) -> None:
        self.dsn, self.schemas = dsn, schemas
        with psycopg.connect(dsn, autocommit=True) as conn:
            for schema in schemas:
                self._do(conn, "create schema {}", f"kept_{schema}")
                for table in self._names(conn, _TABLES, schema):
                    self._do(conn, "create table {} as table {}", (f"kept_{schema}", table), (schema, table))
            self.sequences = {
                (schema, name): self._state(conn, schema, name)
                for schema in schemas
                for name in self._names(conn, _SEQUENCES, schema)
            }
            self.comments = {
                s: conn.execute("select obj_description(%s::regnamespace, 'pg_namespace')", (s,)).fetchone()
                for s in schemas
            }

    def restore(self, *, sequences: bool = True, comments: bool = True) -> None:
        """Put everything back. Without `sequences` they begin anew, as after a restore of data alone."""
        with psycopg.connect(self.dsn, autocommit=True) as conn, conn.transaction():
            conn.execute("set local session_replication_role = replica")
            for schema in self.schemas:
                tables = self._names(conn, _TABLES, f"kept_{schema}")
                names = sql.SQL(", ").join(sql.Identifier(schema, t) for t in tables)
                conn.execute(sql.SQL("truncate {} cascade").format(names))
                for table in tables:
                    self._fill(conn, schema, table)
                if comments and (said := self.comments[schema]):
                    statement = sql.SQL("comment on schema {} is {}")
                    conn.execute(statement.format(sql.Identifier(schema), sql.Literal(said[0])))
            for (schema, name), state in self.sequences.items():
                value, is_called = state if sequences and state else (1, False)
                conn.execute("select setval(%s::regclass, %s, %s)", (f"{schema}.{name}", value, is_called))

    def _fill(self, conn: psycopg.Connection, schema: str, table: str) -> None:
        columns = [
            r[0]
            for r in conn.execute(
                "select column_name from information_schema.columns where table_schema = %s "
                "and table_name = %s and is_generated = 'NEVER' order by ordinal_position",
                (schema, table),
            )
        ]
        listed = sql.SQL(", ").join(map(sql.Identifier, columns))
        conn.execute(
            sql.SQL("insert into {} ({}) overriding system value select {} from {}").format(
                sql.Identifier(schema, table), listed, listed, sql.Identifier(f"kept_{schema}", table)
            )
        )

    @staticmethod
    def _state(conn: psycopg.Connection, schema: str, name: str) -> tuple[int, bool] | None:
        statement = sql.SQL("select last_value, is_called from {}")
        return conn.execute(statement.format(sql.Identifier(schema, name))).fetchone()

    @staticmethod
    def _names(conn: psycopg.Connection, statement: str, schema: str) -> Sequence[str]:
        return [r[0] for r in conn.execute(statement, (schema,))]  # type: ignore[arg-type]

    @staticmethod
    def _do(conn: psycopg.Connection, statement: str, *names: str | tuple[str, str]) -> None:
        parts = [sql.Identifier(*([n] if isinstance(n, str) else n)) for n in names]
        conn.execute(sql.SQL(statement).format(*parts))  # type: ignore[arg-type]
