"""Rows made canonical: the same meaning is the same record, whatever API it came by."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.catalogue import OBJECTS, Catalogue
from everycase.domain.rows import MalformedRow, RowParser, flag, iso, long_id, moment

CASE_ID = "5007T000002AbcDQAS"
SECOND = datetime(2017, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("short", "long"),
    [("5007T000002AbcD", CASE_ID), ("500000000000001", "500000000000001AAA"), (CASE_ID, CASE_ID)],
)
def test_ids_become_18_characters(short: str, long: str) -> None:
    """The suffix says which letters are capitals."""
    assert long_id(short) == long


@pytest.mark.parametrize("bad", ["", "5007T", "5007T000002Abc-", "5007T000002AbcDQ", "x" * 19])
def test_what_is_no_id_is_refused(bad: str) -> None:
    """Without a word of what it says."""
    with pytest.raises(MalformedRow) as caught:
        long_id(bad)
    assert bad == "" or bad not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "2017-12-31 23:59:59",
        "2017-12-31T23:59:59Z",
        "2017-12-31T23:59:59.000Z",
        "2017-12-31T23:59:59.000+0000",
        "2017-12-31T23:59:59.000+00:00",
        "2018-01-01T01:59:59+02:00",
        "1514764799000",
    ],
)
def test_every_form_of_a_date_is_the_same_moment(text: str) -> None:
    """Without a zone it is GMT."""
    assert moment(text) == SECOND
    assert iso(moment(text)) == "2017-12-31T23:59:59Z"


@pytest.mark.parametrize(
    "bad", ["2017-02-31", "31.12.2017", "12/31/2017", "yesterday", "2017-12-31 25:00:00", "1", ""]
)
def test_what_is_no_date_is_refused(bad: str) -> None:
    """Forms that could mean two days are refused too."""
    with pytest.raises(MalformedRow):
        moment(bad)


@given(
    when=st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2200, 1, 1)),
    hours=st.integers(-12, 14),
)
def test_moments_survive_the_way_there_and_back(when: datetime, hours: int) -> None:
    """To the millisecond, whatever the zone."""
    exact = when.replace(microsecond=when.microsecond // 1000 * 1000, tzinfo=timezone(timedelta(hours=hours)))
    assert moment(iso(exact)) == exact


@pytest.mark.parametrize(
    ("text", "meant"),
    [("true", True), ("TRUE", True), ("1", True), ("false", False), ("0", False), ("", False)],
)
def test_flags(text: str, meant: bool) -> None:
    """As the APIs and as spreadsheets write them."""
    assert flag(text) is meant


def parse(name: str, row: dict[str, str], *, header: list[str] | None = None):
    obj = next(o for o in OBJECTS if o.name == name)
    names = header or list(row)
    return RowParser(obj, Catalogue(), names).parse([row.get(n, "") for n in names])


CASE = {"Id": CASE_ID, "CaseNumber": "1", "Subject": "s", "LastModifiedDate": "2017-12-31 23:59:59"}


@pytest.mark.parametrize(
    "other",
    [
        {**CASE, "Id": "5007T000002AbcD"},
        {**CASE, "LastModifiedDate": "2017-12-31T23:59:59.000+0000"},
        {**CASE, "Description": "", "Nobody_Knows__c": "x"},
        {"subject": "s", "ID": CASE_ID, "CASENUMBER": "1", "LastModifiedDate": "2017-12-31 23:59:59"},
        {**CASE, "CaseNumber": " 1 "},
    ],
)
def test_equal_meaning_is_an_equal_hash(other: dict[str, str]) -> None:
    """Forms, blanks, order, case of the header and columns that nobody knows make no difference."""
    assert parse("Case", other).row_hash == parse("Case", CASE).row_hash


@pytest.mark.parametrize(
    "column", ["Subject", "Priority", "ContactName", "ParentId", "IsDeleted", "SystemModstamp"]
)
def test_whatever_is_staged_moves_the_hash(column: str) -> None:
    """Identity and filters too: they change what the index holds or what is removed."""
    value = {"ParentId": "5007T000002AbcE", "IsDeleted": "true", "SystemModstamp": "2018-01-01"}.get(
        column, "new"
    )
    assert parse("Case", {**CASE, column: value}).row_hash != parse("Case", CASE).row_hash


def test_texts_that_look_like_nothing_stay_texts() -> None:
    """`NA`, `null` and `None` are words."""
    found = parse("Case", {**CASE, "Subject": "null", "Description": "NA"})
    assert (found.values["Subject"], found.values["Description"]) == ("null", "NA")


def test_tasks_of_other_types_and_parents_are_not_ours() -> None:
    """A Task may hang on anything."""
    task = {"Id": "00T7T000002AbcD", "WhatId": CASE_ID, "Type": "Plan of Action", "Subject": "x"}
    assert parse("Task", task) is not None
    assert parse("Task", {**task, "Type": "Call"}) is None
    assert parse("Task", {**task, "WhatId": "0017T000002AbcD"}) is None


def test_an_email_may_name_its_case_in_related_to() -> None:
    """ParentId or RelatedToId."""
    mail = {"Id": "02s7T000002AbcD", "ParentId": "", "RelatedToId": CASE_ID, "Subject": "x"}
    assert parse("EmailMessage", mail).parent_id == CASE_ID


@pytest.mark.parametrize("name", ["CaseComment", "WorkOrder", "WorkOrderFeed"])
def test_a_child_of_nothing_is_malformed(name: str) -> None:
    """It could never be joined."""
    link = "CaseId" if name == "WorkOrder" else "ParentId"
    with pytest.raises(MalformedRow, match=link):
        parse(name, {"Id": "00a7T000002AbcD", link: ""})
