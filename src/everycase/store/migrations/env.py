"""Alembic's entry: connects with psycopg 3 and keeps its own table in our schema."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from everycase.store import db


def _connect() -> db.Connection:
    conn = db.connect(context.config.attributes["dsn"])
    conn.autocommit = False
    return conn


engine = create_engine("postgresql+psycopg://", creator=_connect, poolclass=pool.NullPool)
with engine.begin() as connection:
    connection.execute(text("create schema if not exists recon"))
    context.configure(connection=connection, version_table_schema="recon")
    with context.begin_transaction():
        context.run_migrations()
