"""Rows made canonical: the same meaning is the same record, whatever API it came by."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycase.domain.catalogue import OBJECTS, Catalogue
from everycase.domain.rows import MalformedRow, RowParser, WrongWidth, flag, iso, long_id, moment

CASE_ID = "5007T000002AbcDQAS"
SECOND = datetime(2017, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("short", "long"),
    [("5007T000002AbcD", CASE_ID), ("500000000000001", "500000000000001AAA"), (CASE_ID, CASE_ID)],
)
def test_ids_become_18_characters(short: str, long: str) -> None:
    """The suffix says which letters are capitals."""
    assert long_id(short) == long


@given(short=st.from_regex(r"[0-9][A-Za-z0-9]{14}", fullmatch=True))
def test_a_long_id_keeps_the_short_one_and_knows_its_capitals(short: str) -> None:
    """18 characters tell two ids apart even where capitals are lost; once more changes nothing."""
    long = long_id(short)
    assert (len(long), long[:15]) == (18, short)
    assert long_id(long) == long


@pytest.mark.parametrize(
    "bad", ["", "5007T", "5007T000002Abc-", "5007T000002AbcDQ", "x" * 19, "5007T000002Abcé"]
)
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
        "1514764799",
        "1514764799000000",
        "1514764799.0",
        "2017-12-31 23:59:59 UTC",
        "2017-12-31 23:59:59+00",
        "20171231235959",
        "31.12.2017 23:59:59",
        "12/31/2017 11:59:59 PM",
        "31/12/2017 23:59:59",
        "2017/12/31 23:59:59",
        "31-Dec-2017 23:59:59",
        "Dec 31, 2017 11:59:59 PM",
        "Sun, 31 Dec 2017 23:59:59 GMT",
    ],
)
def test_every_form_of_a_date_is_the_same_moment(text: str) -> None:
    """Without a zone it is GMT."""
    assert moment(text) == SECOND
    assert iso(moment(text)) == "2017-12-31T23:59:59Z"


@pytest.mark.parametrize(
    "bad",
    ["2017-02-31", "1/5/2026", "5/1/26 10:00", "31/31/2017", "yesterday", "2017-12-31 25:00:00", "1", ""],
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


@pytest.mark.parametrize("column", ["Subject", "Priority", "ContactName", "ParentId", "SystemModstamp"])
def test_whatever_is_staged_moves_the_hash(column: str) -> None:
    """Identity and filters too: they change what the index holds or what is removed."""
    value = {"ParentId": "5007T000002AbcE", "SystemModstamp": "2018-01-01"}.get(column, "new")
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
@pytest.mark.parametrize("nothing", ["", "000000000000000AAA", "000000000000000", "null", "#N/A"])
def test_a_child_of_nothing_belongs_to_no_case(name: str, nothing: str) -> None:
    """However a tool writes nothing."""
    link = "CaseId" if name == "WorkOrder" else "ParentId"
    assert parse(name, {"Id": "00a7T000002AbcD", link: nothing}) is None


@pytest.mark.parametrize("name", ["CaseComment", "WorkOrder", "WorkOrderFeed"])
def test_a_parent_that_is_no_id_is_malformed(name: str) -> None:
    """Whatever it is, it is not stored."""
    link = "CaseId" if name == "WorkOrder" else "ParentId"
    with pytest.raises(MalformedRow, match=link):
        parse(name, {"Id": "00a7T000002AbcD", link: "Odalys Ferrucci"})


@pytest.mark.parametrize(
    "text", ["Odalys Ferrucci", "odalys@brightmoor.example", "+49 711 123456", "123-45-6789", "x" * 90]
)
def test_only_numbers_stand_where_case_numbers_belong(text: str) -> None:
    """They are indexed as they are."""
    with pytest.raises(MalformedRow, match="CaseNumber") as caught:
        parse("Case", {**CASE, "CaseNumber": text})
    assert text not in str(caught.value)


@pytest.mark.parametrize("number", ["00001026", "ZOOKEEPER-1234", "CS0012345", "CAS-2026-00012", "HPE_A-7"])
def test_case_numbers_of_other_trackers_are_numbers(number: str) -> None:
    assert parse("Case", {**CASE, "CaseNumber": number}).values["CaseNumber"] == number


@pytest.mark.parametrize("column", ["ParentId", "CreatedById"])
def test_only_ids_stand_where_ids_belong(column: str) -> None:
    """A name, a mail or a phone is never stored there."""
    name = "Case" if column == "ParentId" else "CaseComment"
    row = CASE if name == "Case" else {"Id": "00a7T000002AbcD", "ParentId": CASE_ID}
    with pytest.raises(MalformedRow, match=column):
        parse(name, {**row, column: "odalys@brightmoor"})


TEXT = st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=6)


@given(
    one=st.dictionaries(st.sampled_from(["Subject", "Description", "Root_Cause__c", "OwnerName"]), TEXT),
    other=st.dictionaries(st.sampled_from(["Subject", "Description", "Root_Cause__c", "OwnerName"]), TEXT),
)
def test_rows_have_equal_hashes_just_when_they_are_equal(one: dict[str, str], other: dict[str, str]) -> None:
    """Whatever the texts hold, nothing of one field can pass for another's."""
    first, second = parse("Case", {**CASE, **one}), parse("Case", {**CASE, **other})
    is_same = (first.values, first.identity) == (second.values, second.identity)
    assert (first.row_hash == second.row_hash) is is_same


@pytest.mark.parametrize(("text", "reason"), [("a\x00b", "NUL"), ("a\udcffb", "UTF-8")])
def test_what_cannot_be_staged_is_malformed(text: str, reason: str) -> None:
    """Whatever source it comes from."""
    with pytest.raises(MalformedRow, match=reason):
        parse("Case", {**CASE, "Description": text})


def test_a_row_of_another_width_is_malformed() -> None:
    """With both widths."""
    with pytest.raises(WrongWidth, match="has 2 columns where the header has 3"):
        RowParser(OBJECTS[0], Catalogue(), ["Id", "CaseNumber", "Subject"]).parse([CASE_ID, "1"])


def test_an_organisations_own_names_are_read() -> None:
    """A re-mapped field by its own name; an identity column by any of its aliases."""
    catalogue = Catalogue.remapped({"Case.Root_Cause__c": "RCA__c"})
    header = ["Id", "CaseNumber", "RCA__c", "Owner.Name"]
    found = RowParser(catalogue.case, catalogue, header).parse([CASE_ID, "1", "worn", "Oda Holm"])
    assert found is not None
    assert found.values["Root_Cause__c"] == "worn"
    assert found.identity == {"OwnerName": "Oda Holm"}


@given(short=st.from_regex(r"[0-9][A-Za-z0-9]{14}", fullmatch=True))
def test_an_id_in_another_case_is_the_same_id(short: str) -> None:
    """Tools write the suffix, or the whole of it, in small letters or capitals."""
    long = long_id(short)
    assert long_id(short + long[15:].lower()) == long
    assert long_id(long.lower()) == long
    assert long_id(long.upper()) == long


def test_an_email_of_html_alone_has_its_text() -> None:
    """Marked as a page, so that redaction makes plain text of it."""
    mail = {"Id": "02s7T000002AbcD", "ParentId": CASE_ID, "TextBody": " ", "HtmlBody": "Fan <b>loud</b>"}
    assert parse("EmailMessage", mail).values["TextBody"] == "<html>Fan <b>loud</b></html>"
    both = parse("EmailMessage", {**mail, "TextBody": "plain"})
    assert both.values["TextBody"] == "plain"


def test_names_in_parts_are_names() -> None:
    """First and last names are identity as much as whole ones."""
    row = {k: v for k, v in CASE.items() if k != "ContactName"}
    found = parse("Case", {**row, "Contact.FirstName": "Odalys", "CONTACT LAST NAME": "Ferrucci"})
    assert found.identity["ContactName"] == "Odalys Ferrucci"


def test_of_a_column_that_is_named_twice_the_first_that_is_not_blank_counts() -> None:
    parser = RowParser(OBJECTS[0], Catalogue(), ["Id", "CaseNumber", "Subject", "subject"])
    for cells in (["one", ""], ["", "one"], ["one", "two"]):
        found = parser.parse([CASE_ID, "1", *cells])
        assert found is not None
        assert found.values["Subject"] == "one"


def test_an_identity_that_is_longer_than_a_name_can_be_is_malformed() -> None:
    """Looking for it in every text would take too long; leaving it out would leave the name in them."""
    with pytest.raises(MalformedRow, match="ContactName has more than 5,000 characters"):
        parse("Case", {**CASE, "ContactName": "x" * 20_000})
