"""Who may use the HTTP service, and for what (contract §17)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

TOKEN_PREFIX = "ec_"  # noqa: S105 - makes a leaked token recognisable to secret scanners
_TOKEN_BYTES = 32


class Role(StrEnum):
    """What a caller may do. An operator may do all that a viewer may."""

    VIEWER = "viewer"
    """Read everything that the service shows."""
    OPERATOR = "operator"
    """And give orders: sync, reconcile, retry, skip, cancel, resume, prune."""

    def covers(self, needed: Role) -> bool:
        return self is Role.OPERATOR or needed is Role.VIEWER


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is asking. `name` is what the audit keeps."""

    name: str
    role: Role


LOCAL = Caller(name="local", role=Role.OPERATOR)
"""Whoever reaches the loopback address of a service that has no tokens."""


def new_secret() -> str:
    """A fresh token or session cookie: 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)


def secret_hash(secret: str) -> bytes:
    """What is kept of a secret: its SHA-256 (32 bytes). A secret of 256 random bits needs no slow hash."""
    return hashlib.sha256(secret.encode()).digest()
