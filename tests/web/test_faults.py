"""Requests that nobody should send, and faults of our own: each is answered with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi.testclient import TestClient

from everycase.web import server
from tests.support.service import Service

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ODD = [
    "%00",
    "%ff%fe",
    "%F0%9F%92%A9",
    "9" * 300,
    "x" * 5000,
    "-1",
    "9223372036854775808",
    "a%0d%0ab",
    "..%2fx",
]
ADDRESSES = [
    "/cases/{}",
    "/cases?after={}",
    "/cases?space={}",
    "/cases?status={}",
    "/failures?case={}",
    "/failures?cursor={}",
    "/failures?stage={}",
    "/find?q={}",
    "/orders/{}",
    "/runs/{}",
    "/runs/{}/report",
    "/runs?cursor={}",
    "/search?q=a&since={}",
    "/search?q=a&where={}",
    "/search?similar={}",
    "/nothing/{}",
    "/api/cases/{}",
    "/api/cases?after={}",
    "/api/cases?limit={}",
    "/api/failures?case={}",
    "/api/failures?cursor={}",
    "/api/orders/{}",
    "/api/runs/{}",
    "/api/runs/{}/gaps",
    "/api/search?q=a&page={}",
    "/api/search?q=a&where={}",
    "/api/search?similar={}",
    "/api/nothing/{}",
]
BODIES = [
    ("/api/orders", b"{", JSON),
    ("/api/orders", b"[" * 100_000, JSON),
    ("/api/orders", b'{"kind": "retry", "selection": {"case": "\\ud800"}}', JSON),
    ("/api/orders", b'{"kind": "retry", "selection": {"case": "\\u0000"}}', JSON),
    ("/api/failures/forecast", b'{"stage": "\\ud800"}', JSON),
    ("/failures/act", b"kind=retry&case=%00", FORM),
    ("/orders", b"kind=nope", FORM),
    ("/orders", b"kind=sync&key=%00", FORM),
]


def check(answer: httpx.Response, path: str) -> None:
    """An error has a sentence in the form that the address speaks, and every answer the security headers."""
    assert "content-security-policy" in answer.headers, path
    if answer.status_code < 400:
        return
    assert answer.status_code < 500, (path, answer.text)
    if path.startswith("/api/"):
        assert answer.headers["content-type"] == "application/problem+json", path
        assert len(answer.json()["detail"]) > 20, path
    else:
        assert answer.headers["content-type"].startswith("text/html"), path
        assert "<h1>" in answer.text, path


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_odd_value_is_answered_with_a_sentence(shown: Service, address: str) -> None:
    """NUL bytes, what is no Unicode, and values too long or too great."""
    with shown.client() as client:
        for odd in ODD:
            check(client.get(address.format(odd)), address.format(odd[:20]))


@pytest.mark.parametrize(("path", "body", "headers"), BODIES)
def test_a_body_that_cannot_be_used_is_answered_with_a_sentence(
    shown: Service, path: str, body: bytes, headers: dict[str, str]
) -> None:
    """And never with a fault of ours."""
    with shown.client() as client:
        answer = client.post(path, content=body, headers=headers)
    assert answer.status_code in (400, 401, 404, 422), answer.text
    check(answer, path)


@pytest.mark.parametrize("path", ["/", "/cases", "/runs", "/api/status", "/api/orders"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_told_the_right_ones(shown: Service, path: str, method: str) -> None:
    """In the sentence and in the header that programs read."""
    with shown.client() as client:
        answer = client.request(method, path)
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert f"does not take {method}: it takes " in answer.text
    check(answer, path)


@pytest.mark.parametrize("path", ["/", "/search?q=a", "/api/status", "/healthz", "/metrics"])
def test_head_is_answered_as_get_without_the_body(shown: Service, path: str) -> None:
    """Monitors and link checkers ask so."""
    with shown.client() as client:
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == client.get(path).headers["content-type"]


@contextmanager
def broken(service: Service) -> Iterator[TestClient]:
    """The application with two routes that have a fault."""
    application = server.create(service.app, needs_sign_in=False)

    def fail() -> None:
        raise RuntimeError("Ada Example")

    application.add_api_route("/broken", fail)
    application.add_api_route("/api/broken", fail)
    with TestClient(application, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("path", ["/broken", "/api/broken"])
def test_a_fault_of_ours_is_a_sentence_without_what_it_was_about(shown: Service, path: str) -> None:
    """With the security headers, and the text of the error nowhere."""
    with broken(shown) as client:
        answer = client.get(path)
    assert answer.status_code == 500
    assert "Ada" not in answer.text
    assert "request_failed" in answer.text
    assert "content-security-policy" in answer.headers
