"""The two ways to log in without a person: client credentials, and a signed assertion (JWT bearer)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from everycase.domain.errors import WrongUse

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_LIVES = timedelta(minutes=3)


class LoginGrant(Protocol):
    """What is posted to `/services/oauth2/token`."""

    def form(self, now: datetime) -> dict[str, str]: ...

    def basic(self) -> tuple[str, str] | None:
        """User and password of HTTP Basic, where the grant uses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """The External Client App logs in as the user that its policy names."""

    client_id: str
    client_secret: str = field(repr=False)

    def form(self, now: datetime) -> dict[str, str]:
        del now
        return {"grant_type": "client_credentials"}

    def basic(self) -> tuple[str, str] | None:
        return self.client_id, self.client_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAssertion:
    """A JWT signed with the key whose certificate the app holds, in the name of `username`."""

    client_id: str
    username: str
    audience: str
    sign: Callable[[bytes], bytes] = field(repr=False)

    def form(self, now: datetime) -> dict[str, str]:
        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": self.audience,
            "exp": int((now + _ASSERTION_LIVES).timestamp()),
        }
        signed = f"{_encode({'alg': 'RS256', 'typ': 'JWT'})}.{_encode(claims)}"
        return {"grant_type": _JWT_GRANT, "assertion": f"{signed}.{_base64(self.sign(signed.encode()))}"}

    def basic(self) -> tuple[str, str] | None:
        return None


def signer(pem: bytes) -> Callable[[bytes], bytes]:
    """What signs with an RSA key in PEM. Raises `WrongUse` for anything else; the key is never shown."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise WrongUse(
            "EVERYCASE_SALESFORCE__PRIVATE_KEY is not an unencrypted RSA key in PEM: give the key whose "
            "certificate was uploaded to the External Client App"
        )
    rsa_key = key
    return lambda text: rsa_key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def _encode(content: dict[str, object]) -> str:
    return _base64(json.dumps(content, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
