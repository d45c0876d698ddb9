"""What an organisation may answer beside the usual: each is understood, and costs no row and no job."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from everycase.domain.catalogue import OBJECTS
from everycase.sources.salesforce.quota import Quota
from everycase.sources.salesforce.session import Patience, retry_after_s
from everycase.sources.salesforce.source import SalesforceSource
from tests.support.exports import case
from tests.support.salesforce.answers import refusal
from tests.support.salesforce.far_end import MemoryState, OrganisationEnd, source_of
from tests.support.salesforce.faults import Ask, Fault

CASE = OBJECTS[0]
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def end() -> Iterator[OrganisationEnd]:
    """Three cases."""
    found = OrganisationEnd(bulk_from=2000)
    found.put("Case", *(case(n) for n in range(1, 4)))
    with found.server:
        yield found


def assert_read_whole(source: SalesforceSource) -> None:
    reading = source.changes(CASE)
    assert len(list(reading)) == 3
    assert reading.proof().is_whole, reading.proof().problem


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("²", None),
        ("7", 7.0),
        (format_datetime(NOON + timedelta(seconds=9), usegmt=True), 9.0),
        (format_datetime(NOON - timedelta(hours=1), usegmt=True), 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """By Salesforce's clock. What is neither counts as nothing; nobody waits longer than the longest wait."""
    assert retry_after_s(header, NOON) == seconds
    assert Patience(longest_wait_s=5.0).wait_s(1, seconds) <= 5.0


@pytest.mark.parametrize("after", ["\n", "\r\n\n"])
def test_empty_lines_of_a_page_are_no_rows(end: OrganisationEnd, after: str) -> None:
    """Announced rows are what counts."""
    end.server.jobs.after_pages = after
    assert_read_whole(source_of(end.server, bulk_from=0))


def test_a_job_whose_answer_is_garbled_is_not_left_behind(end: OrganisationEnd) -> None:
    """Salesforce made it; nobody was told its id."""
    end.server.faults.plan(Fault.GARBLED, Ask.JOB_NEW)
    assert_read_whole(source_of(end.server, bulk_from=0))
    assert (end.server.jobs.made, end.server.jobs.open) == (2, {})


def test_a_lost_job_is_found_where_the_log_in_does_not_say_who_we_are(end: OrganisationEnd) -> None:
    """By its object and its time."""
    end.server.door.says_who = False
    end.server.faults.plan(Fault.GARBLED, Ask.JOB_NEW)
    assert_read_whole(source_of(end.server, bulk_from=0))
    assert end.server.jobs.open == {}


def test_an_organisation_that_lists_no_jobs_is_read_all_the_same(end: OrganisationEnd) -> None:
    """And the job that may be there is looked for again by the next read."""
    state = MemoryState()
    end.server.not_there = {Ask.JOBS}
    end.server.faults.plan(Fault.GARBLED, Ask.JOB_NEW)
    assert_read_whole(source_of(end.server, bulk_from=0, state=state))
    end.server.not_there = set()
    assert_read_whole(source_of(end.server, bulk_from=0, state=state))
    assert end.server.jobs.open == {}


def test_a_log_in_that_is_no_json_is_asked_for_again(end: OrganisationEnd) -> None:
    """It is no refusal."""
    end.server.faults.plan(Fault.GARBLED, Ask.TOKEN)
    assert_read_whole(source_of(end.server))


@pytest.mark.parametrize("code", ["EXCEEDED_QUOTA", "LIMIT_EXCEEDED"])
def test_whatever_bulk_refuses_is_read_by_rest(end: OrganisationEnd, code: str) -> None:
    """By any code: here no more jobs are made today."""
    end.server.jobs.used_up = code
    assert_read_whole(source_of(end.server, bulk_from=0))


def test_an_object_of_an_invalid_type_is_not_shown(end: OrganisationEnd) -> None:
    """As one that is not found."""
    end.organisation.hidden_objects.add("Case")
    message = "sObject type 'Case' is not supported."
    end.server.descriptions.no_such_object = refusal(400, "INVALID_TYPE", message)
    assert "shows no object Case" in source_of(end.server).state(CASE).problem


def test_a_field_that_is_hidden_behind_a_kept_description_is_found_by_the_next_read(
    end: OrganisationEnd,
) -> None:
    """The read that meets it fails and names it."""
    state = MemoryState()
    assert_read_whole(source_of(end.server, state=state))
    end.organisation.hidden_fields.add(("Case", "Subject"))
    end.server.descriptions.is_old = True
    failing = source_of(end.server, state=state).changes(CASE)
    assert list(failing) == []
    assert "No such column 'Subject'" in failing.proof().problem
    source = source_of(end.server, state=state)
    assert source.state(CASE).missing_fields == ("Subject",)
    assert_read_whole(source)


@pytest.mark.parametrize(
    "header", ["api-usage=5/0", "api-usage=many/100", "api-usage=5", "api-usage=5/" + "9" * 99]
)
def test_a_usage_that_cannot_be_read_is_no_usage(header: str) -> None:
    """Our own calls are counted instead, and nothing stops."""
    quota = Quota(0.5)
    quota.note(header)
    quota.check()
    assert quota.usage is None


def test_the_usage_of_one_app_is_not_that_of_the_organisation() -> None:
    """Both stand in one header."""
    quota = Quota(0.5)
    quota.note("per-app-api-usage=17/250(appName=x); api-usage=40/100")
    assert quota.usage is not None
    assert (quota.usage.used, quota.usage.limit) == (40, 100)
