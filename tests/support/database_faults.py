"""A PostgreSQL that fails: statements on one table are refused with an SQLSTATE for a while."""

from __future__ import annotations

import random
from enum import StrEnum

import psycopg


class Refusal(StrEnum):
    """Why a statement is refused, by its SQLSTATE."""

    DEADLOCK = "40P01"
    SERIALIZATION = "40001"
    DISK_FULL = "53100"
    OUT_OF_MEMORY = "53200"


PASSING = (Refusal.DEADLOCK, Refusal.SERIALIZATION)
"""What goes by when the statement is tried again."""

TABLES = (
    "udp.case",
    "udp.casecomment",
    "recon.data_lineage",
    "recon.embedding_cache",
    "recon.lineage_events",
    "vector_index.support_case",
)

_FUNCTION = """
create schema if not exists faults;
create sequence if not exists faults.refused;
create or replace function faults.refuse() returns trigger language plpgsql as $$
begin
  if current_setting('application_name') = 'everycase'  -- the hands of a trial are refused nothing
    and nextval('faults.refused') <= tg_argv[1]::bigint then  -- counts on through a rollback
    raise exception 'refused by a test' using errcode = tg_argv[0];
  end if;
  return null;
end $$;
alter sequence faults.refused restart
"""


def refuse(
    dsn: str, rng: random.Random, refusal: Refusal, statements: int, *, table: str | None = None
) -> str:
    """Refuse the next so many inserts and updates of `table`, or of any; which one it is."""
    table = table or rng.choice(TABLES)
    with psycopg.connect(dsn, autocommit=True) as conn:
        _accept(conn)
        conn.execute(_FUNCTION)
        conn.execute(
            f"create trigger refuse before insert or update on {table} for each statement "  # type: ignore[arg-type]
            f"execute function faults.refuse('{refusal}', '{statements}')"
        )
    return table


def accept(dsn: str) -> None:
    """Refuse nothing any more."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        _accept(conn)


def _accept(conn: psycopg.Connection) -> None:
    for table in TABLES:
        conn.execute(f"drop trigger if exists refuse on {table}")  # type: ignore[arg-type]
