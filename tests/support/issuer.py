"""A stand-in for an identity provider: OpenID Connect over real HTTP, with signed identity tokens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.loopback import QuietHandler, answering

CLIENT_ID = "everycase"


class Issuer:
    """Vouches for `subject` without asking; `claims` replace what the identity token would say.

    A claim that is None is left out. `key` signs; `published` is what the issuer shows of its keys.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.subject = "somebody"
        self.claims: dict[str, Any] = {}
        self.sends_identity = True
        self.key = RSAKey.generate_key(2048, parameters={"kid": "first"})
        self.published = self.key
        self._asked: dict[str, dict[str, str]] = {}

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        code = f"code-{len(self._asked)}"
        self._asked[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        asked = self._asked.pop(form["code"])
        assert form.get("code_verifier"), "the code is exchanged without its verifier"
        answer: dict[str, Any] = {"access_token": "access", "token_type": "Bearer", "expires_in": 60}
        return {**answer, "id_token": self._identity(asked["nonce"])} if self.sends_identity else answer

    def _identity(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": self.subject,
            "nonce": nonce,
            "iat": now,
            "exp": now + 300,
            **self.claims,
        }
        given = {k: v for k, v in claims.items() if v is not None}
        return jwt.encode({"alg": "RS256", "kid": "first"}, given, self.key)


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer that lives as long as the block."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                query = {k: v[0] for k, v in parse_qs(parts.query).items()}
                self._answer(302, {}, Location=issuer.authorize(query))
            elif parts.path == "/keys":
                self._answer(200, {"keys": [issuer.published.as_dict(private=False)]})
            else:
                self._answer(200, issuer.metadata())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(200, issuer.token({k: v[0] for k, v in parse_qs(body).items()}))

        def _answer(self, status: int, body: dict[str, Any], **headers: str) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with answering(Handler) as port:
        issuer = Issuer(port)
        yield issuer
