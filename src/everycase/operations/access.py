"""Access to the service: tokens, sign-in, and the audit of what was done."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from everycase.app import App
from everycase.domain.access import LOCAL, Caller, Role, new_secret
from everycase.domain.errors import EverycaseError, WrongUse
from everycase.store import access
from everycase.store.access import Token

SESSION_LASTS = timedelta(hours=12)
REFUSALS_WITHIN = timedelta(minutes=15)
MOST_REFUSALS = 10
"""Refused sign-ins of one address within `REFUSALS_WITHIN`; further ones are not even looked at."""


class SignInRefused(EverycaseError):
    """The token is not valid."""


class TooManyAttempts(EverycaseError):
    """Too many refused sign-ins from this address: wait 15 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token at the only moment at which it is known."""

    name: str
    role: Role
    secret: str

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "role": self.role, "token": self.secret}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSession:
    """A browser that has signed in: whose it is, and the secret of its cookie."""

    caller: Caller
    secret: str


def create_token(app: App, name: str, role: Role, *, valid_for: timedelta | None = None) -> NewToken:
    """Make a token. It is returned once and kept as a hash. Raises `WrongUse` where the name is taken."""
    if not name.strip():
        raise WrongUse("a token needs a name: say whose it is")
    secret = new_secret()
    with app.pool.connection() as conn:
        if not access.add_token(conn, name=name, role=role, secret=secret, valid_for=valid_for):
            raise WrongUse(f"there is a token {name!r} already: choose another name, or revoke it first")
        access.audit(conn, LOCAL, "token created", {"name": name, "role": role})
    return NewToken(name=name, role=role, secret=secret)


def list_tokens(app: App) -> Sequence[Token]:
    """All tokens, newest first, without their secrets."""
    with app.pool.connection() as conn:
        return access.tokens(conn)


def revoke_token(app: App, name: str) -> None:
    """Refuse a token from now on. Raises `WrongUse` where there is none of that name."""
    with app.pool.connection() as conn:
        if not access.revoke(conn, name):
            raise WrongUse(f"there is no valid token {name!r}: `everycase token list` shows them")
        access.audit(conn, LOCAL, "token revoked", {"name": name})


def has_tokens(app: App) -> bool:
    """Whether there is a valid token, so that somebody could sign in."""
    with app.pool.connection() as conn:
        return access.has_tokens(conn)


def caller_of_token(app: App, secret: str) -> Caller | None:
    """Whose token this is; None for one that is not valid."""
    with app.pool.connection() as conn:
        holder = access.token_holder(conn, secret)
    return holder.caller if holder else None


def caller_of_session(app: App, secret: str) -> Caller | None:
    """Whose browser session this is; None where it is over."""
    with app.pool.connection() as conn:
        return access.session_caller(conn, secret)


def sign_in(app: App, token: str, *, address: str) -> SignInSession:
    """Begin a browser session with a token.

    Raises `SignInRefused` for a token that is not valid, and `TooManyAttempts` after ten of them from one
    address within 15 minutes.
    """
    source = hashlib.sha256(address.encode()).hexdigest()[:32]
    with app.pool.connection() as conn:
        if access.refused_sign_ins(conn, source, within=REFUSALS_WITHIN) >= MOST_REFUSALS:
            raise TooManyAttempts
        holder = access.token_holder(conn, token)
        if holder is None:
            access.refuse_sign_in(conn, source)
            raise SignInRefused
        secret = new_secret()
        access.add_session(
            conn,
            secret=secret,
            caller=holder.caller,
            token_id=holder.token_id,
            valid_for=SESSION_LASTS,
        )
        access.audit(conn, holder.caller, "signed in", {})
    return SignInSession(caller=holder.caller, secret=secret)


def sign_in_subject(app: App, caller: Caller) -> SignInSession:
    """Begin a browser session for somebody whom an identity provider vouches for."""
    secret = new_secret()
    with app.pool.connection() as conn:
        access.add_session(conn, secret=secret, caller=caller, token_id=None, valid_for=SESSION_LASTS)
        access.audit(conn, caller, "signed in", {"by": "oidc"})
    return SignInSession(caller=caller, secret=secret)


def sign_out(app: App, secret: str) -> None:
    with app.pool.connection() as conn:
        access.end_session(conn, secret)


def record(app: App, caller: Caller, action: str, details: Mapping[str, Any]) -> None:
    """Write down who did what."""
    with app.pool.connection() as conn:
        access.audit(conn, caller, action, details)


def read_audit(app: App, *, before: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """The audit, newest first."""
    with app.pool.connection() as conn:
        return access.audit_page(conn, before=before, limit=limit)
