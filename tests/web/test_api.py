"""The API says what the command line says, page by page, and refuses in words."""

from __future__ import annotations

import httpx
import pytest

from tests.support.service import Service


@pytest.fixture
def client(shown: Service) -> httpx.Client:
    return shown.client()


def test_status_counts_every_case(client: httpx.Client) -> None:
    """The counts of the last run, from source to index."""
    status = client.get("/api/status").json()
    assert (status["counts"]["staging"], status["completed"], status["lacking"]) == (34, 30, 4)
    assert status["counts"]["index"] == 30


def test_lists_go_on_where_the_page_before_ended(client: httpx.Client) -> None:
    """All pages together hold every case once."""
    seen, after = [], ""
    while after is not None:
        page = client.get("/api/cases", params={"limit": 10, "after": after}).json()
        seen += [c["record_id"] for c in page["items"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == 34


def test_failures_go_on_by_cursor(client: httpx.Client) -> None:
    """All pages together hold every open failure once."""
    seen, cursor = [], None
    while True:
        page = client.get(
            "/api/failures", params={"limit": 3, **({"cursor": cursor} if cursor else {})}
        ).json()
        seen += [f["failure_id"] for f in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 4


def test_a_filter_narrows_failures_and_their_groups(client: httpx.Client) -> None:
    """Groups obey the filter, and a type that does not exist is refused by name."""
    groups = client.get("/api/failures/groups", params={"stage": "join"}).json()
    assert [(g["error_type"], g["open"]) for g in groups] == [("MissingRequiredField", 4)]
    assert client.get("/api/failures/groups", params={"stage": "pii_removal"}).json() == []
    refused = client.get("/api/failures", params={"error_type": "MissingRequiredFild"})
    assert refused.status_code == 422
    assert "MissingRequiredField" in refused.json()["detail"]


def test_a_case_is_found_by_number_and_by_id(client: httpx.Client) -> None:
    """The journey and the indexed text, which holds no name."""
    number = client.get("/api/cases", params={"status": "completed", "limit": 1}).json()["items"][0]
    journey = client.get(f"/api/cases/{number['case_number']}").json()
    assert journey["record_id"] == number["record_id"]
    text = client.get(f"/api/cases/{number['record_id'][:15]}/text").json()["text"]
    assert "does not start" in text
    assert "Ferrucci" not in text


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/cases/99999999", 404, "no case"),
        ("/api/orders/00000000-0000-0000-0000-000000000000", 404, "there is no order"),
        ("/api/runs/00000000-0000-0000-0000-000000000000", 404, "there is no run"),
        ("/api/failures?cursor=nonsense", 422, "cursor"),
        ("/api/nothing", 404, "nothing at this address"),
        ("/api/search?q=fan&where=colour%3Dred", 422, "colour"),
        ("/api/search?q=", 422, "nothing to search for"),
    ],
)
def test_errors_are_problems_with_a_sentence(client: httpx.Client, path: str, status: int, says: str) -> None:
    """RFC 9457: the media type, the status, and what is wrong."""
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


def test_a_sync_has_a_report(client: httpx.Client) -> None:
    """By the API, on its page, and at the address where a reconciliation has its page of its own."""
    [run] = client.get("/api/runs").json()["items"]
    rows = client.get(f"/api/runs/{run['run_id']}").json()["rows"]
    assert rows["Case"]["rows"] == 34
    page = client.get(f"/runs/{run['run_id']}/report", follow_redirects=True)
    assert (page.status_code, page.url.path) == (200, f"/runs/{run['run_id']}")
    assert "What was read" in page.text
    assert "CaseComment" in page.text


def test_search_finds_a_case(client: httpx.Client) -> None:
    """A hit names its case, its subject and its score."""
    hits = client.get("/api/search", params={"q": "server 7 does not start", "limit": 5}).json()["hits"]
    assert "Server 7 does not start" in [h["subject"] for h in hits]


def test_health_and_readiness(client: httpx.Client) -> None:
    """A probe needs no token."""
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_metrics_are_read_from_postgresql(client: httpx.Client) -> None:
    """Prometheus reads the same numbers as the overview."""
    text = client.get("/metrics").text
    assert "everycase_cases_completed 30.0" in text
    assert (
        'everycase_failures_open{disposition="manual_review",stage="join",type="MissingRequiredField"} 4.0'
        in text
    )
    assert "everycase_last_clean_reconcile_timestamp_seconds 0.0" in text
