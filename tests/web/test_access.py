"""Who may do what: tokens, roles, sessions, origins, and the headers that keep browsers safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from everycase.domain.access import Role
from everycase.domain.errors import WrongUse
from everycase.operations import access
from tests.support.service import Service, service, write_export
from tests.support.world import World
from tests.web.routes import fill, routes_of


@pytest.fixture
def closed(world: World, tmp_path: Path) -> Iterator[Service]:
    """A service that wants tokens."""
    source = write_export(tmp_path / "export", good=3, bad=1)
    world.sync(source)
    with world.app(source) as app:
        access.create_token(app, "first", Role.VIEWER)
    with service(world, source, serve={"require_tokens": True}) as running:
        yield running


def _token(s: Service, role: Role, name: str = "somebody") -> str:
    return access.create_token(s.app, name, role).secret


def test_without_a_token_nothing_is_shown(closed: Service) -> None:
    """Only the probes answer; pages lead to the sign-in."""
    with closed.client() as client:
        assert client.get("/api/status").status_code == 401
        assert client.get("/metrics").status_code == 401
        assert client.get("/api/live").status_code == 401
        page = client.get("/failures?stage=join")
        assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/failures%3Fstage%3Djoin")
        assert client.get("/healthz").status_code == 200


def test_a_wrong_token_is_refused_and_never_falls_back_to_the_cookie(closed: Service) -> None:
    """A session cookie does not help a wrong bearer token."""
    with closed.client() as client:
        client.post("/sign-in", data={"token": _token(closed, Role.VIEWER)})
        assert client.get("/api/status").status_code == 200
        assert client.get("/api/status", headers={"Authorization": "Bearer ec_wrong"}).status_code == 401


_OWN = {"/sign-in", "/sign-out", "/api/failures/forecast"}
"""What a viewer may send: it begins or ends the own session, or only counts."""


def test_a_viewer_changes_nothing(closed: Service) -> None:
    """Every route of the service that is no GET, pages and API, tried with a viewer's token."""
    nobody = "00000000-0000-0000-0000-000000000000"
    before = closed.world.rows(_STATE)
    with closed.client(_token(closed, Role.VIEWER)) as client:
        routes = list(routes_of(closed.app))
        schema = client.get("/api/openapi.json").json()["paths"]
        assert {(m.upper(), p) for p, methods in schema.items() for m in methods} <= set(routes)
        tried = [(m, p) for m, p in routes if m not in ("GET", "HEAD") and p not in _OWN]
        assert len(tried) >= 8
        for method, path in tried:
            filled = fill(path, {"order_id": nobody, "run_id": nobody})
            given = {"json": {"kind": "sync"}} if path.startswith("/api") else {"data": {"kind": "retry"}}
            assert client.request(method, filled, **given).status_code == 403, (method, path)
    assert closed.world.rows(_STATE) == before


_STATE = """
select (select count(*) from recon.orders) as orders, (select count(*) from recon.run_progress) as runs,
       (select count(*) from recon.sync_runs) as syncs,
       (select sum(hashtext(f::text)) from recon.failed_records f) as failures,
       (select sum(hashtext(s::text)) from recon.pipeline_state s) as state
"""


def test_a_revoked_token_ends_its_sessions(closed: Service) -> None:
    """Revoking takes effect at the next request, in the browser as well."""
    secret = _token(closed, Role.OPERATOR, "leaver")
    with closed.client() as browser, closed.client(secret) as program:
        browser.post("/sign-in", data={"token": secret})
        assert browser.get("/").status_code == program.get("/api/status").status_code == 200
        access.revoke_token(closed.app, "leaver")
        assert program.get("/api/status").status_code == 401
        assert browser.get("/").status_code == 303


def test_only_hashes_of_secrets_are_kept(closed: Service) -> None:
    """Neither token nor cookie can be read from the database."""
    secret = _token(closed, Role.VIEWER)
    with closed.client() as browser:
        cookie = browser.post("/sign-in", data={"token": secret}).cookies["everycase_session"]
    rows = closed.world.rows(
        "select t::text as row from recon.access_tokens t union all select s::text from recon.web_sessions s"
    )
    assert rows
    assert not any(secret in r["row"] or cookie in r["row"] for r in rows)


def test_the_cookie_is_for_this_site_and_no_script(closed: Service) -> None:
    """HttpOnly and SameSite always."""
    with closed.client() as browser:
        header = browser.post("/sign-in", data={"token": _token(closed, Role.VIEWER)}).headers["set-cookie"]
    assert "HttpOnly" in header
    assert "SameSite=lax" in header


def test_a_change_from_another_site_is_refused(closed: Service) -> None:
    """By Sec-Fetch-Site, and by Origin where that is missing."""
    secret = _token(closed, Role.OPERATOR)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        with closed.client(secret, **headers) as client:
            assert client.post("/api/orders", json={"kind": "sync"}).status_code == 403
    with closed.client(secret, Origin=closed.url) as client:
        assert client.post("/api/orders", json={"kind": "prune"}).status_code == 202


def test_guessing_is_slowed_down(closed: Service) -> None:
    """After ten refused sign-ins from one address the eleventh is not looked at, not even a right one."""
    with closed.client() as client:
        answers = [client.post("/sign-in", data={"token": f"ec_{n}"}).status_code for n in range(11)]
        assert answers == [401] * 10 + [429]
        assert client.post("/sign-in", data={"token": _token(closed, Role.VIEWER)}).status_code == 429


def test_signing_in_leads_to_our_own_pages_alone(closed: Service) -> None:
    """`next` is a path of ours."""
    secret = _token(closed, Role.VIEWER)
    with closed.client() as client:
        for next_, leads in (("/runs", "/runs"), ("//elsewhere.example", "/"), ("https://e.example", "/")):
            answer = client.post("/sign-in", data={"token": secret, "next": next_})
            assert answer.headers["location"] == leads


def test_every_answer_has_the_security_headers(closed: Service) -> None:
    """No inline script, no framing, no sniffing; also on errors."""
    with closed.client() as client:
        for path in ("/sign-in", "/static/everycase.js", "/api/status", "/nothing"):
            headers = client.get(path).headers
            assert "script-src 'self'" in headers["content-security-policy"], path
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"


def test_orders_and_sign_ins_are_in_the_audit(closed: Service) -> None:
    """Who, what, when."""
    with closed.client(_token(closed, Role.OPERATOR, "jo")) as client:
        client.post("/api/orders", json={"kind": "prune"})
        assert client.get("/audit").status_code == 200
    done = [(a["who"], a["action"]) for a in access.read_audit(closed.app)]
    assert ("jo", "ordered prune") in done


def test_an_open_service_answers_on_loopback_alone(shown: Service) -> None:
    """A name that a stranger's page resolves to 127.0.0.1 is not ours."""
    with shown.client(Host="elsewhere.example") as client:
        assert client.get("/api/status").status_code == 421


def test_a_network_address_without_tokens_is_refused(world: World) -> None:
    """The service does not start open to the network."""
    with pytest.raises(WrongUse, match="token create"), service(world, "sample", serve={"host": "0.0.0.0"}):
        pass


def test_an_address_that_is_taken_is_said(shown: Service, world: World) -> None:
    """With the setting that changes it."""
    port = httpx.URL(shown.url).port
    with (
        pytest.raises(WrongUse, match="EVERYCASE_SERVE__PORT"),
        service(world, "sample", serve={"port": port}),
    ):
        pass
