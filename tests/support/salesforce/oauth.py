"""The two grants: client credentials, and a signed assertion (JWT bearer)."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Mapping
from threading import Lock

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.support.salesforce.answers import Answer, as_json

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Door:
    """Who may come in: one client, and the tokens that were given to it."""

    def __init__(self, *, client_id: str, client_secret: str, organisation_id: str) -> None:
        self.client_id, self.client_secret = client_id, client_secret
        self.organisation_id = organisation_id
        self.username = "integration@example.com"
        self.public_key: RSAPublicKey | None = None
        self.is_open = True
        self.says_who = True
        """Whether a grant names the user and the organisation."""
        self.log_ins = self.refusals = 0
        self._numbers = itertools.count(1)
        self._tokens: set[str] = set()
        self._lock = Lock()

    def grant(self, form: Mapping[str, str], authorization: str, instance_url: str) -> Answer:
        with self._lock:
            problem = self._problem(form, authorization)
            if problem:
                self.refusals += 1
                return as_json({"error": problem, "error_description": "request refused"}, 400)
            self.log_ins += 1
            token = f"00Dtoken!{next(self._numbers):06}"
            self._tokens.add(token)
            return as_json(
                {
                    "access_token": token,
                    "instance_url": instance_url,
                    **({"id": self._identity(instance_url)} if self.says_who else {}),
                    "token_type": "Bearer",
                    "issued_at": str(int(time.time() * 1000)),
                    "signature": "c2lnbmF0dXJl",
                }
            )

    def _identity(self, instance_url: str) -> str:
        return f"{instance_url}/id/{self.organisation_id}/005000000000001AAA"

    def knows(self, authorization: str) -> bool:
        return authorization.removeprefix("Bearer ").removeprefix("OAuth ") in self._tokens

    def expire(self) -> None:
        """Every session ends."""
        with self._lock:
            self._tokens.clear()

    def _problem(self, form: Mapping[str, str], authorization: str) -> str:
        if not self.is_open:
            return "invalid_grant"
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            given = _basic(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
            return "" if given == (self.client_id, self.client_secret) else "invalid_client"
        if kind == _JWT_GRANT:
            return self._assertion_problem(form.get("assertion", ""))
        return "unsupported_grant_type"

    def _assertion_problem(self, assertion: str) -> str:
        try:
            head, claims, signature = assertion.split(".")
            said = json.loads(_decoded(claims))
            assert self.public_key is not None
            self.public_key.verify(
                _decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (ValueError, AssertionError, InvalidSignature):
            return "invalid_grant"
        is_right = said["iss"] == self.client_id and said["sub"] == self.username
        return "" if is_right and said["exp"] > time.time() else "invalid_grant"


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _basic(authorization: str) -> tuple[str, str] | None:
    if not authorization.startswith("Basic "):
        return None
    user, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
    return user, secret
