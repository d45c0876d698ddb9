"""A database that is set back, whole or in part, to what it was when a copy of it was made."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

_TABLES = (
    "select format('%%I.%%I', schemaname, tablename) from pg_tables "
    "where schemaname = any (%s) and tablename <> 'alembic_version' order by 1"
)
_SEQUENCES = (
    "select format('%%I.%%I', schemaname, sequencename) from pg_sequences where schemaname = any (%s)"
)


def restore(dsn: str, backup: str, *schemas: str, sequences: bool = True) -> None:
    """Fill every table of these schemas with the rows of the database at `backup`.

    Without `sequences` they begin anew, as after logical replication or a copy of the data alone.
    """
    with psycopg.connect(backup) as old, psycopg.connect(dsn) as new:
        new.execute("set session_replication_role = replica")  # tables are filled in any order
        for table in _names(new, _TABLES, schemas):
            new.execute(f"delete from {table}")  # type: ignore[arg-type]
        for table in _names(old, _TABLES, schemas):
            _copy(old, new, table)
        for name in _names(new, _SEQUENCES, schemas):
            _set_back(old, new, name, to_backup=sequences)


def lose(dsn: str, *schemas: str) -> None:
    """Drop these schemas, as if the database had been made anew."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        for schema in schemas:
            conn.execute(f"drop schema {schema} cascade")  # type: ignore[arg-type]


def _names(conn: psycopg.Connection, query: str, schemas: Sequence[str]) -> list[str]:
    return [r[0] for r in conn.execute(query, (list(schemas),))]  # type: ignore[arg-type]


def _copy(old: psycopg.Connection, new: psycopg.Connection, table: str) -> None:
    schema, name = table.split(".")
    columns = old.execute(
        "select string_agg(quote_ident(column_name), ', ' order by ordinal_position) "
        "from information_schema.columns where table_schema = %s and table_name = %s "
        "and is_generated = 'NEVER'",
        (schema.strip('"'), name.strip('"')),
    ).fetchone()
    assert columns is not None
    with (
        old.cursor().copy(f"copy {table} ({columns[0]}) to stdout (format binary)") as source,  # type: ignore[arg-type]
        new.cursor().copy(f"copy {table} ({columns[0]}) from stdin (format binary)") as target,  # type: ignore[arg-type]
    ):
        for block in source:
            target.write(block)


def _set_back(old: psycopg.Connection, new: psycopg.Connection, name: str, *, to_backup: bool) -> None:
    if not to_backup:
        new.execute(f"alter sequence {name} restart")  # type: ignore[arg-type]
        return
    row = old.execute(f"select last_value, is_called from {name}").fetchone()  # type: ignore[arg-type]
    new.execute("select setval(%s::regclass, %s, %s)", (name, *row))  # type: ignore[misc]
