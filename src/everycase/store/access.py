"""Tokens, browser sessions and the audit of the HTTP service. Only hashes of secrets are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from everycase.domain.access import Caller, Role, secret_hash
from everycase.store.db import Connection, scalar
from everycase.store.queries import queries

SQL = queries("access")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is listed: everything but the secret."""

    token_id: UUID
    name: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHolder:
    """Whose token was presented."""

    token_id: UUID
    caller: Caller


def add_token(conn: Connection, *, name: str, role: Role, secret: str, valid_for: timedelta | None) -> bool:
    """Keep the hash of a new token; False where an unrevoked token has this name already."""
    given = {"name": name, "role": role, "hash": secret_hash(secret), "valid_for": valid_for}
    return conn.execute(SQL["add_token"], given).fetchone() is not None


def tokens(conn: Connection) -> list[Token]:
    """All tokens, newest first, revoked ones as well."""
    with conn.cursor(row_factory=class_row(Token)) as cursor:
        return cursor.execute(SQL["tokens"]).fetchall()


def revoke(conn: Connection, name: str) -> bool:
    """Refuse a token from now on and end its sessions; False where there is none of that name."""
    row = conn.execute(SQL["revoke"], {"name": name}).fetchone()
    return bool(row and row[0])


def has_tokens(conn: Connection) -> bool:
    """Whether there is a token that is neither revoked nor expired."""
    row = conn.execute(SQL["has_tokens"]).fetchone()
    return bool(row and row[0])


def token_holder(conn: Connection, secret: str) -> TokenHolder | None:
    """The holder of a valid token, and remember that it was used."""
    row = conn.execute(SQL["by_token"], {"hash": secret_hash(secret)}).fetchone()
    return TokenHolder(token_id=row[0], caller=Caller(name=row[1], role=Role(row[2]))) if row else None


def add_session(
    conn: Connection, *, secret: str, caller: Caller, token_id: UUID | None, valid_for: timedelta
) -> None:
    """Remember a browser that has signed in, by the hash of its cookie."""
    conn.execute(
        SQL["add_session"],
        {
            "hash": secret_hash(secret),
            "token_id": token_id,
            "subject": caller.name,
            "role": caller.role,
            "valid_for": valid_for,
        },
    )


def session_caller(conn: Connection, secret: str) -> Caller | None:
    """Whose session this is; None where it is over or its token was revoked."""
    row = conn.execute(SQL["by_session"], {"hash": secret_hash(secret)}).fetchone()
    return Caller(name=row[0], role=Role(row[1])) if row else None


def end_session(conn: Connection, secret: str) -> None:
    conn.execute(SQL["end_session"], {"hash": secret_hash(secret)})


def refuse_sign_in(conn: Connection, source: str) -> None:
    """Count a refused sign-in of `source`, a hash of an address."""
    conn.execute(SQL["refuse"], {"source": source})


def refused_sign_ins(conn: Connection, source: str, *, within: timedelta) -> int:
    return int(scalar(conn, SQL["refused"], {"source": source, "within": within}))


def audit(conn: Connection, caller: Caller, action: str, details: Mapping[str, Any]) -> None:
    """Write down who did what. `details` hold ids, counts and options, never a field's value."""
    given = {"who": caller.name, "role": caller.role, "action": action, "details": Jsonb(dict(details))}
    conn.execute(SQL["audit"], given)


def audit_page(conn: Connection, *, before: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Audit rows, newest first; `before`: the last `audit_id` of the page before."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["audit_page"], {"before": before, "limit": limit}).fetchall()
