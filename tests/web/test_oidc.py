"""Sign-in with an organisation's identity provider, against a stand-in that signs real tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from everycase.operations import access
from tests.support.databases import Databases
from tests.support.issuer import CLIENT_ID, Issuer, issuing
from tests.support.service import Service, service, write_export
from tests.support.world import World


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as running:
        yield running


@pytest.fixture(scope="module")
def closed(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, issuer: Issuer
) -> Iterator[Service]:
    """A service whose people sign in with the issuer. Nobody has a token."""
    folder = tmp_path_factory.mktemp("oidc")
    with databases.fresh() as dsn:
        world = World(dsn, folder)
        source = write_export(folder / "export", good=2, bad=0)
        world.sync(source)
        oidc = {"issuer": issuer.url, "client_secret": "s", "operators": "boss,chief@example.org"}
        serve = {"require_tokens": True, "oidc": oidc}
        with service(world, source, serve=serve) as running:
            yield running


@pytest.fixture(autouse=True)
def _usual(issuer: Issuer) -> None:
    """Each test begins with an issuer that does everything right."""
    issuer.subject, issuer.claims, issuer.sends_identity = "somebody", {}, True
    issuer.published = issuer.key


def _sign_in(client: httpx.Client) -> httpx.Response:
    return client.get("/oidc/sign-in", follow_redirects=True)


def _may_order(client: httpx.Client) -> bool:
    return client.post("/api/orders", json={"kind": "prune"}).status_code == 202


def test_whoever_the_issuer_vouches_for_may_look(closed: Service) -> None:
    """The sign-in ends on the overview; an order is refused; the audit has the subject."""
    with closed.client() as client:
        page = _sign_in(client)
        assert (page.status_code, page.url.path) == (200, "/")
        assert client.get("/api/status").status_code == 200
        assert not _may_order(client)
    assert ("somebody", "signed in") in [(a["who"], a["action"]) for a in access.read_audit(closed.app)]


@pytest.mark.parametrize(
    ("subject", "claims", "may"),
    [
        ("boss", {}, True),
        ("1", {"email": "chief@example.org", "email_verified": True}, True),
        ("2", {"email": "chief@example.org", "email_verified": False}, False),
        ("3", {"email": "chief@example.org"}, False),
        ("4", {"email": "other@example.org", "email_verified": True}, False),
        ("5", {"role": "operator", "roles": ["operator"]}, False),
    ],
)
def test_operators_are_those_of_the_settings(
    closed: Service, issuer: Issuer, subject: str, claims: dict[str, Any], may: bool
) -> None:
    """By subject, or by an address that the issuer has verified; no claim makes an operator."""
    issuer.subject, issuer.claims = subject, claims
    with closed.client() as client:
        _sign_in(client)
        assert _may_order(client) is may


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"aud": "another-service"},
        {"aud": ["another-service", "a-third"]},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"sub": None},
    ],
    ids=str,
)
def test_an_identity_token_that_is_not_for_this_sign_in_is_refused(
    closed: Service, issuer: Issuer, claims: dict[str, Any]
) -> None:
    """Each claim that OpenID Connect asks to be checked, wrong or missing: 403, and nobody is signed in."""
    issuer.claims = claims
    with closed.client() as client:
        assert _sign_in(client).status_code == 403
        assert client.get("/api/status").status_code == 401


def test_a_token_for_several_services_is_taken(closed: Service, issuer: Issuer) -> None:
    """If this service is one of them and the token was issued to it."""
    issuer.claims = {"aud": [CLIENT_ID, "another-service"], "azp": CLIENT_ID}
    with closed.client() as client:
        assert _sign_in(client).status_code == 200


def test_a_token_that_another_key_signed_is_refused(closed: Service, issuer: Issuer) -> None:
    """The keys are the issuer's own, whatever the token says of them."""
    own, issuer.key = issuer.key, RSAKey.generate_key(2048, parameters={"kid": "first"})
    try:
        with closed.client() as client:
            assert _sign_in(client).status_code == 403
            assert client.get("/api/status").status_code == 401
    finally:
        issuer.key = own


def test_an_answer_without_an_identity_token_is_refused(closed: Service, issuer: Issuer) -> None:
    """An access token alone says nothing of who asks."""
    issuer.sends_identity = False
    with closed.client() as client:
        assert _sign_in(client).status_code == 403


def test_a_callback_that_nobody_asked_for_is_refused(closed: Service) -> None:
    """Without the state of a sign-in that this browser began, a code is worth nothing."""
    with closed.client() as client:
        for query in ("", "?code=x", "?code=x&state=y", "?error=access_denied"):
            assert client.get(f"/oidc/callback{query}").status_code == 403, query


def test_an_issuer_that_does_not_answer_is_said(closed: Service, world: World) -> None:
    """503 with a sentence, not an error of ours."""
    serve = {"require_tokens": True, "oidc": {"issuer": "http://127.0.0.1:9"}}
    with service(world, closed.world.home / "export", serve=serve) as alone, alone.client() as client:
        answer = client.get("/oidc/sign-in")
    assert answer.status_code == 503
    assert "identity provider does not answer" in answer.text
