"""Alembic's entry: connects with psycopg 3 and keeps its own table in our schema."""

from alembic import context
from sqlalchemy import create_engine, pool, text

dsn = context.config.attributes["dsn"]
engine = create_engine(
    "postgresql+psycopg://", creator=lambda: __import__("psycopg").connect(dsn), poolclass=pool.NullPool
)
with engine.begin() as connection:
    connection.execute(text("create schema if not exists recon"))
    context.configure(connection=connection, version_table_schema="recon")
    with context.begin_transaction():
        context.run_migrations()
