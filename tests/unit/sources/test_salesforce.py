"""The parts of the Salesforce source, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from everycase.domain.cases import Record
from everycase.domain.catalogue import OBJECTS
from everycase.domain.errors import WrongUse
from everycase.sources.salesforce import soql
from everycase.sources.salesforce.cells import cell, number
from everycase.sources.salesforce.errors import QuotaSpent, refused
from everycase.sources.salesforce.grants import SignedAssertion, signer
from everycase.sources.salesforce.quota import Quota
from everycase.sources.salesforce.ranges import split_range
from everycase.sources.salesforce.session import Session
from everycase.sources.salesforce.windows import Mark, Pace, read_mark
from tests.support.exports import case, child, record_id
from tests.support.salesforce.far_end import IMPATIENT, MemoryState, OrganisationEnd, do_not_wait, source_of
from tests.support.salesforce.faults import Ask, Fault
from tests.support.salesforce.schema import FieldType

CASE, TASK = OBJECTS[0], OBJECTS[1]
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def end() -> Iterator[OrganisationEnd]:
    """Three cases, each with a task."""
    found = OrganisationEnd(bulk_from=2000)
    found.put("Case", *(case(n) for n in range(1, 4)))
    found.put("Task", *(child("Task", n, record_id("Case", n)) for n in range(1, 4)))
    with found.server:
        yield found


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (23, "23"), (23.0, "23"), (0.5, "0.5"), (True, "true"), (False, "false"), ("NA", "NA")],
)
def test_a_json_value_is_the_text_of_a_csv_cell(value: object, text: str) -> None:
    """`NA`, `null` and `None` as texts stay what they are."""
    assert cell(value) == text
    assert number(str(value)) == (
        text if isinstance(value, int | float) and value > 1 else number(str(value))
    )


def test_rows_are_equal_by_rest_and_by_bulk(end: OrganisationEnd) -> None:
    """Hashes and versions."""
    hashes = [
        {r.id: (r.row_hash, r.source_version) for r in source.changes(CASE) if isinstance(r, Record)}
        for source in (source_of(end.server, bulk_from=n) for n in (0, 1_000_000))
    ]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 3


def test_a_number_is_one_number_by_both(end: OrganisationEnd) -> None:
    """`23` in JSON, `23.0` in CSV."""
    table = end.organisation.tables["Case"]
    fields = tuple(
        replace(f, type="double") if f.name == "Product_Number__c" else f for f in table.type.fields
    )
    table.type = replace(table.type, fields=fields)
    end.organisation.change("Case", record_id("Case", 1), Product_Number__c=23)
    for bulk_from in (0, 1_000_000):
        source = source_of(end.server, bulk_from=bulk_from)
        found = {r.id: r for r in source.changes(CASE) if isinstance(r, Record)}
        assert found[record_id("Case", 1)].values["Product_Number__c"] == "23"


def test_a_select_that_is_too_wide_is_split_and_put_together(end: OrganisationEnd) -> None:
    """By Id; the rows are the ones of a narrow select."""
    table = end.organisation.tables["Case"]
    long = [FieldType(name=f"{'Wide' * 9}_{n:03}__c") for n in range(400)]
    table.type = replace(table.type, fields=(*table.type.fields, *long))
    table.place = {f.name.lower(): i for i, f in enumerate(table.type.fields)}
    for record_id_, row in table.rows.items():
        table.rows[record_id_] = [*row, *(f"value {n}" for n in range(400))]
    source = source_of(end.server)
    columns = source.columns(CASE)
    assert columns is not None
    wide = replace(
        columns,
        selected=(
            *columns.selected,
            *(replace(columns.selected[0], path=f.name, header=f.name) for f in long),
        ),
    )
    assert not soql.fits(soql.select(wide.paths, "Case"))
    ((_, rows),) = source.rest.by_ids(wide, [record_id("Case", 1)])
    assert (
        rows[0][: len(columns.paths)] == next(iter(source.rest.by_ids(columns, [record_id("Case", 1)])))[1][0]
    )
    assert rows[0][-1] == "value 399"
    assert max(len(line) for line in end.server.lines) < 16_384


def test_a_column_that_is_described_and_refused_is_left_out(end: OrganisationEnd) -> None:
    """It is found once, and remembered until the description changes."""
    end.organisation.hidden_fields.add(("User", "Name"))
    state = MemoryState()
    source = source_of(end.server, state=state)
    columns = source.columns(CASE)
    assert columns is not None
    assert not {"Owner.Name", "CreatedBy.Name"} & set(columns.paths)
    assert "Contact.Name" in columns.paths
    asked = end.server.asked[Ask.QUERY]
    assert source_of(end.server, state=state).columns(CASE) == columns
    assert end.server.asked[Ask.QUERY] == asked


def test_descriptions_are_asked_for_only_where_they_changed(end: OrganisationEnd) -> None:
    """304, and the kept one is used."""
    state = MemoryState()
    first = source_of(end.server, state=state).columns(CASE)
    assert source_of(end.server, state=state).columns(CASE) == first
    end.organisation.hidden_fields.add(("Case", "Root_Cause__c"))
    changed = source_of(end.server, state=state).columns(CASE)
    assert changed is not None
    assert changed.missing == ("Root_Cause__c",)


def test_a_key_field_that_is_hidden_is_an_error(end: OrganisationEnd) -> None:
    """Without it no row can be read."""
    end.organisation.hidden_fields.add(("Task", "WhatId"))
    state = source_of(end.server).state(TASK)
    assert not state.is_present
    assert "WhatId" in state.problem


def test_ids_of_fifteen_characters_are_taken(end: OrganisationEnd) -> None:
    """And answered for."""
    short = record_id("Case", 1)[:15]
    (row,) = list(source_of(end.server).fetch(CASE, {short}))
    assert isinstance(row, Record)
    assert row.id == record_id("Case", 1)


def test_a_query_that_takes_too_long_is_made_narrower(end: OrganisationEnd) -> None:
    """And the rows are all there."""
    end.server.faults.plan(Fault.QUERY_TIMEOUT, Ask.QUERY, skip=2, times=2)
    source = source_of(end.server)
    source.columns(CASE)
    reading = source.changes(CASE)
    assert len(list(reading)) == 3
    assert reading.proof().is_whole


def test_a_bulk_job_that_fails_is_made_anew_and_removed(end: OrganisationEnd) -> None:
    """With and without a message."""
    end.server.faults.plan(Fault.JOB_FAILS, Ask.JOB)
    end.server.faults.plan(Fault.JOB_FAILS_SILENTLY, Ask.JOB)
    reading = source_of(end.server, bulk_from=0).changes(CASE)
    assert len(list(reading)) == 3
    assert reading.proof().is_whole
    assert (end.server.jobs.made, end.server.jobs.open) == (3, {})


def test_a_job_whose_making_was_cut_short_is_found_and_removed(end: OrganisationEnd) -> None:
    """The answer with its id never came."""
    end.server.faults.plan(Fault.BROKEN_BODY, Ask.JOB_NEW)
    reading = source_of(end.server, bulk_from=0).changes(CASE)
    assert len(list(reading)) == 3
    assert reading.proof().is_whole
    assert (end.server.jobs.made, end.server.jobs.open) == (2, {})


def test_a_job_whose_making_was_cut_short_is_not_forgotten_when_another_is_made(end: OrganisationEnd) -> None:
    """The answer with its id never came; the job that was made in its place failed and was made anew."""
    end.server.faults.plan(Fault.BROKEN_BODY, Ask.JOB_NEW)
    end.server.faults.plan(Fault.JOB_FAILS, Ask.JOB)
    reading = source_of(end.server, bulk_from=0).changes(CASE)
    assert len(list(reading)) == 3
    assert reading.proof().is_whole
    assert (end.server.jobs.made, end.server.jobs.open) == (3, {})


def test_a_signed_assertion_logs_in(end: OrganisationEnd) -> None:
    """With the key whose certificate the app holds, and no other."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    door = end.server.door
    door.public_key = key.public_key()
    grant = SignedAssertion(
        client_id=door.client_id,
        username=door.username,
        audience="https://test.salesforce.com",
        sign=signer(pem),
    )
    session = Session(
        url=end.server.url,
        grant=grant,
        version="62.0",
        quota=Quota(1.0),
        patience=IMPATIENT,
        wait=do_not_wait,
    )
    assert session.log_in().organisation == end.organisation.id
    with pytest.raises(WrongUse, match="RSA key"):
        signer(b"no key at all")


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_ranges_of_ids_leave_no_gap(parts: int) -> None:
    """Cuts lie in order between the ends."""
    low, high = record_id("Case", 1), record_id("Case", 40)
    cuts = split_range(low, high, parts)
    assert cuts == sorted(set(cuts))
    assert all(low < c <= high for c in cuts)
    assert len(cuts) == parts - 1


def test_a_window_begins_before_the_mark_and_ends_before_now() -> None:
    """And the mark is its end; one of another release means nothing."""
    mark = Mark(until=NOON, deleted=NOON)
    window = Pace().window(mark, NOON + timedelta(hours=1))
    assert (window.start, window.end) == (NOON - timedelta(minutes=10), NOON + timedelta(minutes=58))
    assert read_mark(str(mark)) == mark
    assert read_mark("0:of-another-release") is None
    assert [h.end - h.start for h in window.halves()] == [timedelta(minutes=34)] * 2


def test_the_quota_stops_at_our_share() -> None:
    """As the last answer tells it."""
    quota = Quota(0.5)
    quota.note("api-usage=49/100; api-bursts=1/750")
    quota.check()
    quota.note("api-usage=50/100")
    with pytest.raises(QuotaSpent, match="50 of 100"):
        quota.check()
    quota.note("api-usage=1/100")
    quota.check()


def test_our_own_calls_are_added_to_a_figure_that_is_missing_or_stands_still() -> None:
    """And a new one is believed, be it lower."""
    for header in (None, "api-usage=45/100"):
        quota = Quota(0.5)
        quota.note("api-usage=45/100")
        for _ in range(5):
            quota.check()
            quota.note(header)
        with pytest.raises(QuotaSpent, match="50 of 100"):
            quota.check()
        assert quota.shall_ask()
        assert not quota.shall_ask()
        quota.note_limits(most=100, left=90)
        quota.check()


def test_the_limits_are_asked_for_where_no_answer_tells_a_figure() -> None:
    """With the first answer, and again after a hundred; never while answers tell it."""
    quota = Quota(0.5)
    asked = []
    for n in range(250):
        quota.note(None)
        if quota.shall_ask():
            asked.append(n)
    assert asked == [0, 100, 200]
    telling = Quota(0.9)
    for n in range(250):
        telling.note(f"api-usage={n}/1000")
        assert not telling.shall_ask()


def test_a_refusal_names_the_field_and_no_value() -> None:
    """Messages of Salesforce quote the query above them."""
    message = "\nFROM Case WHERE Subject = 'Mr Ferrucci'\n  ^\nNo such column 'Shoe__c' on entity 'Case'. If"
    answer = httpx.Response(400, json=[{"errorCode": "INVALID_FIELD", "message": message}])
    found = refused(answer, "the query on Case")
    assert (found.code, found.name, found.owner) == ("INVALID_FIELD", "Shoe__c", "Case")
    assert "Ferrucci" not in str(found)
    odd = httpx.Response(400, json=[{"errorCode": "X", "message": "cannot use 'Mr Ferrucci' here"}])
    assert "Ferrucci" not in str(refused(odd, "the query"))
